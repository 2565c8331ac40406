// SPDX-License-Identifier: GPL-2.0-or-later
// The oracle's device side of a split ring: virtio 2.7
#include <cerrno>

#include "model.h"

namespace ringtap::fuzz {

int Model::split_start(Replay &log)
{
	uint16_t used;
	if (!load16(log, areas_.device + 2, used))
		return fault(RTAP_RING_FAULT);
	used_ = used;
	seen_avail_ = static_cast<uint16_t>(avail_);
	if (!store(log, areas_.device, 0, 2))
		return fault(RTAP_RING_FAULT);
	if (shape_.event_idx && !store(log, areas_.device + 4 + 8 * size_t{shape_.num}, avail_, 2))
		return fault(RTAP_RING_FAULT);
	return 0;
}

// 2.7.6: the index never runs ahead of what it has seen by more than the ring.
int Model::split_refresh(Replay &log)
{
	uint16_t idx;
	if (!load16(log, areas_.driver + 2, idx))
		return fault(RTAP_RING_FAULT);
	if (static_cast<uint16_t>(idx - avail_) > shape_.num)
		return fault(RTAP_RING_AVAIL_IDX);
	seen_avail_ = idx;
	return 0;
}

bool Model::split_heads(Replay &log, uint32_t n, std::vector<uint16_t> &heads) const
{
	heads.resize(n);
	for (uint32_t i = 0; i < n; i++)
		if (!load16(log, areas_.driver + 4 + (avail_ + i) % shape_.num * size_t{2},
			    heads[i]))
			return false;
	return true;
}

rtap_ring_error Model::split_chain(Replay &log, Chain &c, uint16_t head)
{
	uint32_t i = head;
	if (i >= shape_.num)
		return RTAP_RING_HEAD;
	for (uint32_t visited = 0; visited < shape_.num; visited++) {
		uint8_t raw[16];
		if (!log.load(areas_.desc + i * size_t{16}, sizeof(raw), raw))
			return RTAP_RING_FAULT;
		Desc d = decode(raw);
		if (d.flags & 4) // 2.7.5.3.1: INDIRECT and NEXT exclude each other
			return d.flags & 1 ? RTAP_RING_INDIRECT_NEXT : add_table(log, c, d);
		if (rtap_ring_error kind = add(c, d))
			return kind;
		if (!(d.flags & 1))
			return RTAP_RING_OK;
		i = d.link;
		if (i >= shape_.num)
			return RTAP_RING_NEXT;
	}
	return RTAP_RING_LOOP;
}

void Model::split_pop(Replay &log, uint32_t max, uint32_t room, Taken &taken)
{
	static std::vector<uint16_t> heads;
	uint32_t seen = static_cast<uint16_t>(seen_avail_ - avail_);
	if (seen < max) {
		if (int err = split_refresh(log)) {
			taken.ret = err;
			taken.kind = kind_;
			return;
		}
		seen = static_cast<uint16_t>(seen_avail_ - avail_);
	}
	uint32_t n = seen < max ? seen : max;
	for (uint32_t done = 0; done < n; done++) {
		if (done % RTAP_RING_BATCH == 0) {
			uint32_t batch = n - done < RTAP_RING_BATCH ? n - done : RTAP_RING_BATCH;
			if (!split_heads(log, batch, heads)) {
				int err = fault(RTAP_RING_FAULT);
				taken.ret = done ? 0 : err;
				taken.kind = RTAP_RING_FAULT;
				return;
			}
		}
		uint16_t head = heads[done % RTAP_RING_BATCH];
		Chain c{taken, room, {}};
		c.chain.seg = static_cast<uint32_t>(taken.segs.size());
		if (rtap_ring_error kind = split_chain(log, c, head)) {
			give_up(c, kind);
			return;
		}
		c.chain.id = head;
		c.chain.slots = 1;
		taken.chains.push_back(c.chain);
		avail_ = static_cast<uint16_t>(avail_ + 1);
	}
}

// 2.7.8. In order (2.7.9), one entry, where the first would be, stands for a run without
// writable parts and names its last.
int Model::split_push(Replay &log, const rtap_used *used, uint32_t n)
{
	auto idx = static_cast<uint16_t>(used_);
	for (uint32_t i = 0; i < n;) {
		uint32_t run = 1;
		while (shape_.in_order && used[i].readonly && i + run < n && used[i + run].readonly)
			run++;
		const rtap_used &last = used[i + run - 1];
		uint64_t entry = last.id | uint64_t{last.len} << 32;
		if (!store(log, areas_.device + 4 + idx % shape_.num * size_t{8}, entry, 8))
			return fault(RTAP_RING_FAULT);
		idx = static_cast<uint16_t>(idx + run);
		i += run;
	}
	if (!store(log, areas_.device + 2, idx, 2))
		return fault(RTAP_RING_FAULT);
	used_ = idx;
	unsignalled_ += n;
	return 0;
}

int Model::split_should_signal(Replay &log)
{
	uint16_t word;
	if (shape_.notify_on_empty && seen_avail_ == avail_)
		return 1;
	if (!shape_.event_idx) {
		if (!load16(log, areas_.driver, word))
			return fault(RTAP_RING_FAULT);
		return !(word & 1);
	}
	if (!answered_)
		return 1;
	if (!load16(log, areas_.driver + 4 + 2 * size_t{shape_.num}, word))
		return fault(RTAP_RING_FAULT);
	// 2.7.7.2: the entry of that index is among those written since
	for (uint32_t back = 1; back <= unsignalled_ && back <= 65536; back++)
		if (static_cast<uint16_t>(used_ - back) == word)
			return 1;
	return 0;
}

} // namespace ringtap::fuzz
