// SPDX-License-Identifier: GPL-2.0-or-later
// The driver's side of a packed virtqueue, step by step as virtio 1.3, 2.8.21 and 2.8.22 have it.
#include "guest/packed_queue.h"

#include <fmt/format.h>

namespace ringtap {

namespace {

constexpr uint16_t flag_avail = 1 << VRING_PACKED_DESC_F_AVAIL;
constexpr uint16_t flag_used = 1 << VRING_PACKED_DESC_F_USED;

} // namespace

Result<PackedQueue> PackedQueue::create(GuestMemory &memory, const QueueOptions &options)
{
	TRY(check_queue_options(options));

	// Alignment as in 2.8.10.1: 16 bytes, 4 bytes, 4 bytes.
	size_t n = options.size;
	GuestSpan ring = TRY(memory.allocate(n * sizeof(vring_packed_desc), 16));
	GuestSpan driver = TRY(memory.allocate(sizeof(vring_packed_desc_event), 4));
	GuestSpan device = TRY(memory.allocate(sizeof(vring_packed_desc_event), 4));
	GuestSpan tables;

	if (options.indirect_max)
		tables = TRY(
			memory.allocate(n * options.indirect_max * sizeof(vring_packed_desc), 16));
	return PackedQueue(options, ring, driver, device, tables);
}

PackedQueue::PackedQueue(const QueueOptions &options, GuestSpan ring, GuestSpan driver,
			 GuestSpan device, GuestSpan tables) :
	options_(options),
	ring_(reinterpret_cast<vring_packed_desc *>(ring.user)),
	driver_(reinterpret_cast<vring_packed_desc_event *>(driver.user)),
	device_(reinterpret_cast<vring_packed_desc_event *>(device.user)),
	tables_(tables), avail_{options.start}, published_{options.start}, used_{options.start},
	free_slots_(options.size), free_(options.size), order_(options.size), state_(options.size)
{
	for (unsigned id = 0; id < options.size; id++)
		free_.push(id);
	// Slots in front of a start inside the ring look as the round before left them: used.
	for (unsigned slot = 0; slot < options.start; slot++)
		ring_[slot].flags = flag_avail | flag_used;
	disable_cb();
}

VringAddress PackedQueue::address() const
{
	return {reinterpret_cast<uintptr_t>(ring_), reinterpret_cast<uintptr_t>(driver_),
		reinterpret_cast<uintptr_t>(device_)};
}

unsigned PackedQueue::base() const
{
	return published_.packed() | unsigned(used_.packed()) << 16;
}

bool PackedQueue::indirect(unsigned buffers) const
{
	return buffers > 1 && buffers <= options_.indirect_max;
}

bool PackedQueue::has_room(unsigned buffers) const
{
	return free_slots_ >= (indirect(buffers) ? 1 : buffers);
}

Result<Done> PackedQueue::add_buf(std::span<const Buffer> out, std::span<const Buffer> in,
				  Token token)
{
	unsigned buffers = out.size() + in.size();
	uint32_t writable = 0;

	TRY(check_chain(out, in));
	if (!has_room(buffers))
		return ring_full(indirect(buffers) ? 1 : buffers, free_slots_);
	for (const Buffer &buffer : in)
		writable += buffer.size;

	bool table = indirect(buffers);
	uint16_t id = free_.pop();

	if (table)
		add_indirect(out, in, id);
	else
		add_direct(out, in, id);
	state_[id] = {true, uint16_t(table ? 1 : buffers), writable, token};
	in_flight_++;
	if (options_.in_order)
		order_.push(id);
	return Done{};
}

// 2.8.5, 2.8.6: a chain lies in neighbouring slots, readable descriptors first, NEXT on all but
// the last. Only the id in the last descriptor counts; the others get it too.
void PackedQueue::add_direct(std::span<const Buffer> out, std::span<const Buffer> in, uint16_t id)
{
	unsigned buffers = out.size() + in.size();

	for (unsigned i = 0; i < buffers; i++) {
		const Buffer &buffer = i < out.size() ? out[i] : in[i - out.size()];
		uint16_t flags = (i < out.size() ? 0 : VRING_DESC_F_WRITE) |
				 (i + 1 < buffers ? VRING_DESC_F_NEXT : 0);

		put({buffer.guest, buffer.size, id, flags});
	}
}

// 2.8.7: one descriptor of the ring points to a table. In the table only WRITE has a meaning:
// order alone makes the chain.
void PackedQueue::add_indirect(std::span<const Buffer> out, std::span<const Buffer> in, uint16_t id)
{
	unsigned buffers = out.size() + in.size();
	size_t offset = size_t(id) * options_.indirect_max * sizeof(vring_packed_desc);
	auto *table = reinterpret_cast<vring_packed_desc *>(tables_.user + offset);

	for (unsigned i = 0; i < buffers; i++) {
		const Buffer &buffer = i < out.size() ? out[i] : in[i - out.size()];

		table[i] = {buffer.guest, buffer.size, 0,
			    uint16_t(i < out.size() ? 0 : VRING_DESC_F_WRITE)};
	}
	put({tables_.guest + offset, uint32_t(buffers * sizeof(vring_packed_desc)), id,
	     VRING_DESC_F_INDIRECT});
}

// Fill the next slot. 2.8.21: the flags of the first slot come last of all. As long as they are
// old the device stops there, so the slots after it may be written in any order.
void PackedQueue::put(const vring_packed_desc &descriptor)
{
	vring_packed_desc &slot = ring_[avail_.slot];
	uint16_t flags = descriptor.flags | (avail_.wrap ? flag_avail : flag_used);

	slot.addr = descriptor.addr;
	slot.len = descriptor.len;
	slot.id = descriptor.id;
	if (queued_slots_++) {
		store_relaxed(slot.flags, flags);
	} else {
		held_slot_ = avail_.slot;
		held_flags_ = flags;
	}
	avail_.advance(1, options_.size);
	free_slots_--;
}

bool PackedQueue::publish()
{
	unsigned slots = queued_slots_;

	if (!slots)
		return false;
	// Release: the device must see everything that was queued once it sees the first slot
	// available. Pairs with the device's acquire when it reads the flags of the next slot.
	store_release(ring_[held_slot_].flags, held_flags_);
	queued_slots_ = 0;
	published_ = avail_;
	return wants_kick(slots);
}

// 2.8.10, 2.8.14: the device wants all notifications, none, or one when a slot is made available.
bool PackedQueue::wants_kick(unsigned slots)
{
	// The flags of the first slot must be seen before what the device asks for is read. Pairs
	// with the device's full barrier between writing its event area and its last look at the
	// next slot before it sleeps.
	full_barrier();

	// Acquire: off_wrap belongs to these flags. Pairs with the device's barrier between
	// off_wrap and flags.
	uint16_t flags = load_acquire(device_->flags);

	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;

	uint16_t off_wrap = load_relaxed(device_->off_wrap);
	bool wrap = off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR;
	uint16_t event = off_wrap & 0x7fff;

	// Count in slots from the start of our round; a slot of the round before is negative.
	if (wrap != avail_.wrap)
		event -= options_.size;
	return vring_need_event(event, avail_.slot, avail_.slot - slots);
}

bool PackedQueue::used_at(const Position &position)
{
	// Acquire: id and length, and what the device wrote into the buffers, must not be read
	// before the flags say they are there. Pairs with the device's release store of the flags.
	uint16_t flags = load_acquire(ring_[position.slot].flags);

	return bool(flags & flag_avail) == position.wrap &&
	       bool(flags & flag_used) == position.wrap;
}

Result<std::optional<Used>> PackedQueue::get_buf()
{
	if (!batch_last_) {
		if (!used_at(used_))
			return std::nullopt;
		TRY(start_batch());
	}
	if (!options_.in_order) {
		uint16_t id = *batch_last_;

		batch_last_.reset();
		return finish(id, batch_length_);
	}
	uint16_t id = order_.pop();
	bool last = id == *batch_last_;

	if (last)
		batch_last_.reset();
	// 2.8.8: chains without a used descriptor of their own have been used completely.
	return finish(id, last ? batch_length_ : state_[id].writable);
}

// Read the used descriptor at the next used slot. With IN_ORDER (2.8.8) it stands for all chains
// up to the one it names.
Result<Done> PackedQueue::start_batch()
{
	const vring_packed_desc &slot = ring_[used_.slot];
	uint16_t id = slot.id;

	if (id >= options_.size || !state_[id].active)
		return device_lied("packed", fmt::format("slot {} names chain {}, which is not in "
							 "flight",
							 used_.slot, id));
	batch_length_ = slot.len;
	if (batch_length_ > state_[id].writable)
		return device_lied("packed", fmt::format("chain {} has {} bytes written, but room "
							 "for {}",
							 id, batch_length_, state_[id].writable));
	batch_last_ = id;
	return Done{};
}

Used PackedQueue::finish(uint16_t id, uint32_t length)
{
	InFlight &chain = state_[id];

	chain.active = false;
	in_flight_--;
	free_slots_ += chain.descriptors;
	free_.push(id);
	used_.advance(chain.descriptors, options_.size);
	return {chain.token, length};
}

void PackedQueue::disable_cb()
{
	store_relaxed(driver_->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
}

bool PackedQueue::enable_cb()
{
	if (options_.event_idx) {
		store_relaxed(driver_->off_wrap, used_.packed());
		// Release: the flags belong to this off_wrap. Pairs with the device's acquire of
		// the flags when it decides whether to signal.
		store_release(driver_->flags, VRING_PACKED_EVENT_FLAG_DESC);
	} else {
		store_relaxed(driver_->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	}
	// Asking must be seen before the last look. Pairs with the device's full barrier between
	// its store of used flags and its read of the driver event area.
	full_barrier();
	return !used_at(used_);
}

} // namespace ringtap
