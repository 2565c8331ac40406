// SPDX-License-Identifier: GPL-2.0-or-later
// Reference driver of the packed layout: virtio 2.8
#include <cstdlib>

#include "driver.h"

namespace ringtap::test {

namespace {

constexpr uint16_t avail_flag = 1 << 7;
constexpr uint16_t used_flag = 1 << 15;

struct Position {
	unsigned slot = 0;
	bool wrap = true;

	bool operator==(const Position &) const = default;
};

class PackedDriver final : public Driver {
public:
	PackedDriver(RingMemory &ring, GuestMemory &guest, const DriverSetup &setup) :
		ring_(ring), guest_(guest), num_(setup.num), event_idx_(setup.event_idx),
		in_order_(setup.in_order), avail_{setup.position, setup.wrap}, used_(avail_),
		free_slots_(setup.num), chains_(setup.num)
	{
		for (unsigned i = num_; i-- > 0;)
			ids_.push_back(static_cast<uint16_t>(i));
		// as a driver that has been running leaves it: nothing is available
		for (unsigned i = 0; i < num_; i++) {
			bool wrap = i < avail_.slot ? avail_.wrap : !avail_.wrap;
			put_flags(i, wrap ? avail_flag | used_flag : 0);
		}
	}

	std::optional<uint16_t> post(const Buffers &buffers, Shape shape) override
	{
		size_t slots = shape == Shape::direct ? buffers.size() : 1;
		if (slots == 0 || slots > free_slots_)
			return std::nullopt;
		Chain chain;
		if (shape != Shape::direct) {
			auto table = write_table(guest_, true, buffers.data(), buffers.size());
			if (!table)
				return std::nullopt;
			chain.table = *table;
		}
		auto id = static_cast<uint16_t>(avail_.slot);
		if (!in_order_) {
			id = ids_.back();
			ids_.pop_back();
		}
		for (const Buffer &b : buffers)
			chain.in_len += b.writable ? b.len : 0;
		chain.slots = static_cast<unsigned>(slots);
		chain.busy = true;
		chains_[id] = chain;
		order_.push_back(id);
		free_slots_ -= chain.slots;
		for (size_t i = 0; i < slots; i++) {
			RawDesc d{0, 0, 0, id};
			if (chain.table) {
				d.addr = *chain.table;
				d.len = static_cast<uint32_t>(buffers.size() * 16);
				d.flags = indirect_flag;
			} else {
				d.addr = buffers[i].addr;
				d.len = buffers[i].len;
				d.flags = buffers[i].writable ? write_flag : 0;
			}
			if (i + 1 < slots)
				d.flags |= next_flag;
			put_desc(d, i == 0);
		}
		return id;
	}

	void publish() override
	{
		for (const auto &[slot, flags] : hidden_)
			put_flags(slot, flags);
		hidden_.clear();
		published_.insert(published_.end(), written_.begin(), written_.end());
		written_.clear();
	}

	void post_raw(const std::vector<RawDesc> &descs) override
	{
		for (size_t i = 0; i < descs.size(); i++)
			put_desc(descs[i], i == 0);
		publish();
	}

	std::optional<Completion> take() override
	{
		auto flags = ring_.desc.get<uint16_t>(used_.slot * size_t{16} + 14);
		bool avail = flags & avail_flag;
		bool used = flags & used_flag;
		if (!batch_ && (avail != used || used != used_.wrap))
			return std::nullopt;
		Completion c{ring_.desc.get<uint16_t>(used_.slot * size_t{16} + 12),
			     ring_.desc.get<uint32_t>(used_.slot * size_t{16} + 8)};
		if (!(flags & write_flag))
			c.len = 0;
		if (in_order_)
			c = expand(c);
		Chain &chain = chains_.at(c.id);
		if (!chain.busy)
			std::abort();
		advance(used_, chain.slots);
		free_slots_ += chain.slots;
		if (!in_order_)
			ids_.push_back(c.id);
		if (chain.table)
			guest_.free_table(*chain.table);
		chain = Chain{};
		return c;
	}

	unsigned free_slots() const override { return free_slots_; }

	void interrupts_on() override
	{
		if (event_idx_)
			interrupt_after(0);
		else
			ring_.driver.put<uint16_t>(2, 0);
	}

	void interrupts_off() override { ring_.driver.put<uint16_t>(2, 1); }

	void interrupt_after(unsigned steps) override
	{
		Position at = used_;
		for (; steps > 0; steps--)
			advance(at, 1);
		ring_.driver.put<uint16_t>(0, static_cast<uint16_t>(at.slot | at.wrap << 15));
		ring_.driver.put<uint16_t>(2, 2);
	}

	bool kick_wanted() override
	{
		std::vector<Position> published;
		published.swap(published_);
		uint16_t flags = ring_.device.get<uint16_t>(2);
		if (flags != 2)
			return flags == 0;
		uint16_t off_wrap = ring_.device.get<uint16_t>(0);
		Position event{off_wrap & 0x7fffU, (off_wrap & 0x8000) != 0};
		for (const Position &p : published) {
			if (p == event)
				return true;
		}
		return false;
	}

private:
	struct Chain {
		bool busy = false;
		unsigned slots = 0;
		std::optional<uint64_t> table;
		uint32_t in_len = 0;
	};

	void advance(Position &p, unsigned slots) const
	{
		for (; slots > 0; slots--) {
			if (++p.slot == num_) {
				p.slot = 0;
				p.wrap = !p.wrap;
			}
		}
	}

	void put_flags(unsigned slot, unsigned flags)
	{
		ring_.desc.put<uint16_t>(slot * size_t{16} + 14, static_cast<uint16_t>(flags));
	}

	// Write the next descriptor; the flags of a head stay away until publish().
	void put_desc(RawDesc d, bool head)
	{
		uint16_t old = ring_.desc.get<uint16_t>(avail_.slot * size_t{16} + 14);
		d.flags |= avail_.wrap ? avail_flag : used_flag;
		uint8_t raw[16];
		GuestMemory::encode(true, d, raw);
		for (size_t k = 0; k < sizeof(raw); k++)
			ring_.desc.put<uint8_t>(avail_.slot * size_t{16} + k, raw[k]);
		if (head) {
			put_flags(avail_.slot, old);
			hidden_.push_back({avail_.slot, d.flags});
		}
		written_.push_back(avail_);
		advance(avail_, 1);
	}

	// One descriptor stands for every chain up to the one that it names: virtio 2.8.11.
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

	struct Hidden {
		unsigned slot;
		uint16_t flags;
	};

	RingMemory &ring_;
	GuestMemory &guest_;
	unsigned num_;
	bool event_idx_, in_order_;
	Position avail_, used_;
	unsigned free_slots_;
	std::vector<uint16_t> ids_;
	std::vector<Chain> chains_;
	std::deque<uint16_t> order_;
	std::vector<Hidden> hidden_;
	std::vector<Position> written_, published_;
	std::optional<Completion> batch_;
};

} // namespace

std::unique_ptr<Driver> make_packed_driver(RingMemory &ring, GuestMemory &guest,
					   const DriverSetup &setup)
{
	return std::make_unique<PackedDriver>(ring, guest, setup);
}

} // namespace ringtap::test
