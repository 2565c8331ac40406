// SPDX-License-Identifier: GPL-2.0-or-later
// The oracle's device side of a packed ring: virtio 2.8; and the verbs that differ by layout
#include <cerrno>

#include "model.h"

namespace ringtap::fuzz {

void Model::advance(uint32_t &pos, bool &wrap, uint32_t slots) const
{
	for (; slots > 0; slots--) {
		if (++pos == shape_.num) {
			pos = 0;
			wrap = !wrap;
		}
	}
}

// 2.8.10: in the device's event area, first the offset, then the flags that refer to it.
int Model::packed_store_armed(Replay &log)
{
	if (shape_.event_idx && !store(log, areas_.device, avail_ | avail_wrap_ << 15, 2))
		return fault(RTAP_RING_FAULT);
	if (!armed_ && !store(log, areas_.device + 2, shape_.event_idx ? 2 : 0, 2))
		return fault(RTAP_RING_FAULT);
	return 0;
}

// 2.8.1
bool Model::packed_available(uint16_t flags) const
{
	bool avail = flags >> 7 & 1, used = flags >> 15 & 1;
	return avail == avail_wrap_ && used != avail_wrap_;
}

rtap_ring_error Model::packed_chain(Replay &log, Chain &c, uint16_t head_flags)
{
	uint32_t pos = avail_;
	bool wrap = avail_wrap_;
	while (c.chain.slots < shape_.num) {
		uint8_t raw[16];
		if (!log.load(areas_.desc + pos * size_t{16}, sizeof(raw), raw))
			return RTAP_RING_FAULT;
		Desc d = decode(raw);
		if (c.chain.slots == 0)
			d.flags = head_flags; // those that said it is available
		c.chain.slots++;
		c.chain.id = d.link;
		if (d.flags & 4)
			return c.chain.slots > 1 || d.flags & 1 ? RTAP_RING_INDIRECT_NEXT
								: add_table(log, c, d);
		if (rtap_ring_error kind = add(c, d))
			return kind;
		if (!(d.flags & 1))
			return RTAP_RING_OK;
		advance(pos, wrap, 1);
	}
	return RTAP_RING_LOOP;
}

void Model::packed_pop(Replay &log, uint32_t max, uint32_t room, Taken &taken)
{
	while (taken.chains.size() < max) {
		uint16_t flags;
		if (!load16(log, areas_.desc + avail_ * size_t{16} + 14, flags)) {
			int err = fault(RTAP_RING_FAULT);
			taken.ret = taken.chains.empty() ? err : 0;
			taken.kind = RTAP_RING_FAULT;
			return;
		}
		if (!packed_available(flags))
			return;
		Chain c{taken, room, {}};
		c.chain.seg = static_cast<uint32_t>(taken.segs.size());
		if (rtap_ring_error kind = packed_chain(log, c, flags)) {
			give_up(c, kind);
			return;
		}
		advance(avail_, avail_wrap_, c.chain.slots);
		taken.chains.push_back(c.chain);
	}
}

// 2.8.4. The flags of the first are stored last: they publish the rest.
int Model::packed_push(Replay &log, const rtap_used *used, uint32_t n)
{
	uint32_t pos = used_, steps = 0;
	bool wrap = used_wrap_;
	uint16_t head_flags = 0;
	for (uint32_t i = 0; i < n;) {
		uint32_t run = 1;
		while (shape_.in_order && used[i].readonly && i + run < n && used[i + run].readonly)
			run++;
		const rtap_used &last = used[i + run - 1];
		auto flags = static_cast<uint16_t>((wrap ? 0x8080 : 0) | (last.len ? 2 : 0));
		uint64_t entry = last.len | uint64_t{last.id} << 32 | uint64_t{flags} << 48;
		if (!store(log, areas_.desc + pos * size_t{16} + 8, entry, i ? 8 : 6))
			return fault(RTAP_RING_FAULT);
		if (i == 0)
			head_flags = flags;
		for (; run > 0; run--, i++) {
			advance(pos, wrap, used[i].slots);
			steps += used[i].slots;
		}
	}
	if (!store(log, areas_.desc + used_ * size_t{16} + 14, head_flags, 2))
		return fault(RTAP_RING_FAULT);
	used_ = pos;
	used_wrap_ = wrap;
	unsignalled_ += steps;
	return 0;
}

int Model::packed_should_signal(Replay &log)
{
	uint16_t flags, event;
	if (!load16(log, areas_.driver + 2, flags))
		return fault(RTAP_RING_FAULT);
	flags &= 3;
	if (flags == 1)
		return 0;
	if (flags != 2 || !shape_.event_idx || !answered_)
		return 1;
	if (!load16(log, areas_.driver, event))
		return fault(RTAP_RING_FAULT);
	// 2.8.10: the slot of that offset and wrap counter is among those passed since
	uint32_t theirs = event & 0x7fff;
	if (theirs >= shape_.num)
		return 1; // no such slot: nobody is left waiting
	theirs += event >> 15 ? shape_.num : 0;
	uint32_t ours = used_ + (used_wrap_ ? shape_.num : 0);
	for (uint32_t back = 1; back <= unsignalled_ && back <= lap(); back++)
		if ((ours + lap() - back) % lap() == theirs)
			return 1;
	return 0;
}

int Model::start(Replay &log)
{
	answered_ = false;
	unsignalled_ = 0;
	int err = 0;
	if (!shape_.packed) {
		err = split_start(log);
	} else if (avail_ >= shape_.num || used_ >= shape_.num) {
		return -EINVAL;
	} else {
		armed_ = false;
		err = packed_store_armed(log);
	}
	if (!err)
		armed_ = true;
	return err;
}

void Model::unpop(const rtap_chain *chains, uint32_t n)
{
	if (!shape_.packed) {
		avail_ = static_cast<uint16_t>(avail_ - n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		for (uint16_t slots = chains[i].slots; slots > 0; slots--) {
			if (avail_ == 0) {
				avail_ = shape_.num;
				avail_wrap_ = !avail_wrap_;
			}
			avail_--;
		}
	}
}

int Model::pending(Replay &log)
{
	if (!shape_.packed) {
		if (seen_avail_ == avail_)
			if (int err = split_refresh(log))
				return err;
		return seen_avail_ != avail_;
	}
	uint16_t flags;
	if (!load16(log, areas_.desc + avail_ * size_t{16} + 14, flags))
		return fault(RTAP_RING_FAULT);
	return packed_available(flags);
}

int Model::arm(Replay &log)
{
	int err = 0;
	if (shape_.packed) {
		if (!armed_ || shape_.event_idx)
			err = packed_store_armed(log);
	} else if (shape_.event_idx || !armed_) {
		size_t event = 4 + 8 * size_t{shape_.num};
		if (!store(log, areas_.device + (shape_.event_idx ? event : 0),
			   shape_.event_idx ? avail_ : 0, 2))
			err = fault(RTAP_RING_FAULT);
	}
	if (err)
		return err;
	armed_ = true;
	// told first, looked at afterwards: nothing that comes in between is missed
	if (shape_.packed)
		return pending(log);
	err = split_refresh(log);
	return err ? err : seen_avail_ != avail_;
}

int Model::disarm(Replay &log)
{
	if (!armed_)
		return 0;
	if (shape_.packed && !store(log, areas_.device + 2, 1, 2))
		return fault(RTAP_RING_FAULT);
	if (!shape_.packed && !shape_.event_idx && !store(log, areas_.device, 1, 2))
		return fault(RTAP_RING_FAULT);
	armed_ = false;
	return 0;
}

uint32_t Model::save() const
{
	if (!shape_.packed)
		return avail_;
	return avail_ | avail_wrap_ << 15 | used_ << 16 | uint32_t{used_wrap_} << 31;
}

void Model::restore(uint32_t base)
{
	seen_avail_ = static_cast<uint16_t>(base);
	avail_ = seen_avail_;
	if (!shape_.packed)
		return;
	uint32_t used = base >> 16 ? base >> 16 : avail_;
	avail_wrap_ = avail_ >> 15;
	used_wrap_ = used >> 15;
	avail_ &= 0x7fff;
	used_ = used & 0x7fff;
}

} // namespace ringtap::fuzz
