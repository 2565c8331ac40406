// SPDX-License-Identifier: GPL-2.0-or-later
// Writes rings word by word, and takes their memory away.
#include "guest/hostile.h"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif

namespace ringtap {

namespace {

constexpr uint16_t packed_avail = 1 << VRING_PACKED_DESC_F_AVAIL;
constexpr uint16_t packed_used = 1 << VRING_PACKED_DESC_F_USED;

size_t pages(size_t bytes)
{
	size_t page = ::sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

Result<uint8_t *> map_pages(size_t size, int prot, int flags, int fd, const char *what)
{
	void *at = ::mmap(nullptr, size, prot, flags, fd, 0);

	if (at == MAP_FAILED)
		return fail(errno, "map", what);
	return static_cast<uint8_t *>(at);
}

Result<Fd> open_memory(RingPlace place, size_t size)
{
	Fd fd(place == RingPlace::secret ? ::syscall(__NR_memfd_secret, O_CLOEXEC)
					 : ::memfd_create("ringtap-ring", MFD_CLOEXEC));

	if (!fd)
		return fail(errno, "create", fmt::format("{} memory", ring_place_name(place)),
			    "the kernel was built or booted without it (secretmem.enable=1)");
	if (::ftruncate(fd.get(), size) < 0)
		return fail(errno, "set the size of", "ring memory");
	return fd;
}

// A word that a device reads meanwhile: all before it first.
void publish(uint16_t *word, uint16_t value)
{
	store_release(*word, value);
	full_barrier();
}

} // namespace

const char *ring_place_name(RingPlace place)
{
	switch (place) {
	case RingPlace::mapped:
		return "mapped";
	case RingPlace::secret:
		return "secret";
	case RingPlace::readonly:
		return "read-only";
	}
	return "unknown";
}

HostileRing::Mapping::~Mapping()
{
	if (user)
		::munmap(user, size);
}

HostileRing::HostileRing(Layout layout, unsigned size) :
	layout_(layout), size_(size), driver_at_(pages(size * sizeof(vring_desc))),
	device_at_(driver_at_ + pages(sizeof(vring_avail) + (size + 1) * sizeof(uint16_t)))
{
}

Result<HostileRing> HostileRing::create(Layout layout, unsigned size, RingPlace place)
{
	HostileRing ring(layout, size);

	TRY(ring.map(place));
	return ring;
}

Result<Done> HostileRing::map(RingPlace place)
{
	constexpr int prot = PROT_READ | PROT_WRITE;
	size_t size = device_at_ + pages(sizeof(vring_used) + size_ * sizeof(vring_used_elem) + 2);

	if (place == RingPlace::mapped) {
		memory_ = Mapping(
			TRY(map_pages(size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, "ring memory")),
			size);
		return Done{};
	}
	Fd fd = TRY(open_memory(place, size));

	memory_ = Mapping(TRY(map_pages(size, prot, MAP_SHARED, fd.get(), "ring memory")), size);
	if (place == RingPlace::readonly)
		readonly_ = Mapping(TRY(map_pages(driver_at_, PROT_READ, MAP_SHARED, fd.get(),
						  "descriptors to read only")),
				    driver_at_);
	return Done{};
}

VringAddress HostileRing::address() const
{
	auto at = reinterpret_cast<uintptr_t>(memory_.user);

	return {readonly_.user ? reinterpret_cast<uintptr_t>(readonly_.user) : at, at + driver_at_,
		at + device_at_};
}

// Wherever it stands, a ring starts here: packed wrap counters begin at 1.
unsigned HostileRing::base() const
{
	return layout_ == Layout::packed ? 0x80008000 : 0;
}

void HostileRing::reset()
{
	std::memset(memory_.user, 0, memory_.size);
	next_ = 0;
	wrap_ = true;
	avail_ = 0;
	offered_ = 0;
	held_ = false;
	held_head_.reset();
	slots_.clear();
	used_slot_ = used_count_ = 0;
	used_wrap_ = true;
	full_barrier();
}

std::vector<RawDescriptor> HostileRing::chain(std::span<const RawDescriptor> buffers) const
{
	std::vector<RawDescriptor> chain(buffers.begin(), buffers.end());

	for (size_t i = 0; i < chain.size(); i++) {
		if (i + 1 < chain.size())
			chain[i].flags |= VRING_DESC_F_NEXT;
		if (layout_ == Layout::split)
			chain[i].link = slot(i + 1);
	}
	return chain;
}

void HostileRing::offer(std::span<const RawDescriptor> descriptors)
{
	auto *table = reinterpret_cast<vring_desc *>(memory_.user);
	unsigned head = slot();

	if (layout_ == Layout::packed)
		return offer_packed(descriptors);
	for (const RawDescriptor &d : descriptors) {
		table[next_] = {d.guest, d.size, d.flags, d.link};
		next_ = slot(1);
	}
	offer_head(head);
}

void HostileRing::offer_packed(std::span<const RawDescriptor> descriptors)
{
	auto *ring = reinterpret_cast<vring_packed_desc *>(memory_.user);
	unsigned head = slot();
	uint16_t head_flags = 0;

	for (size_t i = 0; i < descriptors.size(); i++) {
		const RawDescriptor &d = descriptors[i];
		uint16_t flags = d.flags | available_flags();

		if (!i)
			head_flags = flags;
		ring[next_].addr = d.guest;
		ring[next_].len = d.size;
		ring[next_].id = d.link;
		if (i)
			ring[next_].flags = flags;
		next_ = slot(1);
		if (!next_)
			wrap_ = !wrap_;
	}
	slots_.push_back(descriptors.size());
	offered_++;
	// What follows the first is not looked at before that is available.
	if (held_ && !held_head_)
		held_head_ = std::pair(head, head_flags);
	else
		publish(&ring[head].flags, head_flags);
}

void HostileRing::hold()
{
	held_ = true;
}

void HostileRing::release()
{
	held_ = false;
	if (layout_ == Layout::split)
		set_avail_index(avail_);
	else if (held_head_)
		set_flags(held_head_->first, held_head_->second);
	held_head_.reset();
}

void HostileRing::offer_head(uint16_t head)
{
	auto *avail = reinterpret_cast<vring_avail *>(memory_.user + driver_at_);

	avail->ring[avail_ % size_] = head;
	offered_++;
	if (held_)
		avail_++;
	else
		set_avail_index(avail_ + 1);
}

void HostileRing::set_avail_index(uint16_t index)
{
	auto *avail = reinterpret_cast<vring_avail *>(memory_.user + driver_at_);

	avail_ = index;
	publish(&avail->idx, index);
}

void HostileRing::set_flags(unsigned slot, uint16_t flags)
{
	publish(&reinterpret_cast<vring_packed_desc *>(memory_.user)[slot].flags, flags);
}

uint16_t HostileRing::available_flags() const
{
	return wrap_ ? packed_avail : packed_used;
}

void HostileRing::write_table(const GuestSpan &table, std::span<const RawDescriptor> descriptors,
			      Layout layout)
{
	size_t count = std::min(descriptors.size(), table.size / sizeof(vring_desc));

	for (size_t i = 0; i < count; i++) {
		const RawDescriptor &d = descriptors[i];

		if (layout == Layout::split) {
			reinterpret_cast<vring_desc *>(table.user)[i] = {d.guest, d.size, d.flags,
									 d.link};
			continue;
		}
		vring_packed_desc &packed = reinterpret_cast<vring_packed_desc *>(table.user)[i];

		packed.addr = d.guest;
		packed.len = d.size;
		packed.id = d.link;
		packed.flags = d.flags;
	}
}

unsigned HostileRing::used()
{
	if (layout_ == Layout::split)
		return load_acquire(reinterpret_cast<vring_used *>(memory_.user + device_at_)->idx);

	auto *ring = reinterpret_cast<vring_packed_desc *>(memory_.user);

	while (used_count_ < offered_) {
		uint16_t flags = load_acquire(ring[used_slot_].flags);

		if (bool(flags & packed_avail) != used_wrap_ ||
		    bool(flags & packed_used) != used_wrap_)
			break;
		used_slot_ += slots_[used_count_++];
		if (used_slot_ >= size_) {
			used_slot_ -= size_;
			used_wrap_ = !used_wrap_;
		}
	}
	return used_count_;
}

void HostileRing::swap_memory(HostileRing &other)
{
	std::swap(memory_, other.memory_);
	std::swap(readonly_, other.readonly_);
}

Result<Done> HostileRing::unmap()
{
	if (::munmap(memory_.user, memory_.size) < 0)
		return fail(errno, "unmap", "ring memory");
	return Done{};
}

Result<Done> HostileRing::map_again()
{
	void *at = ::mmap(memory_.user, memory_.size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (at == MAP_FAILED)
		return fail(errno, "map", "ring memory again");
	return Done{};
}

Result<Done> HostileRing::protect(int prot)
{
	if (::mprotect(memory_.user, memory_.size, prot) < 0)
		return fail(errno, "protect", "ring memory");
	return Done{};
}

} // namespace ringtap
