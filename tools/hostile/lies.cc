// SPDX-License-Identifier: GPL-2.0-or-later
// Every lie that a ring can tell, one a test: the queue stops, nothing else does.
#include <fmt/format.h>

#include "hostile/lies.h"

namespace ringtap {

namespace {

constexpr unsigned split = 1, packed = 2, both_layouts = 3;
constexpr unsigned rx = 1, tx = 2, both_queues = 3;
constexpr unsigned longest_chain = 1024; // what vhost takes
constexpr uint16_t next = VRING_DESC_F_NEXT;
constexpr uint16_t indirect = VRING_DESC_F_INDIRECT;
constexpr uint16_t writable = VRING_DESC_F_WRITE;

struct Lie {
	const char *name;
	const char *kind; // of the error it is counted as
	unsigned layouts, queues;
	void (*tell)(Rig &rig);
	unsigned ring = 16;
};

using Descriptors = std::vector<RawDescriptor>;

void offer_chain(Rig &rig, const Descriptors &buffers)
{
	rig.ring->offer(rig.ring->chain(buffers));
}

void offer(Rig &rig, const Descriptors &descriptors)
{
	rig.ring->offer(descriptors);
}

void offer_table(Rig &rig, const Descriptors &entries)
{
	rig.fill_table(entries);
	offer(rig, {rig.table_of(entries.size() * sizeof(vring_desc))});
}

// Entries that make a proper table of so many buffers.
Descriptors table_entries(Rig &rig, unsigned count)
{
	Descriptors entries(count, rig.part(0, 64));

	for (unsigned i = 0; i + 1 < count && rig.options.layout == Layout::split; i++) {
		entries[i].flags |= next;
		entries[i].link = i + 1;
	}
	return entries;
}

RawDescriptor linked(RawDescriptor descriptor, unsigned to)
{
	descriptor.flags |= next;
	descriptor.link = to;
	return descriptor;
}

RawDescriptor at(RawDescriptor descriptor, uint64_t guest, uint32_t size)
{
	descriptor.guest = guest;
	descriptor.size = size;
	return descriptor;
}

RawDescriptor with_flags(RawDescriptor descriptor, uint16_t flags)
{
	descriptor.flags = flags;
	return descriptor;
}

uint64_t end_of(const GuestSpan &span)
{
	return span.guest + span.size;
}

constexpr uint64_t nowhere = 1ull << 45;

const Lie index_lies[] = {
	{"available index beyond the ring", "avail_idx", split, both_queues,
	 [](Rig &r) { r.ring->set_avail_index(r.ring->avail_index() + r.ring->size() + 1); }},
	{"available index that goes back", "avail_idx", split, both_queues,
	 [](Rig &r) { r.ring->set_avail_index(r.ring->avail_index() - 1); }},
	{"head one beyond the table", "head", split, both_queues,
	 [](Rig &r) { r.ring->offer_head(r.ring->size()); }},
	{"head 65535", "head", split, tx, [](Rig &r) { r.ring->offer_head(0xffff); }},
	{"next one beyond the table", "next", split, both_queues,
	 [](Rig &r) { offer(r, {linked(r.good(), r.ring->size())}); }},
	{"next 65535", "next", split, tx, [](Rig &r) { offer(r, {linked(r.good(), 0xffff)}); }},
	{"next beyond an indirect table", "next", split, tx,
	 [](Rig &r) { offer_table(r, {linked(r.good(), 1)}); }},
	{"chain of two that loops", "loop", split, both_queues,
	 [](Rig &r) {
		 unsigned first = r.ring->slot();

		 offer(r, {linked(r.good(), r.ring->slot(1)), linked(r.good(), first)});
	 }},
	{"descriptor that is its own next", "loop", split, tx,
	 [](Rig &r) { offer(r, {linked(r.good(), r.ring->slot())}); }},
	{"loop in an indirect table", "loop", split, tx,
	 [](Rig &r) {
		 offer_table(r, {linked(r.good(), 1), linked(r.good(), 0)});
	 }},
	{"chain round the whole ring", "loop", packed, both_queues,
	 [](Rig &r) { offer(r, Descriptors(r.ring->size(), linked(r.good(), 0))); }},
};

const Lie length_lies[] = {
	{"chain of 1025", "too_long", both_layouts, both_queues,
	 [](Rig &r) { offer_chain(r, Descriptors(longest_chain + 1, r.part(0, 64))); }, 2048},
	{"chain of 1025 empty buffers", "too_long", both_layouts, tx,
	 [](Rig &r) { offer_chain(r, Descriptors(longest_chain + 1, r.part(0, 0))); }, 2048},
	{"indirect table of 1025", "too_long", both_layouts, both_queues,
	 [](Rig &r) { offer_table(r, table_entries(r, longest_chain + 1)); }},
	{"indirect table of 65536", "too_long", both_layouts, tx,
	 [](Rig &r) { offer_table(r, table_entries(r, 65536)); }},
	{"readable buffer after a writable one", "order", both_layouts, both_queues,
	 [](Rig &r) {
		 offer_chain(r, {with_flags(r.good(), writable), with_flags(r.good(), 0)});
	 }},
	{"readable after writable in a table", "order", both_layouts, tx,
	 [](Rig &r) {
		 Descriptors entries = table_entries(r, 2);

		 entries[0].flags |= writable;
		 entries[1].flags &= ~writable;
		 offer_table(r, entries);
	 }},
	{"indirect table of 0 bytes", "indirect_len", both_layouts, both_queues,
	 [](Rig &r) { offer(r, {r.table_of(0)}); }},
	{"indirect table of 8 bytes", "indirect_len", both_layouts, tx,
	 [](Rig &r) { offer(r, {r.table_of(8)}); }},
	{"indirect table of one and a half", "indirect_len", both_layouts, tx,
	 [](Rig &r) { offer(r, {r.table_of(24)}); }},
	{"indirect table of 65537", "indirect_len", both_layouts, tx,
	 [](Rig &r) { offer(r, {r.table_of(65537 * 16)}); }},
	{"indirect table of 4 GiB", "indirect_len", both_layouts, tx,
	 [](Rig &r) { offer(r, {r.table_of(0xfffffff0)}); }},
};

const Lie table_lies[] = {
	{"table in a table", "indirect_nested", both_layouts, both_queues,
	 [](Rig &r) { offer_table(r, {r.table_of(16)}); }},
	{"table in a table, as second entry", "indirect_nested", both_layouts, tx,
	 [](Rig &r) {
		 Descriptors entries = table_entries(r, 2);

		 entries[1].flags |= indirect;
		 offer_table(r, entries);
	 }},
	{"indirect descriptor with a next", "indirect_next", both_layouts, both_queues,
	 [](Rig &r) {
		 r.fill_table(table_entries(r, 1));
		 offer_chain(r, {r.table_of(16), r.good()});
	 }},
	{"chain that ends in a table", "indirect_next", packed, tx,
	 [](Rig &r) {
		 r.fill_table(table_entries(r, 1));
		 offer_chain(r, {r.good(), r.table_of(16)});
	 }},
	{"indirect table outside memory", "indirect_addr", both_layouts, both_queues,
	 [](Rig &r) { offer(r, {at(r.table_of(16), nowhere, 16)}); }},
	{"indirect table that wraps 2^64", "indirect_addr", both_layouts, tx,
	 [](Rig &r) { offer(r, {at(r.table_of(16), -16ull, 32)}); }},
	{"indirect table that leaves memory", "indirect_addr", both_layouts, tx,
	 [](Rig &r) { offer(r, {at(r.table_of(16), end_of(r.table) - 8, 16)}); }},
};

const Lie buffer_lies[] = {
	{"buffer outside memory", "buffer", both_layouts, both_queues,
	 [](Rig &r) { offer(r, {at(r.good(), nowhere, 72)}); }},
	{"buffer at 0", "buffer", both_layouts, tx,
	 [](Rig &r) { offer(r, {at(r.good(), 0, 72)}); }},
	{"buffer that leaves memory", "buffer", both_layouts, both_queues,
	 [](Rig &r) { offer(r, {at(r.good(), end_of(r.buffer) - 40, 72)}); }},
	{"second buffer outside memory", "buffer", both_layouts, both_queues,
	 [](Rig &r) {
		 offer_chain(r, {r.part(0, 20), at(r.good(), nowhere, 72)});
	 }},
	{"buffer that wraps 2^64", "buffer", both_layouts, both_queues,
	 [](Rig &r) { offer(r, {at(r.good(), -40ull, 72)}); }},
	{"buffer of a table outside memory", "buffer", both_layouts, tx,
	 [](Rig &r) {
		 Descriptors entries = table_entries(r, 2);

		 entries[1].guest = nowhere;
		 offer_table(r, entries);
	 }},
	{"buffer the wrong way", "direction", both_layouts, both_queues,
	 [](Rig &r) { offer(r, {with_flags(r.good(), r.direction() ^ writable)}); }},
	{"buffers both ways", "direction", both_layouts, both_queues,
	 [](Rig &r) {
		 offer_chain(r, {with_flags(r.good(), 0), with_flags(r.good(), writable)});
	 }},
	{"zero-length buffers only", "direction", both_layouts, both_queues,
	 [](Rig &r) {
		 offer_chain(r, {r.part(0, 0), r.part(0, 0)});
	 }},
	{"table of zero-length buffers", "direction", both_layouts, tx,
	 [](Rig &r) { offer_table(r, {at(r.good(), r.buffer.guest, 0)}); }},
	{"header cut short", "header", both_layouts, both_queues,
	 [](Rig &r) { offer(r, {r.part(0, 11)}); }},
};

// Frames flow on the other queue before, while and after this one is found to be broken.
Result<Done> tell_meanwhile(const Lie &lie, Rig &rig)
{
	Meanwhile other(rig);

	TRY(other.turns(3));
	lie.tell(rig);
	TRY(rig.notify());
	TRY(rig.provoke());
	TRY(rig.error.wait(Rig::deadline_ms));
	TRY(other.turns(3));
	return other.end();
}

// The whole story of a lie: it worked, it is lied to, it stops alone, it works again.
Result<Done> run_lie(const Lie &lie, const RigOptions &options)
{
	auto opened = Rig::open(options);

	if (!opened && options.place == RingPlace::secret &&
	    (opened.error().code == ENOSYS || opened.error().code == EPERM))
		return fail(ENOTSUP, "get", "secret memory", "no memfd_secret here");

	std::unique_ptr<Rig> rig = TRY(std::move(opened));
	std::string access = options.place == RingPlace::mapped ? "mapped" : "user";
	KernelLog log = TRY(KernelLog::from_now());

	TRY(rig->honest());
	TRY(rig->other_works(10));

	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(stats.text(rig->counter("access")) == access,
		   fmt::format("the ring reached as {}, it is {}", access,
			       stats.text(rig->counter("access")))));
	TRY(tell_meanwhile(lie, *rig));
	TRY(expect_broken(*rig, log, lie.kind));
	TRY(expect_revived(*rig, 1));
	return expect_closed(std::move(rig));
}

void add_lie(Tests &tests, const Lie &lie, RigOptions options)
{
	options.ring = lie.ring;
	tests.push_back(
		{fmt::format("{}, {}, {} ring: {}", queue_name(options.queue),
			     layout_name(options.layout), ring_place_name(options.place), lie.name),
		 [lie, options] { return run_lie(lie, options); }, true});
}

// By every way to reach a ring on the transmit queue; the receive queue parses with the same code.
void add_lie_everywhere(Tests &tests, const Lie &lie, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		if (!(lie.layouts & (layout == Layout::split ? split : packed)))
			continue;
		RigOptions options{.node = node, .layout = layout};

		if (lie.queues & rx) {
			options.queue = NetGuest::rx_index;
			add_lie(tests, lie, options);
		}
		if (!(lie.queues & tx))
			continue;
		options.queue = NetGuest::tx_index;
		add_lie(tests, lie, options);
		if (!(lie.queues & rx))
			continue;
		options.place = RingPlace::secret;
		add_lie(tests, lie, options);
		options.place = RingPlace::readonly;
		if (layout == Layout::split && lie.kind == std::string("loop"))
			add_lie(tests, lie, options);
	}
}

} // namespace

void add_lies(Tests &tests, const std::string &node)
{
	for (std::span<const Lie> lies :
	     {std::span<const Lie>(index_lies), {length_lies}, {table_lies}, {buffer_lies}})
		for (const Lie &lie : lies)
			add_lie_everywhere(tests, lie, node);
	add_harmless_lies(tests, node);
}

} // namespace ringtap
