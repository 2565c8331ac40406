// SPDX-License-Identifier: GPL-2.0-or-later
// A device side written from virtio 2.7 and 2.8 for the oracle: what both layouts share
#include "model.h"

#include <cerrno>

namespace ringtap::fuzz {

int Model::fault(rtap_ring_error kind)
{
	kind_ = kind;
	return kind == RTAP_RING_FAULT || kind == RTAP_RING_INDIRECT_ADDR ? -EFAULT : -EINVAL;
}

bool Model::load16(Replay &log, const uint8_t *at, uint16_t &v) const
{
	uint8_t raw[2];
	if (!log.load(at, sizeof(raw), raw))
		return false;
	v = static_cast<uint16_t>(raw[0] | raw[1] << 8);
	return true;
}

bool Model::store(Replay &log, uint8_t *at, uint64_t v, size_t n) const
{
	uint8_t raw[sizeof(v)];
	for (size_t i = 0; i < n; i++)
		raw[i] = static_cast<uint8_t>(v >> 8 * i);
	return log.store(at, raw, n);
}

const Region *Model::region(uint64_t gpa) const
{
	for (const Region &r : regions_)
		if (gpa - r.gpa < r.size)
			return &r;
	return nullptr;
}

bool Model::read_guest(Replay &log, uint64_t gpa, void *to, uint32_t len) const
{
	auto *out = static_cast<uint8_t *>(to);
	while (len > 0) {
		const Region *r = region(gpa);
		if (!r)
			return false;
		uint64_t left = r->size - (gpa - r->gpa);
		uint32_t part = left < len ? static_cast<uint32_t>(left) : len;
		if (!log.load(r->host + (gpa - r->gpa), part, out))
			return false;
		gpa += part;
		out += part;
		len -= part;
	}
	return true;
}

bool Model::write_guest(Replay &log, uint64_t gpa, const void *from, uint32_t len) const
{
	const auto *in = static_cast<const uint8_t *>(from);
	while (len > 0) {
		const Region *r = region(gpa);
		if (!r)
			return false;
		uint64_t left = r->size - (gpa - r->gpa);
		uint32_t part = left < len ? static_cast<uint32_t>(left) : len;
		if (!log.store(r->host + (gpa - r->gpa), in, part))
			return false;
		gpa += part;
		in += part;
		len -= part;
	}
	return true;
}

Model::Desc Model::decode(const uint8_t *raw) const
{
	auto word = [raw](unsigned at, unsigned n) {
		uint64_t v = 0;
		while (n-- > 0)
			v = v << 8 | raw[at + n];
		return v;
	};
	unsigned flags = shape_.packed ? 14 : 12;
	return {word(0, 8), static_cast<uint32_t>(word(8, 4)),
		static_cast<uint16_t>(word(flags, 2)), static_cast<uint16_t>(word(26 - flags, 2))};
}

// Empty buffers are left out, but count: a chain of nothing else has to end too.
rtap_ring_error Model::add(Chain &c, const Desc &d) const
{
	if (c.seen == RTAP_CHAIN_SEGS_MAX)
		return RTAP_RING_TOO_LONG;
	c.seen++;
	if (d.len == 0)
		return RTAP_RING_OK;
	if (c.taken.segs.size() == c.room) {
		c.full = true;
		return RTAP_RING_TOO_LONG;
	}
	bool writable = d.flags & 2;
	if (!writable && c.chain.nr_in > 0)
		return RTAP_RING_ORDER;
	(writable ? c.chain.in_len : c.chain.out_len) += d.len;
	(writable ? c.chain.nr_in : c.chain.nr_out)++;
	c.taken.segs.push_back({d.addr, d.len});
	return RTAP_RING_OK;
}

rtap_ring_error Model::add_table(Replay &log, Chain &c, const Desc &table)
{
	uint32_t count = table.len / 16;
	if (table.len % 16 || count == 0 || count > 65536)
		return RTAP_RING_INDIRECT_LEN;
	window_.bytes.clear();
	uint32_t i = 0;
	for (uint32_t visited = 0; visited < count; visited++) {
		if (i < window_.first || i - window_.first >= window_.bytes.size() / 16) {
			uint32_t n = count - i < RTAP_RING_WINDOW ? count - i : RTAP_RING_WINDOW;
			window_.first = i;
			window_.bytes.resize(n * size_t{16});
			if (!read_guest(log, table.addr + i * uint64_t{16}, window_.bytes.data(),
					n * 16))
				return RTAP_RING_INDIRECT_ADDR;
		}
		Desc d = decode(window_.bytes.data() + (i - window_.first) * size_t{16});
		if (d.flags & 4)
			return RTAP_RING_INDIRECT_NESTED;
		if (rtap_ring_error kind = add(c, d))
			return kind;
		if (shape_.packed) {
			i++;
			continue;
		}
		if (!(d.flags & 1))
			return RTAP_RING_OK;
		i = d.link;
		if (i >= count)
			return RTAP_RING_NEXT;
	}
	return shape_.packed ? RTAP_RING_OK : RTAP_RING_LOOP;
}

// End a pop at a chain that cannot be taken. Good chains before it are delivered first.
bool Model::give_up(Chain &c, rtap_ring_error kind)
{
	Taken &taken = c.taken;
	taken.segs.resize(c.chain.seg);
	if (taken.chains.empty() && !c.full) {
		taken.ret = fault(kind);
		taken.kind = kind;
	}
	return false;
}

void Model::pop(Replay &log, uint32_t max, uint32_t first, uint32_t room, Taken &taken)
{
	taken.ret = 0;
	taken.kind = RTAP_RING_OK;
	taken.chains.clear();
	taken.segs.assign(first, {});
	shape_.packed ? packed_pop(log, max, room, taken) : split_pop(log, max, room, taken);
	if (taken.ret == 0)
		taken.ret = static_cast<int>(taken.chains.size());
}

int Model::push(Replay &log, const rtap_used *used, uint32_t n)
{
	if (n == 0)
		return 0;
	return shape_.packed ? packed_push(log, used, n) : split_push(log, used, n);
}

int Model::should_signal(Replay &log)
{
	if (unsignalled_ == 0)
		return 0;
	int ret = shape_.packed ? packed_should_signal(log) : split_should_signal(log);
	if (ret >= 0) {
		answered_ = true;
		unsignalled_ = 0;
	}
	return ret;
}

uint32_t Model::in_flight() const
{
	uint32_t avail = avail_ + (avail_wrap_ ? shape_.num : 0);
	uint32_t used = used_ + (used_wrap_ ? shape_.num : 0);
	return (avail + lap() - used) % lap();
}

void Model::compare(const rtap_ring &ring) const
{
	if (ring.last_avail != avail_ || ring.last_used != used_)
		fail("a position is wrong");
	if (shape_.packed && (ring.avail_wrap != avail_wrap_ || ring.used_wrap != used_wrap_))
		fail("a wrap counter is wrong");
	if (!shape_.packed && ring.avail_idx != seen_avail_)
		fail("the available index is wrong");
	if (ring.armed != armed_ || ring.signalled_valid != answered_)
		fail("what the driver was told is wrong");
	// the ring's count may stick where no distance reaches
	if (ring.unsignalled != unsignalled_ && (ring.unsignalled < 65536 || unsignalled_ < 65536))
		fail("the count for the next signal is wrong");
}

} // namespace ringtap::fuzz
