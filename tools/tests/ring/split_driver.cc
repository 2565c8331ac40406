// SPDX-License-Identifier: GPL-2.0-or-later
// Reference driver of the split layout: virtio 2.7
#include <cstdlib>

#include "driver.h"

namespace ringtap::test {

std::optional<uint64_t> write_table(GuestMemory &guest, bool packed, const Buffer *buffers,
				    size_t n)
{
	if (!guest.has_table() || n > GuestMemory::table_entries)
		return std::nullopt;
	uint64_t table = guest.alloc_table();
	for (size_t i = 0; i < n; i++) {
		RawDesc d{buffers[i].addr, buffers[i].len, 0, 0};
		d.flags = buffers[i].writable ? write_flag : 0;
		if (!packed && i + 1 < n) {
			d.flags |= next_flag;
			d.link = static_cast<uint16_t>(i + 1);
		}
		guest.write_desc(packed, table + i * 16, d);
	}
	return table;
}

namespace {

class SplitDriver final : public Driver {
public:
	SplitDriver(RingMemory &ring, GuestMemory &guest, const DriverSetup &setup) :
		ring_(ring), guest_(guest), num_(setup.num), event_idx_(setup.event_idx),
		in_order_(setup.in_order), avail_(static_cast<uint16_t>(setup.position)),
		published_(avail_), asked_(avail_), used_(avail_), chains_(setup.num)
	{
		for (unsigned i = num_; i-- > 0;)
			free_.push_front(static_cast<uint16_t>(i));
		ring_.driver.put<uint16_t>(2, avail_);
		ring_.device.put<uint16_t>(2, avail_);
	}

	std::optional<uint16_t> post(const Buffers &buffers, Shape shape) override
	{
		size_t direct = shape == Shape::direct ? buffers.size() : shape == Shape::mixed;
		size_t in_table = buffers.size() - direct;
		size_t slots = direct + (in_table ? 1 : 0);
		if (slots == 0 || slots > free_.size())
			return std::nullopt;
		Chain chain;
		if (in_table) {
			auto table = write_table(guest_, false, buffers.data() + direct, in_table);
			if (!table)
				return std::nullopt;
			chain.table = *table;
		}
		for (size_t i = 0; i < slots; i++) {
			chain.descs.push_back(free_.front());
			free_.pop_front();
		}
		for (size_t i = 0; i < slots; i++) {
			RawDesc d{};
			if (i < direct)
				d = {buffers[i].addr, buffers[i].len,
				     buffers[i].writable ? write_flag : uint16_t{0}, 0};
			else
				d = {*chain.table, static_cast<uint32_t>(in_table * 16),
				     indirect_flag, 0};
			if (i + 1 < slots) {
				d.flags |= next_flag;
				d.link = chain.descs[i + 1];
			}
			write_desc(chain.descs[i], d);
		}
		for (const Buffer &b : buffers)
			chain.in_len += b.writable ? b.len : 0;
		uint16_t head = chain.descs[0];
		chain.busy = true;
		chains_[head] = chain;
		order_.push_back(head);
		put_avail(head);
		return head;
	}

	void publish() override
	{
		published_ = avail_;
		ring_.driver.put<uint16_t>(2, published_);
	}

	void post_raw(const std::vector<RawDesc> &descs) override
	{
		for (size_t i = 0; i < descs.size(); i++)
			write_desc(static_cast<unsigned>(i), descs[i]);
		put_avail(0);
		publish();
	}

	std::optional<Completion> take() override
	{
		if (!batch_ && used_ == ring_.device.get<uint16_t>(2))
			return std::nullopt;
		size_t entry = 4 + (used_ % num_) * size_t{8};
		Completion c{static_cast<uint16_t>(ring_.device.get<uint32_t>(entry)),
			     ring_.device.get<uint32_t>(entry + 4)};
		if (in_order_)
			c = expand(c);
		used_++;
		Chain &chain = chains_.at(c.id);
		if (!chain.busy)
			std::abort();
		for (uint16_t d : chain.descs)
			free_.push_back(d);
		if (chain.table)
			guest_.free_table(*chain.table);
		chain = Chain{};
		return c;
	}

	unsigned free_slots() const override { return static_cast<unsigned>(free_.size()); }

	void interrupts_on() override
	{
		ring_.driver.put<uint16_t>(0, 0);
		if (event_idx_)
			interrupt_after(0);
	}

	void interrupts_off() override { ring_.driver.put<uint16_t>(0, 1); }

	void interrupt_after(unsigned steps) override
	{
		ring_.driver.put<uint16_t>(4 + num_ * size_t{2},
					   static_cast<uint16_t>(used_ + steps));
	}

	bool kick_wanted() override
	{
		uint16_t from = asked_;
		asked_ = published_;
		if (!event_idx_)
			return !(ring_.device.get<uint16_t>(0) & 1);
		uint16_t event = ring_.device.get<uint16_t>(4 + num_ * size_t{8});
		for (; from != published_; from++) {
			if (from == event)
				return true;
		}
		return false;
	}

private:
	struct Chain {
		bool busy = false;
		std::vector<uint16_t> descs;
		std::optional<uint64_t> table;
		uint32_t in_len = 0;
	};

	void write_desc(unsigned i, const RawDesc &d)
	{
		uint8_t raw[16];
		GuestMemory::encode(false, d, raw);
		for (size_t k = 0; k < sizeof(raw); k++)
			ring_.desc.put<uint8_t>(i * size_t{16} + k, raw[k]);
	}

	void put_avail(uint16_t head)
	{
		ring_.driver.put<uint16_t>(4 + (avail_ % num_) * size_t{2}, head);
		avail_++;
	}

	// One entry stands for every chain up to the one that it names: virtio 2.7.9.
	Completion expand(const Completion &entry)
	{
		if (!batch_)
			batch_ = entry;
		uint16_t id = order_.front();
		order_.pop_front();
		if (batch_->id != id)
			return {id, chains_.at(id).in_len};
		Completion last = *batch_;
		batch_.reset();
		return last;
	}

	RingMemory &ring_;
	GuestMemory &guest_;
	unsigned num_;
	bool event_idx_, in_order_;
	uint16_t avail_, published_, asked_, used_;
	std::deque<uint16_t> free_;
	std::vector<Chain> chains_;
	std::deque<uint16_t> order_;
	std::optional<Completion> batch_;
};

} // namespace

std::unique_ptr<Driver> make_split_driver(RingMemory &ring, GuestMemory &guest,
					  const DriverSetup &setup)
{
	return std::make_unique<SplitDriver>(ring, guest, setup);
}

} // namespace ringtap::test
