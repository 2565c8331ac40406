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
bool RingRig::make_areas(bool mapped, uint8_t odd)
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
	bool valid = true;
	for (size_t i = 0; i < pieces.size(); i++) {
		const Piece &p = pieces[i];
		uint8_t how = odd >> 6 == i + 1 ? odd & 3 : 0;
		*p.block = RingBlock(p.size + (how == 2));
		uint8_t *at = p.block->data() + (how == 2);
		*p.area = {};
		p.area->size = p.size - (how == 1);
		p.area->uaddr = at;
		if (mapped) {
			p.area->kaddr = at;
			rtap_shim_mapped_add(at, p.area->size);
		} else {
			rtap_shim_user_add(at, p.area->size);
		}
		// a split descriptor table may lie anywhere
		valid = valid && how != 1 && (how != 2 || (i == 0 && !packed()));
	}
	return valid;
}

// Guest memory in two halves the other way round and, to find them for the log, the descriptors.
std::vector<Region> RingRig::make_memory(bool logged)
{
	constexpr size_t half = guest_bytes / 2;
	std::vector<Region> regions{{gpa_base, half, guest_.data() + half},
				    {gpa_base + half, half, guest_.data()}};
	if (logged)
		regions.push_back({LogOracle::desc_gpa, desc_.size(), desc_.data()});
	std::vector<vhost_memory_region> table;
	for (const Region &r : regions)
		table.push_back({r.gpa, r.size, reinterpret_cast<uint64_t>(r.host), 0});
	mem_ = rtap_mem_create(table.data(), static_cast<uint32_t>(table.size()));
	if (IS_ERR(mem_))
		fail("there is no memory table");
	rtap_mem_view_set(&view_, mem_);
	return regions;
}

RingRig::RingRig(Script &script) : guest_(guest_bytes)
{
	rtap_shim_user_reset();
	rtap_shim_user_add(guest_.data(), guest_bytes);
	auto flags = script.byte();
	uint32_t num = script.byte();
	ring_.layout = flags & 1 ? RTAP_LAYOUT_PACKED : RTAP_LAYOUT_SPLIT;
	ring_.event_idx = flags & 2;
	ring_.in_order = flags & 4;
	ring_.notify_on_empty = flags & 8;
	ring_.num = packed() ? (num + 1) * (flags & 64 ? 8 : 1) : 1U << num % 12;
	ring_.mem = &view_;
	uint8_t odd = script.byte();
	bool valid = make_areas(flags & 16, odd), logged = odd < 64 && odd & 4;
	std::vector<Region> regions = make_memory(logged);
	uint8_t *desc = static_cast<uint8_t *>(ring_.desc.kaddr ? ring_.desc.kaddr
								: ring_.desc.uaddr);
	const Areas areas{desc, driver_.data(), device_.data()};
	checked_.emplace(ring_, areas, regions);
	if (logged)
		log_.emplace(ring_, areas, regions, odd & 3, (odd & 0x38) * 65);
	auto base = script.take<uint32_t>();
	checked_->restore(flags & 32 ? base : 0x80008000);
	if (flags & 128 && num % 16 == 7) { // sizes that no ring has
		ring_.num = packed() ? (num & 16 ? 0 : RTAP_RING_NUM_MAX + 1) : ring_.num * 3;
		valid = false;
	}
	running_ = checked_->start(valid);
	check_log();
}

void RingRig::check_log()
{
	if (!log_)
		return;
	log_->check(checked_->log());
	// seen: a step that calls no verb has done nothing
	checked_->log().begin("nothing", 0);
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

void RingRig::verb(uint8_t op, Script &script)
{
	switch (op) {
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
		// a log that cannot be written is for log_test.cc
		if (uint8_t after = script.byte(); !log_)
			rtap_shim_fault_after(after);
		return;
	default:
		if (checked_->buffers())
			checked_->copy(script.byte() % checked_->buffers(),
				       script.take<uint16_t>());
	}
}

void RingRig::step(Script &script)
{
	constexpr uint8_t verbs = 13, ops = 20;
	uint8_t op = script.byte() % ops;
	if (op >= verbs)
		return drive(script);
	verb(op, script);
	check_log();
}

} // namespace ringtap::fuzz
