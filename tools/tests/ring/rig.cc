// SPDX-License-Identifier: GPL-2.0-or-later
// A ring under test with the memory, the memory table and the driver that go with it
#include "rig.h"

#include <linux/vhost_types.h>

#include <cstdlib>

extern "C" {
#include <linux/err.h>
}

namespace ringtap::test {

Rig::Rig(Way w, const RigSetup &s) :
	way(w), setup(s), memory{Block(rtap_ring_desc_size(w.layout, s.num)),
				 Block(rtap_ring_driver_size(w.layout, s.num, s.event_idx)),
				 Block(rtap_ring_device_size(w.layout, s.num, s.event_idx))},
	segs_(4 * RTAP_CHAIN_SEGS_MAX)
{
	rtap_shim_user_reset();
	rtap_shim_user_add(guest.host(), 2 * guest.half());
	if (!way.mapped) {
		for (Block *b : {&memory.desc, &memory.driver, &memory.device})
			rtap_shim_user_add(b->data(), b->size());
	}
	auto host = reinterpret_cast<uint64_t>(guest.host());
	vhost_memory_region regions[] = {
		{GuestMemory::base, guest.half(), host + guest.half(), 0},
		{GuestMemory::base + guest.half(), guest.half(), host, 0},
	};
	mem_ = rtap_mem_create(regions, 2);
	if (IS_ERR(mem_))
		std::abort();
	rtap_mem_view_set(&view_, mem_);
	DriverSetup d{s.num, s.event_idx, s.in_order, s.position, s.wrap};
	driver = way.packed() ? make_packed_driver(memory, guest, d)
			      : make_split_driver(memory, guest, d);
	ring = fresh_ring();
	rtap_ring_restore(&ring, base());
	if (rtap_ring_start(&ring) != 0)
		std::abort();
}

Rig::~Rig()
{
	rtap_mem_view_set(&view_, nullptr);
	rtap_mem_put(mem_);
	rtap_shim_user_reset();
}

rtap_area Rig::area(Block &block) const
{
	rtap_area a{};
	a.size = block.size();
	if (way.mapped)
		a.kaddr = block.data();
	else
		a.uaddr = block.data();
	return a;
}

rtap_ring Rig::fresh_ring()
{
	rtap_ring r{};
	r.layout = way.layout;
	r.num = setup.num;
	r.event_idx = setup.event_idx;
	r.in_order = setup.in_order;
	r.notify_on_empty = setup.notify_on_empty;
	r.desc = area(memory.desc);
	r.driver = area(memory.driver);
	r.device = area(memory.device);
	r.mem = &view_;
	return r;
}

uint32_t Rig::base() const
{
	if (!way.packed())
		return setup.position & 0xffff;
	uint32_t half = setup.position | (setup.wrap ? 0x8000U : 0);
	return half | half << 16;
}

int Rig::pop(unsigned max, std::vector<Popped> &out)
{
	std::vector<rtap_chain> chains(max);
	rtap_segs segs{segs_.data(), 0, static_cast<uint32_t>(segs_.size())};
	int n = rtap_ring_pop(&ring, chains.data(), max, &segs);
	uint32_t next = 0;
	for (int i = 0; i < n; i++) {
		const rtap_chain &c = chains[static_cast<size_t>(i)];
		Popped p{c, {}};
		uint64_t in = 0, total = 0;
		EXPECT_EQ(c.seg, next);
		for (unsigned k = 0; k < unsigned{c.nr_out} + c.nr_in; k++) {
			const rtap_seg &s = segs_.at(c.seg + k);
			p.buffers.push_back({s.addr, s.len, k >= c.nr_out});
			total += s.len;
			in += k >= c.nr_out ? s.len : 0;
		}
		next += uint32_t{c.nr_out} + c.nr_in;
		EXPECT_EQ(c.in_len, in);
		EXPECT_EQ(c.out_len, total - in);
		out.push_back(p);
	}
	EXPECT_EQ(segs.nr, next);
	return n;
}

std::vector<Popped> Rig::pop(unsigned max)
{
	std::vector<Popped> chains;
	int n = pop(max, chains);
	EXPECT_GE(n, 0) << rtap_ring_error_name(ring.fault.kind);
	return chains;
}

int Rig::push(const std::vector<Popped> &chains)
{
	std::vector<rtap_used> used;
	for (const Popped &p : chains)
		used.push_back(used_of(p));
	return rtap_ring_push(&ring, used.data(), static_cast<uint32_t>(used.size()));
}

int Rig::push_one(const rtap_chain &chain, uint32_t len)
{
	rtap_used u{len, chain.id, chain.slots, chain.nr_in == 0};
	return rtap_ring_push(&ring, &u, 1);
}

uint16_t Rig::post(uint64_t n, bool writable)
{
	auto id = driver->post({{0x100000 + n * 0x1000, 64, writable}}, Shape::direct);
	if (!id)
		std::abort();
	driver->publish();
	return *id;
}

static Buffers make_buffers(std::initializer_list<uint32_t> lens, uint64_t addr, bool writable)
{
	Buffers buffers;
	for (uint32_t len : lens) {
		buffers.push_back({addr, len, writable});
		addr += 0x10000;
	}
	return buffers;
}

Buffers readable(std::initializer_list<uint32_t> lens, uint64_t addr)
{
	return make_buffers(lens, addr, false);
}

Buffers writable(std::initializer_list<uint32_t> lens, uint64_t addr)
{
	return make_buffers(lens, addr, true);
}

Buffers operator+(Buffers a, const Buffers &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

rtap_used used_of(const Popped &p)
{
	return {static_cast<uint32_t>(p.chain.in_len), p.chain.id, p.chain.slots,
		p.chain.nr_in == 0};
}

std::vector<unsigned> ring_sizes(Way way)
{
	std::vector<unsigned> sizes;
	for (unsigned n = 1; n <= RTAP_RING_NUM_MAX; n *= 2)
		sizes.push_back(n);
	if (way.packed())
		sizes.insert(sizes.end(), {3, 5, 6, 7, 100, 255, 257, 1000, 32767});
	return sizes;
}

namespace {

constexpr Way split_mapped{RTAP_LAYOUT_SPLIT, true};
constexpr Way split_user{RTAP_LAYOUT_SPLIT, false};
constexpr Way packed_mapped{RTAP_LAYOUT_PACKED, true};
constexpr Way packed_user{RTAP_LAYOUT_PACKED, false};

constexpr auto name_of = [](const auto &info) { return way_name(info.param); };

INSTANTIATE_TEST_SUITE_P(Ring, RingContract,
			 testing::Values(split_mapped, split_user, packed_mapped, packed_user),
			 name_of);
INSTANTIATE_TEST_SUITE_P(Ring, SplitContract, testing::Values(split_mapped, split_user), name_of);
INSTANTIATE_TEST_SUITE_P(Ring, PackedContract, testing::Values(packed_mapped, packed_user),
			 name_of);
INSTANTIATE_TEST_SUITE_P(Ring, UserContract, testing::Values(split_user, packed_user), name_of);

} // namespace

} // namespace ringtap::test
