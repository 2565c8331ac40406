// SPDX-License-Identifier: GPL-2.0-or-later
// The driver's side of a split virtqueue, step by step as virtio 1.3, 2.7.13 and 2.7.14 have it.
#include "guest/split_queue.h"

#include <fmt/format.h>

namespace ringtap {

Result<SplitQueue> SplitQueue::create(GuestMemory &memory, const QueueOptions &options)
{
	TRY(check_queue_options(options));

	// Alignment as in 2.7: 16 bytes, 2 bytes, 4 bytes. The event index follows each ring.
	size_t n = options.size;
	GuestSpan desc = TRY(memory.allocate(n * sizeof(vring_desc), 16));
	GuestSpan avail = TRY(memory.allocate(sizeof(vring_avail) + (n + 1) * 2, 2));
	GuestSpan used = TRY(
		memory.allocate(sizeof(vring_used) + n * sizeof(vring_used_elem) + 2, 4));
	GuestSpan tables;

	if (options.indirect_max)
		tables = TRY(memory.allocate(n * options.indirect_max * sizeof(vring_desc), 16));
	return SplitQueue(options, desc, avail, used, tables);
}

SplitQueue::SplitQueue(const QueueOptions &options, GuestSpan desc, GuestSpan avail, GuestSpan used,
		       GuestSpan tables) :
	options_(options),
	desc_(reinterpret_cast<vring_desc *>(desc.user)),
	avail_(reinterpret_cast<vring_avail *>(avail.user)),
	used_(reinterpret_cast<vring_used *>(used.user)),
	avail_event_(reinterpret_cast<uint16_t *>(used.user + used.size - 2)), tables_(tables),
	avail_index_(options.start), published_(options.start), used_index_(options.start),
	free_(options.size), order_(options.size), state_(options.size), next_(options.size)
{
	for (unsigned i = 0; i < options.size; i++)
		free_.push(i);
	// Both indices begin at 0 on a real device; vhost takes any common value as its base.
	avail_->idx = options.start;
	used_->idx = options.start;
	disable_cb();
}

VringAddress SplitQueue::address() const
{
	return {reinterpret_cast<uintptr_t>(desc_), reinterpret_cast<uintptr_t>(avail_),
		reinterpret_cast<uintptr_t>(used_)};
}

bool SplitQueue::indirect(unsigned buffers) const
{
	return buffers > 1 && buffers <= options_.indirect_max;
}

bool SplitQueue::has_room(unsigned buffers) const
{
	return free_.count() >= (indirect(buffers) ? 1 : buffers);
}

// 2.7.13, step by step: 1. fill descriptors, 2. put the head into the available ring.
Result<Done> SplitQueue::add_buf(std::span<const Buffer> out, std::span<const Buffer> in,
				 Token token)
{
	unsigned buffers = out.size() + in.size();
	uint32_t writable = 0;

	TRY(check_chain(out, in));
	if (!has_room(buffers))
		return ring_full(indirect(buffers) ? 1 : buffers, free_.count());
	for (const Buffer &buffer : in)
		writable += buffer.size;

	bool table = indirect(buffers);
	uint16_t head = table ? add_indirect(out, in) : add_direct(out, in);

	state_[head] = {true, uint16_t(table ? 1 : buffers), writable, token};
	in_flight_++;
	if (options_.in_order)
		order_.push(head);
	avail_->ring[avail_index_++ % options_.size] = head;
	return Done{};
}

// 2.7.5: readable descriptors come before writable ones, NEXT is on all but the last. Free
// descriptors come from a FIFO: a device that uses chains in order gives them back in order, and
// each next is then the neighbour, which is what 2.7.9 asks of a driver with IN_ORDER.
uint16_t SplitQueue::add_direct(std::span<const Buffer> out, std::span<const Buffer> in)
{
	unsigned buffers = out.size() + in.size();
	uint16_t head = free_.front();

	for (unsigned i = 0; i < buffers; i++) {
		const Buffer &buffer = i < out.size() ? out[i] : in[i - out.size()];
		uint16_t index = free_.pop();
		bool last = i + 1 == buffers;
		uint16_t flags = (i < out.size() ? 0 : VRING_DESC_F_WRITE) |
				 (last ? 0 : VRING_DESC_F_NEXT);

		next_[index] = last ? 0 : free_.front();
		desc_[index] = {buffer.guest, buffer.size, flags, next_[index]};
	}
	return head;
}

// 2.7.5.3: one descriptor of the ring points to a table with the whole chain in it.
uint16_t SplitQueue::add_indirect(std::span<const Buffer> out, std::span<const Buffer> in)
{
	unsigned buffers = out.size() + in.size();
	uint16_t head = free_.pop();
	size_t offset = size_t(head) * options_.indirect_max * sizeof(vring_desc);
	auto *table = reinterpret_cast<vring_desc *>(tables_.user + offset);

	for (unsigned i = 0; i < buffers; i++) {
		const Buffer &buffer = i < out.size() ? out[i] : in[i - out.size()];
		bool last = i + 1 == buffers;
		uint16_t flags = (i < out.size() ? 0 : VRING_DESC_F_WRITE) |
				 (last ? 0 : VRING_DESC_F_NEXT);

		table[i] = {buffer.guest, buffer.size, flags, uint16_t(last ? 0 : i + 1)};
	}
	desc_[head] = {tables_.guest + offset, uint32_t(buffers * sizeof(vring_desc)),
		       VRING_DESC_F_INDIRECT, 0};
	return head;
}

// 2.7.13: 3. a barrier, 4. count the available index up, 5. a barrier, 6. look whether the device
// wants to know.
bool SplitQueue::publish()
{
	uint16_t old_index = published_;

	if (avail_index_ == published_)
		return false;
	// Release: the device must not see the index before descriptors and ring entries. Pairs
	// with the device's acquire when it reads avail->idx to look for chains.
	store_release(avail_->idx, avail_index_);
	published_ = avail_index_;
	return wants_kick(old_index, avail_index_);
}

// 2.7.10: without EVENT_IDX the device sets a flag while it wants no notification; with it, the
// device names the index it wants to be woken at.
bool SplitQueue::wants_kick(uint16_t old_index, uint16_t new_index)
{
	// The store of avail->idx must be seen before what the device asks for is read. Pairs with
	// the full barrier on the device's side between asking for notifications (avail_event or
	// NO_NOTIFY) and its last look at avail->idx before it sleeps. Without both, each side
	// could miss the other's store: the device sleeps on a full ring.
	full_barrier();
	if (options_.event_idx)
		return vring_need_event(load_relaxed(*avail_event_), new_index, old_index);
	return !(load_relaxed(used_->flags) & VRING_USED_F_NO_NOTIFY);
}

// 2.7.14: the chains between our index and used->idx are ours again.
Result<std::optional<Used>> SplitQueue::get_buf()
{
	// Acquire: the entry, and what the device wrote into the buffers, must not be read before
	// the index says they are there. Pairs with the device's release store of used->idx.
	uint16_t done = load_acquire(used_->idx);

	if (done == used_index_ && !batch_last_)
		return std::nullopt;
	if (done == used_index_)
		return device_lied("split", fmt::format("used index {} ends before chain {}, which "
							"it used",
							done, *batch_last_));
	if (uint16_t(done - used_index_) > in_flight_)
		return device_lied("split", fmt::format("used index {} after {} with {} chains in "
							"flight",
							done, used_index_, in_flight_));
	if (!batch_last_)
		TRY(start_batch());

	// Without IN_ORDER a batch is one chain, which may be any in flight.
	if (!options_.in_order) {
		uint16_t head = *batch_last_;

		batch_last_.reset();
		return finish(head, batch_length_);
	}
	uint16_t head = order_.pop();
	bool last = head == *batch_last_;

	if (last)
		batch_last_.reset();
	// 2.7.9: chains without an entry of their own have been used completely.
	return finish(head, last ? batch_length_ : state_[head].writable);
}

// Read the next used entry. With IN_ORDER (2.7.9) it stands for all chains up to the one it
// names, and lies where the entry of the first of them would have been.
Result<Done> SplitQueue::start_batch()
{
	const vring_used_elem &element = used_->ring[used_index_ % options_.size];
	uint32_t id = element.id;

	if (id >= options_.size || !state_[id].active)
		return device_lied("split",
				   fmt::format("used entry {} names chain {}, which is not "
					       "in flight",
					       used_index_, id));
	batch_length_ = element.len;
	if (batch_length_ > state_[id].writable)
		return device_lied("split", fmt::format("chain {} has {} bytes written, but room "
							"for {}",
							id, batch_length_, state_[id].writable));
	batch_last_ = id;
	return Done{};
}

Used SplitQueue::finish(uint16_t head, uint32_t length)
{
	InFlight &chain = state_[head];
	uint16_t index = head;

	for (unsigned i = 0; i < chain.descriptors; i++) {
		free_.push(index);
		index = next_[index];
	}
	chain.active = false;
	in_flight_--;
	used_index_++;
	return {chain.token, length};
}

// 2.7.7: with EVENT_IDX the flag is ignored, and "never" is an index that is furthest away.
void SplitQueue::disable_cb()
{
	if (options_.event_idx) {
		store_relaxed(used_event(), used_index_ + 0x8000);
		return;
	}
	avail_flags_ |= VRING_AVAIL_F_NO_INTERRUPT;
	store_relaxed(avail_->flags, avail_flags_);
}

bool SplitQueue::enable_cb()
{
	if (options_.event_idx) {
		store_relaxed(used_event(), used_index_);
	} else {
		avail_flags_ &= ~VRING_AVAIL_F_NO_INTERRUPT;
		store_relaxed(avail_->flags, avail_flags_);
	}
	// Asking must be seen before the last look. Pairs with the device's full barrier between
	// its store of used->idx and its read of used_event or of the flags.
	full_barrier();
	return load_acquire(used_->idx) == used_index_;
}

} // namespace ringtap
