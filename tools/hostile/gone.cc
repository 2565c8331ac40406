// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that goes away under the worker, rings full of noise, and flags that never rest.
#include <algorithm>
#include <cstring>
#include <random>
#include <thread>

#include <poll.h>
#include <sys/mman.h>

#include <fmt/format.h>

#include "hostile/tests.h"

namespace ringtap {

namespace {

using Body = Result<Done> (*)(Rig &rig, const KernelLog &log);

Result<Done> on_rig(const RigOptions &options, Body body)
{
	auto opened = Rig::open(options);

	if (!opened && (opened.error().code == ENOSYS || opened.error().code == EPERM) &&
	    options.place == RingPlace::secret)
		return fail(ENOTSUP, "get", "secret memory", "no memfd_secret here");

	std::unique_ptr<Rig> rig = TRY(std::move(opened));
	KernelLog log = TRY(KernelLog::from_now());

	TRY(rig->honest());
	TRY(body(*rig, log));
	return expect_closed(std::move(rig));
}

// Served by user access, a ring that is not there is found out at the next look.
Result<Done> unmapped_is_a_fault(Rig &rig, const KernelLog &log)
{
	TRY(rig.ring->unmap());
	TRY(rig.notify());
	TRY(rig.provoke());

	auto signalled = TRY(rig.error.wait(Rig::deadline_ms));

	TRY(rig.ring->map_again());
	TRY(expect(signalled, "the error eventfd signalled"));
	// Signal it again for the common verdict, which wants exactly one.
	TRY(rig.errors_signalled());
	TRY(rig.error.signal());
	TRY(expect_broken(rig, log, "fault"));
	return expect_revived(rig, 1);
}

// Unmapped and mapped again before the worker looks: the new pages are the ring, an empty one.
Result<Done> mapped_again_goes_on(Rig &rig, const KernelLog &)
{
	TRY(rig.ring->unmap());
	TRY(rig.ring->map_again());
	TRY(rig.notify());
	TRY(rig.other_works(20));
	if (TRY(DeviceStats::read()).text(rig.counter("state")) == "broken")
		TRY(rig.errors_signalled());
	TRY(rig.detach());
	rig.ring->reset();
	TRY(rig.attach());
	return rig.honest();
}

Result<Done> unwritable_is_a_fault(Rig &rig, const KernelLog &log)
{
	RawDescriptor good = rig.good();

	rig.write_frame(raw_frame(60, ++rig.serial));
	rig.ring->offer(std::span(&good, 1));
	TRY(rig.ring->protect(PROT_READ));
	TRY(rig.notify());
	TRY(rig.provoke());

	auto signalled = TRY(rig.error.wait(Rig::deadline_ms));

	TRY(rig.ring->protect(PROT_READ | PROT_WRITE));
	TRY(expect(signalled, "the error eventfd signalled"));
	TRY(expect_broken(rig, log, "fault"));
	return expect_revived(rig, 1);
}

// A pinned ring outlives its mapping: the device keeps the old pages and never touches new ones.
Result<Done> unmapped_stays_stale(Rig &rig, const KernelLog &)
{
	TRY(rig.ring->unmap());
	TRY(rig.ring->map_again());

	std::span<uint8_t> fresh = rig.ring->all();

	std::memset(fresh.data(), 0x5a, fresh.size());
	for (int i = 0; i < 5; i++) {
		TRY(rig.notify());
		TRY(rig.provoke());
		TRY(rig.other_works(10));
	}
	TRY(expect(std::ranges::all_of(fresh, [](uint8_t byte) { return byte == 0x5a; }),
		   "fresh pages at the ring's address left alone"));

	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(stats.sum(rig.counter("error_")) == 0, "no error from the old pages"));
	return expect_revived(rig, 0);
}

// Buffers are not pinned: a region that is not there any more is a bad buffer.
Result<Done> buffer_unmapped(Rig &rig, const KernelLog &log)
{
	size_t second = 64 << 10;
	RawDescriptor far = rig.part(second, rig.good().size);
	void *at = rig.buffer.user + second;

	if (::mprotect(at, 4096, PROT_NONE) < 0)
		return fail(errno, "protect", "a buffer");
	rig.ring->offer(std::span(&far, 1));
	TRY(rig.notify());
	TRY(rig.provoke());
	TRY(expect_broken(rig, log, "buffer"));
	if (::mprotect(at, 4096, PROT_READ | PROT_WRITE) < 0)
		return fail(errno, "protect", "a buffer");
	return expect_revived(rig, 1);
}

// A region taken out of the memory table takes its buffers with it; detaching is not needed.
Result<Done> buffer_out_of_table(Rig &rig, const KernelLog &log)
{
	std::vector<MemoryRegion> regions = rig.memory.regions();
	RawDescriptor good = rig.good();

	TRY(rig.device->set_memory(std::span(regions).first(1)));
	rig.ring->offer(std::span(&good, 1));
	TRY(rig.notify());
	TRY(rig.provoke());
	TRY(expect_broken(rig, log, "buffer"));
	TRY(rig.device->set_memory(regions));
	return expect_revived(rig, 1);
}

// All areas full of random words, again and again: it may break or not, but it can be revived.
Result<Done> noise(Rig &rig, const KernelLog &)
{
	std::mt19937 random(4711);

	for (int round = 0; round < 25; round++) {
		std::span<uint8_t> bytes = rig.ring->all();

		for (size_t i = 0; i < bytes.size(); i++)
			bytes[i] = random() % 3 ? random() : random() % 4;
		for (int kick = 0; kick < 3; kick++) {
			TRY(rig.notify());
			TRY(rig.provoke());
			for (int i = 0; i < 64; i++)
				bytes[random() % bytes.size()] = random();
		}
		TRY(rig.other_works(3));
		TRY(rig.detach());
		rig.ring->reset();
		TRY(rig.errors_signalled());
		TRY(rig.attach());
	}
	return rig.honest();
}

// A thread that writes one word of the ring for as long as it lives.
class Flipper {
public:
	Flipper(HostileRing &ring, uint16_t one, uint16_t two) :
		thread_([&ring, one, two](std::stop_token stop) {
			while (!stop.stop_requested()) {
				ring.set_flags(ring.slot(), one);
				ring.set_flags(ring.slot(), two);
			}
		})
	{
	}

private:
	std::jthread thread_;
};

// Flags that flip between available and not, and between sound and mad, while the device looks.
Result<Done> flags_flip(Rig &rig, const KernelLog &)
{
	uint16_t available = rig.ring->available_flags() | rig.direction();
	const uint16_t others[] = {0, uint16_t(available | VRING_DESC_F_NEXT),
				   uint16_t(available | VRING_DESC_F_INDIRECT),
				   uint16_t(~available)};

	for (uint16_t other : others) {
		{
			Flipper flipper(*rig.ring, available, other);

			for (int kick = 0; kick < 20; kick++) {
				TRY(rig.notify());
				TRY(rig.provoke());
				TRY(rig.other_works(2));
			}
		}
		TRY(rig.detach());
		rig.ring->reset();
		TRY(rig.errors_signalled());
		TRY(rig.attach());
	}
	return rig.honest();
}

// Flags that say "used", or of the other round, are not available: nothing happens at all.
Result<Done> wrong_round_waits(Rig &rig, const KernelLog &)
{
	constexpr uint16_t both = 1 << VRING_PACKED_DESC_F_AVAIL | 1 << VRING_PACKED_DESC_F_USED;
	uint64_t packets = TRY(DeviceStats::read()).count(rig.counter("packets"));

	for (uint16_t flags : {uint16_t(0), both, uint16_t(both & ~rig.ring->available_flags())}) {
		rig.ring->set_flags(rig.ring->slot(), flags);
		TRY(rig.notify());
		TRY(rig.other_works(5));
	}

	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(stats.count(rig.counter("packets")) == packets, "nothing taken"));
	TRY(expect(stats.sum(rig.counter("error_")) == 0, "no error"));
	return rig.honest();
}

void add(Tests &tests, const RigOptions &options, const char *name, Body body, bool breaks)
{
	tests.push_back(
		{fmt::format("{}, {}, {} ring: {}", queue_name(options.queue),
			     layout_name(options.layout), ring_place_name(options.place), name),
		 [options, body] { return on_rig(options, body); }, breaks});
}

} // namespace

void add_gone(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index}) {
			RigOptions options{.node = node, .layout = layout, .queue = queue};

			add(tests, options, "unmapped, it stays stale and never foreign",
			    unmapped_stays_stale, false);
			add(tests, options, "buffer made inaccessible", buffer_unmapped, true);
			add(tests, options, "buffer taken out of the memory table",
			    buffer_out_of_table, true);
			options.place = RingPlace::secret;
			add(tests, options, "unmapped under the worker", unmapped_is_a_fault, true);
			add(tests, options, "unmapped and mapped again", mapped_again_goes_on,
			    true);
			add(tests, options, "made read-only under the worker",
			    unwritable_is_a_fault, true);
		}
	}

	RigOptions options{.node = node, .layout = Layout::packed};

	add(tests, options, "flags of the wrong round", wrong_round_waits, false);
	// These say more than the kernel logs, and come last.
	add(tests, options, "flags that flip", flags_flip, false);
	for (Layout layout : {Layout::split, Layout::packed})
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index})
			for (RingPlace place : {RingPlace::mapped, RingPlace::secret})
				add(tests,
				    {.node = node,
				     .layout = layout,
				     .place = place,
				     .queue = queue},
				    "noise everywhere", noise, false);
}

} // namespace ringtap
