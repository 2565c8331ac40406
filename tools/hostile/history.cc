// SPDX-License-Identifier: GPL-2.0-or-later
// The bugs that vhost-net has had in its rings and frames, each a test named after it.
#include <cstring>
#include <fstream>
#include <thread>

#include <linux/bpf.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <fmt/format.h>

#include "hostile/history.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;

// The whole ring full each time, so that available and used index are the ring's size apart, until
// the available index has gone round 16 bits.
Result<Done> index_wraps(Rig &rig)
{
	unsigned size = rig.options.ring, rounds = 65536 / size + 2;
	RawDescriptor good = rig.good();

	rig.write_frame(raw_frame(60, ++rig.serial));
	for (unsigned round = 0; round < rounds; round++) {
		// The honest chain of the beginning left the ring one slot from its start.
		for (unsigned i = 0; i < size; i++)
			rig.ring->offer(std::span(&good, 1));
		TRY(rig.notify());
		for (unsigned i = 0; !rig.sends() && i < size; i++)
			TRY(rig.provoke());
		// A split ring's used index has 16 bits.
		TRY(rig.wait_until("the whole ring back", [&] {
			return uint16_t(rig.ring->used()) == uint16_t(rig.ring->offered());
		}));
	}
	TRY(expect(rig.ring->offered() > 65536, "more chains than 16 bits count"));
	return rig.honest();
}

// Buffers of no bytes at either end of a chain: nothing is written there, nor logged.
Result<Done> empty_descriptors(Rig &rig)
{
	rig.log->take();
	for (int round = 0; round < 20; round++) {
		RawDescriptor three[] = {rig.part(64 << 10, 0), rig.good(), rig.part(64 << 10, 0)};
		std::vector<uint8_t> frame = raw_frame(60, ++rig.serial);
		unsigned used = rig.ring->used();

		if (rig.sends())
			rig.write_frame(frame);
		rig.ring->offer(rig.ring->chain(three));
		TRY(rig.notify());
		if (!rig.sends())
			TRY(rig.raw_socket->send({}, frame));
		TRY(rig.wait_used(used + 1));
		if (rig.sends())
			TRY(rig.expect_raw(frame));
	}
	TRY(rig.device->vring_base(rig.options.queue));

	std::set<uint64_t> pages = rig.log->take();

	TRY(expect(pages.contains(rig.buffer.guest >> 12) == !rig.sends(),
		   "what is written logged"));
	TRY(expect(!pages.contains((rig.buffer.guest + (64 << 10)) >> 12),
		   "no empty buffer logged"));
	return rig.honest();
}

// Milliseconds that something took; on a loaded machine a second is nothing.
template <class Run>
Result<Done> in_time(const char *what, Run run)
{
	auto start = Clock::now();

	TRY(run());

	auto took = Clock::now() - start;

	return expect(took < std::chrono::milliseconds(Rig::deadline_ms / 2),
		      fmt::format("{} done in time, it took {:.1f} s", what,
				  std::chrono::duration<double>(took).count()));
}

// A flood of frames that fit no buffer, while one is offered: each is dropped, and nobody waits.
Result<Done> truncated_flood(Rig &rig)
{
	RawDescriptor small = rig.part(0, 100);
	std::vector<uint8_t> large = raw_frame(1000, 1);
	std::jthread flood([&](std::stop_token stop) {
		while (!stop.stop_requested())
			(void)rig.raw_socket->send({}, large);
	});

	rig.ring->offer(std::span(&small, 1));
	TRY(rig.notify());
	TRY(rig.wait_until("frames dropped for want of room", [&] {
		auto stats = DeviceStats::read();

		return stats && stats->count("rx.drop_no_room") > 2000;
	}));
	for (int i = 0; i < 5; i++) {
		TRY(in_time("frames on the other queue", [&] { return rig.other_works(50); }));
		TRY(in_time("an ioctl", [&] { return rig.device->vring_base(0); }));
		TRY(in_time("a detach", [&] { return rig.detach(); }));
		rig.ring->reset();
		TRY(rig.attach());
		rig.ring->offer(std::span(&small, 1));
		TRY(rig.notify());
	}
	flood.request_stop();
	flood.join();
	TRY(rig.detach());
	rig.ring->reset();
	TRY(rig.attach());
	return Done{};
}

Result<Done> set_up(Rig &rig, bool up)
{
	return run_command(fmt::format("ip link set {} {}", rig.tap->name(), up ? "up" : "down"));
}

Result<Done> set_carrier(Rig &rig, int carrier)
{
	if (::ioctl(rig.tap->queue().get(), TUNSETCARRIER, &carrier) < 0)
		return fail(errno, "set", "the carrier");
	return Done{};
}

// Whole rings of frames that the TAP may refuse: every descriptor comes back, every time.
Result<Done> all_come_back(Rig &rig)
{
	RawDescriptor good = rig.good();

	rig.write_frame(raw_frame(60, ++rig.serial));
	for (int round = 0; round < 8; round++) {
		for (unsigned i = 0; i < rig.options.ring; i++)
			rig.ring->offer(std::span(&good, 1));
		TRY(rig.notify());
		TRY(rig.wait_used(rig.ring->offered()));
	}
	return Done{};
}

// What waits in the sockets is not the next honest frame, be it frames or the end of the interface.
Result<Done> works_again(Rig &rig)
{
	(void)rig.socket->receive();
	(void)rig.raw_socket->receive();
	while (TRY(rig.raw_socket->receive()))
		;
	return rig.honest();
}

Result<Done> batch_to_tap_down(Rig &rig)
{
	for (int i = 0; i < 5; i++) {
		TRY(set_up(rig, false));
		TRY(all_come_back(rig));
		TRY(set_up(rig, true));
		TRY(works_again(rig));
	}
	return Done{};
}

Result<Done> batch_without_carrier(Rig &rig)
{
	for (int i = 0; i < 5; i++) {
		TRY(set_carrier(rig, 0));
		TRY(all_come_back(rig));
		TRY(set_carrier(rig, 1));
		TRY(works_again(rig));
	}
	return Done{};
}

Result<Done> batch_aborted(Rig &rig)
{
	Fd link = TRY(attach_xdp(*rig.tap, XDP_ABORTED));

	TRY(all_come_back(rig));
	link.reset();
	return works_again(rig);
}

Result<Done> batch_to_detached(Rig &rig)
{
	for (int i = 0; i < 5; i++) {
		TRY(rig.tap->attach_queue(0, false));
		TRY(all_come_back(rig));
		TRY(rig.tap->attach_queue(0, true));
		TRY(works_again(rig));
	}
	return Done{};
}

// No other queue to look at afterwards: both had the TAP that is gone.
Result<Done> batch_to_deleted(const RigOptions &options)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());
	TRY(run_command("ip link del " + rig->tap->name()));
	TRY(all_come_back(*rig));
	rig.reset();
	return DeviceStats::expect_none();
}

Result<uint64_t> pages_swapped()
{
	std::ifstream file("/proc/vmstat");
	std::string name;
	uint64_t count = 0;

	while (file >> name >> count)
		if (name == "pswpout")
			return count;
	return fail(ENOTSUP, "count", "pages swapped out", "no swap in this kernel");
}

// All of the guest's memory goes to swap again and again, under both queues and a busy poll.
Result<Done> swapped_out(Rig &rig)
{
	constexpr unsigned poll_us = 200;
	std::vector<MemoryRegion> regions = rig.memory.regions();
	uint64_t before = TRY(pages_swapped());

	TRY(rig.device->set_busyloop_timeout(0, poll_us));
	TRY(rig.device->set_busyloop_timeout(1, poll_us));

	std::jthread swapper([&](std::stop_token stop) {
		while (!stop.stop_requested()) {
			for (const MemoryRegion &region : regions)
				(void)::madvise(reinterpret_cast<void *>(region.user), region.size,
						MADV_PAGEOUT);
			::poll(nullptr, 0, 1);
		}
	});

	for (int i = 0; i < 20; i++) {
		TRY(rig.other_works(30));
		TRY(rig.honest());
	}
	swapper.request_stop();
	swapper.join();
	if (TRY(pages_swapped()) == before)
		return fail(ENOTSUP, "swap", "memory out", "no swap space here");
	return Done{};
}

// A driver that writes while the device reads: what comes is what was written.
Result<Done> read_barriers(Rig &rig)
{
	for (int i = 0; i < 5; i++) {
		TRY(rig.other_works(1000));
		TRY(rig.honest());
	}
	return Done{};
}

// A scenario of another group under its bug's name.
void add_known(Tests &tests, void (*add_group)(Tests &, const std::string &),
	       const std::string &node, const std::string &known, const std::string &name)
{
	Tests group;

	add_group(group, node);
	for (const Test &test : group)
		if (test.name.ends_with(known))
			tests.push_back({name + ": " + test.name, test.run, test.breaks});
}

void add_both(Tests &tests, const RigOptions &options, const std::string &name, RigTest body)
{
	RigOptions both = options;

	for (Layout layout : {Layout::split, Layout::packed}) {
		both.layout = layout;
		tests.push_back(
			{test_name(both, name.c_str()), [=] { return on_rig(both, body); }});
	}
}

void add_batches(Tests &tests, const std::string &node)
{
	RigOptions sender{.node = node}, several = sender;

	// A queue can be detached from a TAP of many only.
	several.tap.multi_queue = true;
	several.tap.queues = 1;
	add_both(tests, sender, "batch failure losing descriptors: TAP down", batch_to_tap_down);
	add_both(tests, sender, "batch failure losing descriptors: no carrier",
		 batch_without_carrier);
	add_both(tests, sender, "batch failure losing descriptors: aborted by XDP", batch_aborted);
	add_both(tests, several, "batch failure losing descriptors: TAP queue detached",
		 batch_to_detached);
	for (Layout layout : {Layout::split, Layout::packed}) {
		sender.layout = layout;
		tests.push_back({test_name(sender, "batch failure losing descriptors: TAP deleted"),
				 [=] { return batch_to_deleted(sender); }});
	}
}

} // namespace

Result<Done> expect_errno(const Result<Done> &result, int code, const std::string &what)
{
	if (!result && result.error().code == code)
		return Done{};
	return fail(0, "see",
		    fmt::format("errno {} for {}, it is {}", code, what,
				result ? 0 : result.error().code));
}

void add_history(Tests &tests, const std::string &node)
{
	RigOptions sender{.node = node};
	RigOptions receiver{.node = node, .queue = NetGuest::rx_index};
	RigOptions wide = sender, wide_receiver = receiver, rigid = receiver;
	RigOptions logged_sender = sender, logged_receiver = receiver;

	wide.ring = 1024;
	wide_receiver.ring = 256;
	rigid.mergeable = false;
	add_known(tests, add_frames, node, "frames of 0 to 13 bytes are dropped", "short frames");
	add_both(tests, wide, "16-bit wrap of the available index, ring full", index_wraps);
	add_both(tests, wide_receiver, "16-bit wrap of the available index, ring full",
		 index_wraps);
	logged_sender.logged = logged_receiver.logged = true;
	add_both(tests, logged_sender, "zero-length descriptors while logging", empty_descriptors);
	add_both(tests, logged_receiver, "zero-length descriptors while logging",
		 empty_descriptors);
	add_both(tests, rigid, "endless loops on truncated packets", truncated_flood);
	add_both(tests, sender, "swapped-out memory while busy polling", swapped_out);
	add_both(tests, receiver, "swapped-out memory while busy polling", swapped_out);
	add_batches(tests, node);
	add_both(tests, sender, "missing read barriers", read_barriers);
	add_both(tests, receiver, "missing read barriers", read_barriers);
	add_history_files(tests, node);
	add_history_owners(tests, node);
}

} // namespace ringtap
