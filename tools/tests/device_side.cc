// SPDX-License-Identifier: GPL-2.0-or-later
// Device sides straight from the specification, for tests.
#include "device_side.h"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

namespace ringtap::test {

size_t DeviceChain::room() const
{
	size_t bytes = 0;

	for (const Buffer &buffer : writable)
		bytes += buffer.size;
	return bytes;
}

void DeviceSide::add_buffer(DeviceChain &chain, uint64_t guest, uint32_t size, bool writable)
{
	const uint8_t *user = memory_.user(guest, size);

	if (!user) {
		ADD_FAILURE() << "buffer at " << guest << " is not guest memory";
		return;
	}
	if (writable) {
		chain.writable.push_back({guest, size});
		return;
	}
	EXPECT_TRUE(chain.writable.empty()) << "readable after writable (2.7.4.2)";
	chain.readable.append(reinterpret_cast<const char *>(user), size);
}

uint32_t DeviceSide::write(const DeviceChain &chain, const std::string &text)
{
	size_t done = 0;

	for (const Buffer &buffer : chain.writable) {
		size_t part = std::min<size_t>(buffer.size, text.size() - done);

		std::memcpy(memory_.user(buffer.guest, part), text.data() + done, part);
		done += part;
	}
	return done;
}

namespace {

class SplitDevice : public DeviceSide {
public:
	SplitDevice(const GuestMemory &memory, const VringAddress &address,
		    const QueueOptions &options) :
		DeviceSide(memory),
		options_(options), desc_(reinterpret_cast<vring_desc *>(address.desc)),
		avail_(reinterpret_cast<vring_avail *>(address.driver)),
		used_(reinterpret_cast<vring_used *>(address.device)), next_(options.start),
		used_index_(options.start), signalled_(options.start)
	{
	}

	std::optional<DeviceChain> pop() override
	{
		if (avail_->idx == next_)
			return std::nullopt;
		DeviceChain chain;

		chain.id = avail_->ring[next_++ % options_.size];
		walk(chain, desc_, options_.size, chain.id, false);
		if (wants_kicks_)
			want_kicks(true);
		return chain;
	}

	void push(const DeviceChain &chain, uint32_t length) override
	{
		push_nonsense(chain.id, length);
	}

	void push_nonsense(uint16_t id, uint32_t length) override
	{
		used_->ring[used_index_ % options_.size] = {id, length};
		used_->idx = ++used_index_;
	}

	void push_batch(const std::vector<DeviceChain> &chains, uint32_t last_length) override
	{
		used_->ring[used_index_ % options_.size] = {chains.back().id, last_length};
		used_index_ += chains.size();
		used_->idx = used_index_;
	}

	void want_kicks(bool wanted) override
	{
		wants_kicks_ = wanted;
		if (options_.event_idx)
			*avail_event() = wanted ? next_ : next_ + 0x8000;
		else
			used_->flags = wanted ? 0 : VRING_USED_F_NO_NOTIFY;
	}

	bool should_signal() override
	{
		uint16_t old = signalled_;

		signalled_ = used_index_;
		if (!options_.event_idx)
			return used_index_ != old && !(avail_->flags & VRING_AVAIL_F_NO_INTERRUPT);
		// 2.7.7.2: when the index goes past used_event.
		for (uint16_t index = old; index != used_index_; index++)
			if (index == avail_->ring[options_.size])
				return true;
		return false;
	}

private:
	void walk(DeviceChain &chain, const vring_desc *table, unsigned size, uint16_t index,
		  bool inside)
	{
		unsigned seen = 0;

		for (;; index = table[index].next) {
			ASSERT_LT(index, size);
			ASSERT_LE(++seen, size) << "a loop";
			const vring_desc &desc = table[index];

			chain.descriptors += !inside;
			if (desc.flags & VRING_DESC_F_INDIRECT) {
				ASSERT_FALSE(inside) << "nested (2.7.5.3.1)";
				ASSERT_FALSE(desc.flags & VRING_DESC_F_NEXT);
				ASSERT_EQ(desc.len % sizeof(vring_desc), 0u);
				auto *user = memory_.user(desc.addr, desc.len);

				walk(chain, reinterpret_cast<vring_desc *>(user),
				     desc.len / sizeof(vring_desc), 0, true);
				return;
			}
			add_buffer(chain, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE);
			if (!(desc.flags & VRING_DESC_F_NEXT))
				return;
			if (options_.in_order && !inside) {
				EXPECT_EQ(desc.next, (index + 1) % size) << "2.7.9.1";
			}
		}
	}

	uint16_t *avail_event()
	{
		return reinterpret_cast<uint16_t *>(used_->ring + options_.size);
	}

	QueueOptions options_;
	vring_desc *desc_;
	vring_avail *avail_;
	vring_used *used_;
	uint16_t next_, used_index_, signalled_;
	bool wants_kicks_ = false;
};

// Counts slots without end; position and wrap counter follow from the count.
class PackedDevice : public DeviceSide {
public:
	PackedDevice(const GuestMemory &memory, const VringAddress &address,
		     const QueueOptions &options) :
		DeviceSide(memory),
		options_(options), ring_(reinterpret_cast<vring_packed_desc *>(address.desc)),
		driver_(reinterpret_cast<vring_packed_desc_event *>(address.driver)),
		device_(reinterpret_cast<vring_packed_desc_event *>(address.device)),
		next_(options.start), used_(options.start), signalled_(options.start)
	{
	}

	std::optional<DeviceChain> pop() override
	{
		DeviceChain chain;

		if (!available(next_))
			return std::nullopt;
		for (;;) {
			const vring_packed_desc &desc = ring_[next_ % options_.size];

			EXPECT_TRUE(available(next_)) << "the rest of a chain comes first (2.8.21)";
			next_++;
			chain.descriptors++;
			chain.id = desc.id;
			if (desc.flags & VRING_DESC_F_INDIRECT)
				walk_table(chain, desc);
			else
				add_buffer(chain, desc.addr, desc.len,
					   desc.flags & VRING_DESC_F_WRITE);
			if (!(desc.flags & VRING_DESC_F_NEXT))
				break;
		}
		if (wants_kicks_)
			want_kicks(true);
		return chain;
	}

	void push(const DeviceChain &chain, uint32_t length) override
	{
		put(chain.id, length);
		used_ += chain.descriptors;
	}

	void push_nonsense(uint16_t id, uint32_t length) override { put(id, length); }

	void push_batch(const std::vector<DeviceChain> &chains, uint32_t last_length) override
	{
		put(chains.back().id, last_length);
		for (const DeviceChain &chain : chains)
			used_ += chain.descriptors;
	}

	void want_kicks(bool wanted) override
	{
		wants_kicks_ = wanted;
		if (!wanted) {
			device_->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
			return;
		}
		device_->off_wrap = next_ % options_.size | (wrap(next_) ? 0x8000 : 0);
		device_->flags = options_.event_idx ? VRING_PACKED_EVENT_FLAG_DESC
						    : VRING_PACKED_EVENT_FLAG_ENABLE;
	}

	bool should_signal() override
	{
		uint64_t old = signalled_;

		signalled_ = used_;
		if (driver_->flags == VRING_PACKED_EVENT_FLAG_DISABLE)
			return false;
		if (driver_->flags == VRING_PACKED_EVENT_FLAG_ENABLE)
			return used_ != old;
		for (uint64_t slot = old; slot != used_; slot++)
			if ((slot % options_.size | (wrap(slot) ? 0x8000 : 0)) == driver_->off_wrap)
				return true;
		return false;
	}

private:
	static constexpr uint16_t avail_bit = 1 << 7, used_bit = 1 << 15;

	// The wrap counter is 1 in the first round.
	[[nodiscard]] bool wrap(uint64_t slot) const { return slot / options_.size % 2 == 0; }

	[[nodiscard]] bool available(uint64_t slot) const
	{
		uint16_t flags = ring_[slot % options_.size].flags;

		return bool(flags & avail_bit) == wrap(slot) &&
		       bool(flags & used_bit) != wrap(slot);
	}

	void put(uint16_t id, uint32_t length)
	{
		vring_packed_desc &desc = ring_[used_ % options_.size];

		desc.id = id;
		desc.len = length;
		desc.flags = wrap(used_) ? avail_bit | used_bit : 0;
	}

	void walk_table(DeviceChain &chain, const vring_packed_desc &desc)
	{
		EXPECT_FALSE(desc.flags & VRING_DESC_F_NEXT);
		EXPECT_EQ(desc.len % sizeof(vring_packed_desc), 0u);
		auto *table = reinterpret_cast<vring_packed_desc *>(
			memory_.user(desc.addr, desc.len));

		for (unsigned i = 0; i < desc.len / sizeof(*table); i++)
			add_buffer(chain, table[i].addr, table[i].len,
				   table[i].flags & VRING_DESC_F_WRITE);
	}

	QueueOptions options_;
	vring_packed_desc *ring_;
	vring_packed_desc_event *driver_, *device_;
	uint64_t next_, used_, signalled_;
	bool wants_kicks_ = false;
};

} // namespace

std::unique_ptr<DeviceSide> make_device(const GuestMemory &memory, const VringAddress &address,
					const QueueOptions &options)
{
	if (options.layout == Layout::packed)
		return std::make_unique<PackedDevice>(memory, address, options);
	return std::make_unique<SplitDevice>(memory, address, options);
}

} // namespace ringtap::test
