// SPDX-License-Identifier: GPL-2.0-or-later
// Guest memory in two regions that lie the other way round in the host
#ifndef RINGTAP_TESTS_RING_GUEST_H
#define RINGTAP_TESTS_RING_GUEST_H

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace ringtap::test {

// Memory of exactly the size asked for, so that ASan sees the first byte beyond it.
class Block {
public:
	explicit Block(size_t size, size_t align = 16) : size_(size)
	{
		void *p = nullptr;
		if (posix_memalign(&p, align, size ? size : 1) != 0)
			std::abort();
		std::memset(p, 0, size);
		data_.reset(static_cast<uint8_t *>(p));
	}

	uint8_t *data() { return data_.get(); }
	const uint8_t *data() const { return data_.get(); }
	size_t size() const { return size_; }

	template <class T>
	T get(size_t off) const
	{
		T v;
		check(off, sizeof(v));
		std::memcpy(&v, data_.get() + off, sizeof(v));
		return v;
	}

	template <class T>
	void put(size_t off, T v)
	{
		check(off, sizeof(v));
		std::memcpy(data_.get() + off, &v, sizeof(v));
	}

private:
	struct Free {
		void operator()(uint8_t *p) const { std::free(p); }
	};

	void check(size_t off, size_t n) const
	{
		if (off > size_ || n > size_ - off)
			std::abort();
	}

	size_t size_;
	std::unique_ptr<uint8_t, Free> data_;
};

// A descriptor as it is in guest memory, whatever the layout makes of its last fields.
struct RawDesc {
	uint64_t addr = 0;
	uint32_t len = 0;
	uint16_t flags = 0;
	uint16_t link = 0; // split: next; packed: id
};

// Guest memory for indirect tables: contiguous to the guest, in two pieces to the host.
class GuestMemory {
public:
	static constexpr uint64_t base = 0x40000000;
	static constexpr size_t table_entries = 1100;
	static constexpr size_t table_bytes = table_entries * 16;
	static constexpr size_t tables = 7; // odd: one straddles the two regions

	GuestMemory() : memory_(tables * table_bytes)
	{
		for (size_t i = tables; i-- > 0;)
			free_.push_back(base + i * table_bytes);
	}

	size_t half() const { return memory_.size() / 2; }
	uint64_t end() const { return base + memory_.size(); }
	uint8_t *host() { return memory_.data(); }

	// A table that straddles both regions; not one that alloc() hands out last.
	static uint64_t straddling_table() { return base + (tables / 2) * table_bytes; }

	bool has_table() const { return !free_.empty(); }
	uint64_t alloc_table()
	{
		uint64_t gpa = free_.back();
		free_.pop_back();
		return gpa;
	}
	void free_table(uint64_t gpa) { free_.push_back(gpa); }

	void write(uint64_t gpa, const void *src, size_t n)
	{
		const auto *from = static_cast<const uint8_t *>(src);
		for (size_t i = 0; i < n; i++)
			memory_.data()[to_host(gpa - base + i)] = from[i];
	}

	void write_desc(bool packed, uint64_t gpa, const RawDesc &d)
	{
		uint8_t raw[16];
		encode(packed, d, raw);
		write(gpa, raw, sizeof(raw));
	}

	static void encode(bool packed, const RawDesc &d, uint8_t *raw)
	{
		std::memcpy(raw, &d.addr, 8);
		std::memcpy(raw + 8, &d.len, 4);
		std::memcpy(raw + 12, packed ? &d.link : &d.flags, 2);
		std::memcpy(raw + 14, packed ? &d.flags : &d.link, 2);
	}

private:
	size_t to_host(size_t off) const { return off < half() ? off + half() : off - half(); }

	Block memory_;
	std::vector<uint64_t> free_;
};

} // namespace ringtap::test

#endif
