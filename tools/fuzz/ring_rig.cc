// SPDX-License-Identifier: GPL-2.0-or-later
// A ring and its memory, made and driven as a script says, for the ring targets
#include "ring_rig.h"

#include <array>

extern "C" {
#include <linux/err.h>
#include <linux/vhost_types.h>
}
#include "shim.h"
#include "states.h"

namespace ringtap::fuzz {

// One of them may be a byte too small, or at an odd address. Whether rtap_ring_start() takes them.
bool RingRig::make_areas(Script &script, bool mapped)
{
	struct Piece {
		RingBlock *block;
		rtap_area *area;
		size_t size;
	};
	const std::array<Piece, 3> pieces{{
		{&desc_, &ring_.desc, rtap_ring_desc_size(ring_.layout, ring_.num)},
		{&driver_, &ring_.driver,
		 rtap_ring_driver_size(ring_.layout, ring_.num, ring_.event_idx)},
		{&device_, &ring_.device,
		 rtap_ring_device_size(ring_.layout, ring_.num, ring_.event_idx)},
	}};
	uint8_t odd = script.byte();
	bool valid = true;
	for (size_t i = 0; i < pieces.size(); i++) {
		const Piece &p = pieces[i];
		uint8_t how = odd >> 6 == i + 1 ? odd & 3 : 0;
		*p.block = RingBlock(p.size + (how == 2));
		uint8_t *at = p.block->data() + (how == 2);
		*p.area = {};
		p.area->size = p.size - (how == 1);
		if (mapped) {
			p.area->kaddr = at;
			rtap_shim_mapped_add(at, p.area->size);
		} else {
			p.area->uaddr = at;
			rtap_shim_user_add(at, p.area->size);
		}
		// a split descriptor table may lie anywhere
		valid = valid && how != 1 && (how != 2 || (i == 0 && !packed()));
	}
	return valid;
}

RingRig::RingRig(Script &script) : guest_(guest_bytes)
{
	rtap_shim_user_reset();
	rtap_shim_user_add(guest_.data(), guest_bytes);
	auto host = reinterpret_cast<uint64_t>(guest_.data());
	constexpr size_t half = guest_bytes / 2;
	const vhost_memory_region regions[] = {
		{gpa_base, half, host + half, 0},
		{gpa_base + half, half, host, 0},
	};
	mem_ = rtap_mem_create(regions, 2);
	if (IS_ERR(mem_))
		fail("there is no memory table");
	rtap_mem_view_set(&view_, mem_);
	auto flags = script.byte();
	uint32_t num = script.byte();
	ring_.layout = flags & 1 ? RTAP_LAYOUT_PACKED : RTAP_LAYOUT_SPLIT;
	ring_.event_idx = flags & 2;
	ring_.in_order = flags & 4;
	ring_.notify_on_empty = flags & 8;
	ring_.num = packed() ? (num + 1) * (flags & 64 ? 8 : 1) : 1U << num % 12;
	ring_.mem = &view_;
	bool valid = make_areas(script, flags & 16);
	uint8_t *desc = static_cast<uint8_t *>(ring_.desc.kaddr ? ring_.desc.kaddr
								: ring_.desc.uaddr);
	checked_.emplace(ring_, Areas{desc, driver_.data(), device_.data()},
			 std::vector<Region>{{gpa_base, half, guest_.data() + half},
					     {gpa_base + half, half, guest_.data()}});
	auto base = script.take<uint32_t>();
	checked_->restore(flags & 32 ? base : 0x80008000);
	if (flags & 128 && num % 16 == 7) { // sizes that no ring has
		ring_.num = packed() ? (num & 16 ? 0 : RTAP_RING_NUM_MAX + 1) : ring_.num * 3;
		valid = false;
	}
	running_ = checked_->start(valid);
}

RingRig::~RingRig()
{
	rtap_mem_view_set(&view_, nullptr);
	rtap_mem_put(mem_);
	rtap_shim_user_reset();
}

void RingRig::pop(Script &script)
{
	uint32_t max = script.byte(), first = 0;
	if (max > CheckedRing::pop_max) { // there is little room left for buffers, or none
		max -= CheckedRing::pop_max;
		first = RTAP_CHAIN_SEGS_MAX - (max - 1) * 8;
	}
	checked_->pop(max, first);
}

void RingRig::push(Script &script)
{
	std::array<uint32_t, 256> lens;
	size_t first = 0;
	if (!ring_.in_order && script.byte() & 1)
		first = script.below(static_cast<uint32_t>(checked_->in_flight()) % 65535 + 1);
	size_t n = script.byte() % (checked_->in_flight() - first + 1);
	for (size_t i = 0; i < n; i++)
		lens[i] = script.take<uint16_t>();
	checked_->push(first, {lens.data(), n});
}

void RingRig::restart(Script &script)
{
	uint32_t base = checked_->save();
	if (script.byte() & 1)
		base = script.take<uint32_t>();
	checked_->restore(base);
	running_ = checked_->start(true);
}

void RingRig::step(Script &script)
{
	switch (script.byte() % 20) {
	case 0:
	case 1:
	case 2:
		return pop(script);
	case 3:
	case 4:
		return push(script);
	case 5:
		return checked_->arm();
	case 6:
		return checked_->disarm();
	case 7:
		return checked_->should_signal();
	case 8:
		checked_->pending();
		return;
	case 9:
		return checked_->unpop(script.byte() % (checked_->unpoppable() + 1));
	case 10:
		return restart(script);
	case 11:
		return rtap_shim_fault_after(script.byte());
	case 12:
		if (checked_->buffers())
			checked_->copy(script.byte() % checked_->buffers(),
				       script.take<uint16_t>());
		return;
	default:
		return drive(script);
	}
}

} // namespace ringtap::fuzz
