// SPDX-License-Identifier: GPL-2.0-or-later
// Lies that cost only the guest that tells them: the queue goes on, all chains come back.
#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "hostile/lies.h"

namespace ringtap {

namespace {

constexpr unsigned split = 1, packed = 2, both_layouts = 3;
constexpr uint16_t packed_avail = 1 << VRING_PACKED_DESC_F_AVAIL;
constexpr uint16_t packed_used = 1 << VRING_PACKED_DESC_F_USED;

// All but NEXT, WRITE and INDIRECT; and but what says that a packed descriptor is available.
constexpr uint16_t reserved_in_table = 0xfff8;
constexpr uint16_t reserved_in_packed = reserved_in_table & ~(packed_avail | packed_used);

// A number of chains there and back. All name the same buffer, so all send the same frame.
class Carry {
public:
	explicit Carry(Rig &rig) :
		rig_(rig), frame_(raw_frame(60, ++rig.serial)), used_(rig.ring->used()),
		slot_(rig.ring->slot()), wrap_(rig.ring->available_flags() == packed_avail)
	{
		if (rig.sends())
			rig.write_frame(frame_);
		else
			std::memset(rig.buffer.user, 0, 128);
	}

	// They were offered: the frames go over.
	[[nodiscard]] Result<Done> frames(unsigned chains);
	// And the chains come back, no less and no more of them.
	[[nodiscard]] Result<Done> over(unsigned chains);
	// What the device called the chain that it gave back as the nth, in the nth slot from where
	// we began; nothing if it has not.
	[[nodiscard]] std::optional<unsigned> id(unsigned n) const;
	[[nodiscard]] Result<Done> expect_ids(std::span<const uint16_t> ids) const;

private:
	Rig &rig_;
	std::vector<uint8_t> frame_;
	unsigned used_, slot_;
	bool wrap_;
};

Result<Done> Carry::frames(unsigned chains)
{
	unsigned arrived = 0;

	TRY(rig_.notify());
	for (unsigned i = 0; i < chains && !rig_.sends(); i++)
		TRY(rig_.raw_socket->send({}, frame_));
	if (!rig_.sends())
		return Done{};
	return rig_.wait_until(fmt::format("{} frames at the TAP", chains), [&] {
		while (true) {
			auto got = rig_.raw_socket->receive();

			if (!got || !*got)
				break;
			arrived += std::ranges::equal((*got)->bytes, frame_);
		}
		return arrived >= chains;
	});
}

Result<Done> Carry::over(unsigned chains)
{
	TRY(frames(chains));
	TRY(rig_.wait_used(used_ + chains));
	TRY(expect(uint16_t(rig_.ring->used() - used_) == chains,
		   fmt::format("{} chains back, not {}", chains, rig_.ring->used() - used_)));
	return expect(rig_.sends() || std::memcmp(rig_.buffer.user + rig_.guest->header_size() + 6,
						  frame_.data() + 6, frame_.size() - 6) == 0,
		      "the frame in the receive buffer");
}

std::optional<unsigned> Carry::id(unsigned n) const
{
	if (rig_.ring->layout() == Layout::split) {
		auto *used = reinterpret_cast<vring_used *>(rig_.ring->device_area().data());

		if (int16_t(load_acquire(used->idx) - used_ - n) <= 0)
			return {};
		return used->ring[(used_ + n) % rig_.ring->size()].id;
	}
	auto *ring = reinterpret_cast<vring_packed_desc *>(rig_.ring->desc_area().data());
	vring_packed_desc &slot = ring[(slot_ + n) % rig_.ring->size()];
	uint16_t flags = load_acquire(slot.flags);
	bool wrap = wrap_ != (slot_ + n >= rig_.ring->size());

	if (bool(flags & packed_avail) != wrap || bool(flags & packed_used) != wrap)
		return {};
	return slot.id;
}

Result<Done> Carry::expect_ids(std::span<const uint16_t> ids) const
{
	for (unsigned i = 0; i < ids.size(); i++) {
		int got = id(i).value_or(-1);

		TRY(expect(got == ids[i],
			   fmt::format("chain {} back as {}, it is {}", i, ids[i], got)));
	}
	return Done{};
}

void offer_one(Rig &rig, uint16_t id)
{
	RawDescriptor descriptor = rig.good();

	descriptor.link = id;
	rig.ring->offer(std::span(&descriptor, 1));
}

// The device may take a buffer as often as it is given.
Result<Done> same_head_twice(Rig &rig)
{
	for (unsigned round = 0; round < 20; round++) {
		uint16_t head = rig.ring->slot();
		uint16_t ids[] = {head, head};
		Carry carry(rig);

		rig.ring->hold();
		offer_one(rig, 0);
		rig.ring->offer_head(head);
		rig.ring->release();
		TRY(carry.over(2));
		TRY(carry.expect_ids(ids));
	}
	return rig.honest();
}

// An id is the driver's own; the device gives it back, whatever it is.
Result<Done> wild_ids(Rig &rig)
{
	uint16_t size = rig.ring->size();
	const uint16_t ids[] = {0xffff, size, 7, 7, 0x8000, 0};

	for (unsigned round = 0; round < 20; round++) {
		Carry carry(rig);

		rig.ring->hold();
		for (uint16_t id : ids)
			offer_one(rig, id);
		rig.ring->release();
		TRY(carry.over(std::size(ids)));
		TRY(carry.expect_ids(ids));
	}
	return rig.honest();
}

// Of a chain's ids only the last one counts.
Result<Done> ids_within_a_chain(Rig &rig)
{
	uint32_t rest = rig.good().size - 20;
	const uint16_t ids[] = {0xfffe};

	for (unsigned round = 0; round < 20; round++) {
		RawDescriptor first = rig.part(0, 20), last = rig.part(20, rest);
		Carry carry(rig);

		first.link = 0x1234;
		first.flags |= VRING_DESC_F_NEXT;
		last.link = ids[0];
		rig.ring->offer(std::vector{first, last});
		TRY(carry.over(1));
		TRY(carry.expect_ids(ids));
	}
	return rig.honest();
}

Result<Done> carry_chain(Rig &rig, std::span<const RawDescriptor> chain)
{
	Carry carry(rig);

	rig.ring->offer(chain);
	return carry.over(1);
}

// Bits without a meaning have none: alone, in a chain, in a table, and on what names a table.
Result<Done> reserved_flags(Rig &rig)
{
	bool is_packed = rig.ring->layout() == Layout::packed;
	uint16_t reserved = is_packed ? reserved_in_packed : reserved_in_table;
	const RawDescriptor parts[] = {rig.part(0, 20), rig.part(20, rig.good().size - 20)};

	for (unsigned round = 0; round < 20; round++) {
		RawDescriptor one = rig.good(), table = rig.table_of(sizeof(vring_desc));
		std::vector<RawDescriptor> chain;

		one.flags |= reserved;
		TRY(carry_chain(rig, std::span(&one, 1)));

		chain = rig.ring->chain(parts);
		for (RawDescriptor &descriptor : chain)
			descriptor.flags |= reserved;
		TRY(carry_chain(rig, chain));

		one.flags |= reserved_in_table;
		rig.fill_table(std::span(&one, 1));
		table.flags |= reserved | VRING_DESC_F_WRITE;
		TRY(carry_chain(rig, std::span(&table, 1)));
	}
	return rig.honest();
}

// Where the driver says when it wants a signal.
struct EventWords {
	uint16_t *event, *flags;
};

EventWords event_words(const Rig &rig)
{
	auto *words = reinterpret_cast<uint16_t *>(rig.ring->driver_area().data());

	if (rig.options.layout == Layout::packed)
		return {words, words + 1};
	return {words + 2 + rig.ring->size(), words};
}

// Positions that are none, wrap counters that are wrong, reserved flags; and whatever else.
void scribble(const Rig &rig, const std::stop_token &stop)
{
	uint16_t size = rig.ring->size();
	const uint16_t values[] = {0xffff, 0x7fff, 0x8000, 0, 1, 2, 3, size, uint16_t(size - 1)};
	EventWords words = event_words(rig);
	std::minstd_rand random(size);
	auto any = [&] {
		unsigned which = random() % (2 * std::size(values));

		return which < std::size(values) ? values[which] : uint16_t(random());
	};

	while (!stop.stop_requested()) {
		store_release(*words.event, any());
		store_release(*words.flags, any());
		std::this_thread::yield();
	}
}

Result<Done> garbage_events(Rig &rig)
{
	std::jthread scribbler([&](const std::stop_token &stop) { scribble(rig, stop); });

	for (unsigned round = 0; round < 60; round++) {
		Carry carry(rig);

		rig.ring->hold();
		for (uint16_t id = 0; id < 8; id++)
			offer_one(rig, id);
		rig.ring->release();
		TRY(carry.over(8));
	}
	scribbler.request_stop();
	scribbler.join();

	// A driver that asks properly again is signalled again.
	EventWords words = event_words(rig);

	store_release(*words.flags, 0);
	if (rig.options.layout == Layout::split)
		store_release(*words.event, rig.ring->used());
	TRY(rig.call.drain());
	TRY(rig.honest());
	return expect(TRY(rig.call.wait(Rig::deadline_ms)), "a signal that was asked for");
}

// Follow used elements as 2.7.9 and 2.8.8 say: each is for all chains up to the one it names.
Result<Done> expect_in_order(Rig &rig, const Carry &carry, std::span<const uint16_t> ids)
{
	std::optional<unsigned> wrong;
	unsigned back = 0;

	TRY(rig.wait_until("all chains back", [&] {
		while (back < ids.size() && !wrong) {
			std::optional<unsigned> id = carry.id(back);

			if (!id)
				return false;
			auto found = std::ranges::find(ids.subspan(back), *id);

			if (found == ids.subspan(back).end())
				wrong = id;
			else
				back += found - ids.subspan(back).begin() + 1;
		}
		return true;
	}));
	return expect(!wrong, fmt::format("a chain in its turn, not {}", wrong.value_or(0)));
}

// A driver that negotiated IN_ORDER has to offer the table's slots in turn, and does not.
Result<Done> heads_out_of_order(Rig &rig)
{
	uint16_t size = rig.ring->size();

	for (unsigned round = 0; round < 20; round++) {
		std::vector<uint16_t> ids = {9, 3, 0xffff, 1};
		Carry carry(rig);
		unsigned first = rig.ring->slot();

		rig.ring->hold();
		for (uint16_t id : ids)
			offer_one(rig, id);
		if (rig.options.layout == Layout::split) {
			auto *avail = reinterpret_cast<vring_avail *>(
				rig.ring->driver_area().data());
			uint16_t at = rig.ring->avail_index() - 4;

			ids = {uint16_t((first + 2) % size), uint16_t(first),
			       uint16_t((first + 3) % size), uint16_t((first + 1) % size)};
			for (uint16_t id : ids)
				avail->ring[at++ % size] = id;
		}
		rig.ring->release();
		TRY(carry.frames(ids.size()));
		TRY(expect_in_order(rig, carry, ids));
	}
	// Our own count does not follow elements for more than one chain: start afresh.
	return expect_revived(rig, 0);
}

struct HarmlessLie {
	const char *name;
	RigTest tell;
	unsigned layouts;
	bool event_idx = false, in_order = false;
};

const HarmlessLie harmless_lies[] = {
	{"same head twice", same_head_twice, split},
	{"buffer ids out of range and twice", wild_ids, packed},
	{"buffer ids within a chain", ids_within_a_chain, packed},
	{"reserved descriptor flags", reserved_flags, both_layouts},
	{"garbage for events", garbage_events, both_layouts},
	{"garbage for events, with EVENT_IDX", garbage_events, both_layouts, true},
	{"heads out of order, with IN_ORDER", heads_out_of_order, split, false, true},
	{"ids out of order, with IN_ORDER", heads_out_of_order, packed, false, true},
};

Result<Done> expect_unharmed(Rig &rig, const KernelLog &log)
{
	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(stats.text(rig.counter("state")) == "running", "the queue running"));
	TRY(expect(stats.text(rig.other_counter("state")) == "running", "the other queue running"));
	TRY(expect(stats.sum(rig.counter("error_")) == 0, "no ring error"));
	TRY(expect(stats.sum(rig.other_counter("error_")) == 0, "no error of the other queue"));
	TRY(expect(TRY(rig.errors_signalled()) == 0, "no error signalled"));
	TRY(expect(rig.ring->used() == rig.ring->offered(), "each chain back once"));
	return expect(has_company() || log.lines_with("stopped: ").empty(), "nothing in the log");
}

// Both queues are busy all the time.
Result<Done> run_harmless(const HarmlessLie &lie, RigOptions options)
{
	options.event_idx = lie.event_idx;
	options.in_order = lie.in_order;

	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	KernelLog log = TRY(KernelLog::from_now());

	TRY(rig->honest());

	Meanwhile other(*rig);

	TRY(other.turns(3));
	TRY(lie.tell(*rig));
	TRY(other.turns(3));
	TRY(other.end());
	TRY(expect_unharmed(*rig, log));
	return expect_closed(std::move(rig));
}

} // namespace

void add_harmless_lies(Tests &tests, const std::string &node)
{
	for (const HarmlessLie &lie : harmless_lies)
		for (Layout layout : {Layout::split, Layout::packed})
			for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index}) {
				RigOptions options{.node = node, .layout = layout, .queue = queue};

				if (!(lie.layouts & (layout == Layout::split ? split : packed)))
					continue;
				tests.push_back({test_name(options, lie.name), [&lie, options] {
							 return run_harmless(lie, options);
						 }});
			}
}

} // namespace ringtap
