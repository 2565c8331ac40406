// SPDX-License-Identifier: GPL-2.0-or-later
// Pages that the worker waits for, and what may not wait with it.
#include <thread>

#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <fmt/format.h>

#include "hostile/stalled.h"

namespace ringtap {

Result<LatePage> late_buffer(const Rig &rig, const PageSource &source, size_t offset)
{
	return LatePage::at(rig.buffer.user + offset, source);
}

std::string stalled_name(const RigOptions &options, const std::string &name,
			 const PageSource &source)
{
	const char *kinds[] = {"", ", of a FUSE server of its own", ", of a FUSE server elsewhere"};

	return test_name(options, (name + kinds[source.kind]).c_str());
}

Result<Done> stall(Rig &rig, LatePage &page)
{
	RawDescriptor late = rig.part(late_offset, rig.good().size);

	rig.ring->offer(std::span(&late, 1));
	TRY(rig.notify());
	TRY(rig.provoke());
	return page.wait();
}

namespace {

// Nobody but the queue waits: not who asks how it is, no other queue that has a worker of its own,
// no other device.
Result<Done> supplied(Rig &rig, const KernelLog &, const PageSource &source)
{
	unsigned used = rig.ring->used();
	unsigned worker = TRY(rig.device->new_worker());

	TRY(rig.device->attach_vring_worker(1 - rig.options.queue, worker));

	LatePage page = TRY(late_buffer(rig, source));

	TRY(stall(rig, page));
	TRY(rig.other_works(20));
	TRY(expect(TRY(DeviceStats::read()).text(rig.counter("state")) == "running",
		   "the queue running"));
	{
		VhostDevice other = TRY(VhostDevice::open(rig.options.node));

		TRY(other.set_owner());
		TRY(other.reset_owner());
	}
	TRY(page.supply());
	TRY(rig.wait_used(used + 1));
	return rig.honest();
}

Result<Done> taken_away(Rig &rig, const KernelLog &log, const PageSource &source)
{
	LatePage page = TRY(late_buffer(rig, source));

	TRY(stall(rig, page));
	TRY(page.take_away());
	TRY(expect_broken(rig, log, "buffer"));
	TRY(page.map_again());
	return expect_revived(rig, 1);
}

// Detaching waits for the worker, and no longer than that.
Result<Done> detached(Rig &rig, const KernelLog &, const PageSource &source)
{
	LatePage page = TRY(late_buffer(rig, source));
	std::atomic<bool> done = false;

	TRY(stall(rig, page));
	{
		std::jthread detacher([&] { done = bool(rig.detach()); });

		::poll(nullptr, 0, moment_ms);

		bool early = done;

		TRY(page.supply());
		TRY(expect(!early, "the detach wait for the worker"));
	}
	TRY(expect(done, "the queue detached"));
	rig.ring->reset();
	TRY(rig.attach());
	return rig.honest();
}

constexpr unsigned batch = 5;

// The worker with a batch of frames taken off the TAP, the first of which it cannot deliver yet.
Result<Done> stall_batch(Rig &rig, LatePage &page)
{
	RawDescriptor late = rig.part(late_offset, 2048), good = rig.good();

	for (unsigned i = 0; i < batch; i++)
		TRY(rig.provoke());
	rig.ring->hold();
	rig.ring->offer(std::span(&late, 1));
	for (unsigned i = 1; i < batch; i++)
		rig.ring->offer(std::span(&good, 1));
	rig.ring->release();
	TRY(rig.notify());
	return page.wait();
}

// The queue is broken, and of what it had taken every frame counts as lost for that reason.
Result<Done> expect_batch_lost(Rig &rig, const std::string &reason)
{
	auto signalled = TRY(rig.error.wait(Rig::deadline_ms));
	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(signalled, "the error eventfd signalled"));
	return expect(stats.count("rx." + reason) == batch && stats.sum("rx.drop_") == batch,
		      fmt::format("{} of {}, there are {} of {} drops", batch, reason,
				  stats.count("rx." + reason), stats.sum("rx.drop_")));
}

// Attached again, with buffers for so many frames that wait.
Result<Done> serve_again(Rig &rig, unsigned frames)
{
	RawDescriptor good = rig.good();

	TRY(rig.detach());
	rig.ring->reset();
	TRY(rig.errors_signalled());
	TRY(rig.attach());
	for (unsigned i = 0; i < frames; i++)
		rig.ring->offer(std::span(&good, 1));
	TRY(rig.notify());
	return rig.wait_used(frames);
}

// What was taken off a TAP that is gone when it should go back.
Result<Done> tap_deleted(Rig &rig, const KernelLog &log, const PageSource &source)
{
	std::string name = rig.tap->name();
	LatePage page = TRY(late_buffer(rig, source));

	TRY(stall_batch(rig, page));
	{
		// Waits for our reference to the interface.
		std::jthread remover([&] { (void)run_command("ip link del " + name); });
		auto gone = rig.wait_until("the TAP gone", [&] { return !link_counts(name); });

		// It has let go of the RTNL only when it had emptied the TAP.
		if (gone)
			(void)run_command("ip link add name other type dummy 2>/dev/null; "
					  "ip link set lo up");
		TRY(page.take_away());
		TRY(std::move(gone));
	}

	TRY(expect_batch_lost(rig, "drop_detached"));
	TRY(expect(has_company() || log.lines_with("stopped: buffer").size() == 1,
		   "one line in the log"));
	TRY(page.map_again());
	return rig.detach();
}

// What was taken off a TAP that is full again when it should go back.
Result<Done> tap_full(Rig &rig, const KernelLog &, const PageSource &source)
{
	constexpr unsigned queue = 8;
	LatePage page = TRY(late_buffer(rig, source));
	std::string name = rig.tap->name();

	TRY(run_command(fmt::format("ip link set {} txqueuelen {}", name, queue)));

	DeviceStats before = TRY(DeviceStats::read());
	LinkCounts link_before = TRY(link_counts(name));

	TRY(stall_batch(rig, page));
	for (unsigned i = 0; i < 3 * queue; i++)
		(void)rig.provoke();
	TRY(page.take_away());

	TRY(expect_batch_lost(rig, "drop_tap_full"));
	TRY(page.map_again());
	TRY(serve_again(rig, queue));

	DeviceStats after = TRY(DeviceStats::read());
	LinkCounts link_after = TRY(link_counts(name));
	uint64_t ours = after.count("rx.packets") - before.count("rx.packets");
	uint64_t taken = link_after.tx_packets - link_before.tx_packets;

	return expect(ours == queue && taken == queue + batch,
		      fmt::format("{} frames delivered and {} off the TAP, there are {} and {}",
				  queue, queue + batch, ours, taken));
}

// A new TAP behind the queue of one that is gone.
Result<Done> plug_again(const Rig &rig, const std::string &name)
{
	int header = int(rig.guest->header_size()), queue = rig.tap->queue().get();
	ifreq request{};

	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	name.copy(request.ifr_name, IFNAMSIZ - 1);
	if (::ioctl(queue, TUNSETIFF, &request) < 0 || ::ioctl(queue, TUNSETVNETHDRSZ, &header) < 0)
		return fail(errno, "make", name);
	return run_command("ip link set " + name + " up");
}

// What was taken off a TAP that is gone, when its queue is already another's: that one's stays.
Result<Done> tap_replaced(Rig &rig, const KernelLog &, const PageSource &source)
{
	constexpr unsigned frames = 3;
	std::string name = rig.tap->name();
	LatePage page = TRY(late_buffer(rig, source));

	TRY(stall_batch(rig, page));
	{
		std::jthread remover([&] { (void)run_command("ip link del " + name); });
		auto gone = rig.wait_until("the TAP gone", [&] { return !link_counts(name); });
		auto plugged = gone ? plug_again(rig, "next0") : Result<Done>(Done{});

		if (gone && plugged) {
			PacketSocket::Options far;

			far.ifindex = int(::if_nametoindex("next0"));
			far.ethertype = Rig::raw_ethertype;

			auto socket = PacketSocket::open(far);

			for (unsigned i = 0; socket && i < frames; i++)
				(void)socket->send({}, raw_frame(60, ++rig.serial));
		}
		TRY(page.take_away());
		TRY(std::move(gone));
		TRY(std::move(plugged));
	}
	TRY(expect_batch_lost(rig, "drop_detached"));
	TRY(page.map_again());
	return serve_again(rig, frames);
}

using Body = Result<Done> (*)(Rig &rig, const KernelLog &log, const PageSource &source);

Result<Done> on_stalled_rig(const RigOptions &options, Body body, const PageSource &kind)
{
	PageSource source = TRY(with_server(kind));
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	KernelLog log = TRY(KernelLog::from_now());

	TRY(rig->honest());
	TRY(body(*rig, log, source));
	rig.reset();
	return DeviceStats::expect_none();
}

void add_one(Tests &tests, const RigOptions &options, const PageSource &source)
{
	auto add = [&](const char *name, Body body, bool breaks) {
		tests.push_back({stalled_name(options, name, source),
				 [=] { return on_stalled_rig(options, body, source); }, breaks});
	};

	add("a page that comes late", supplied, false);
	add("a page taken away while it is waited for", taken_away, true);
	add("detached while a page is waited for", detached, false);
	add_stalled_owners(tests, options, source);
	// What is behind the TAP does not depend on where the page is.
	if (options.queue == NetGuest::tx_index || source.kind != PageSource::userfaultfd)
		return;
	add("the TAP deleted while a page is waited for", tap_deleted, true);
	add("another TAP in its place while a page is waited for", tap_replaced, true);
	add("the TAP filled while a page is waited for", tap_full, true);
}

} // namespace

void add_stalled(Tests &tests, const std::string &node)
{
	// How a page comes and how a ring is laid out have nothing to do with each other.
	for (Layout layout : {Layout::split, Layout::packed})
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index})
			add_one(tests, {.node = node, .layout = layout, .queue = queue},
				{.kind = PageSource::userfaultfd});
	for (PageSource::Kind kind : {PageSource::fuse_thread, PageSource::fuse_process})
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index})
			add_one(tests, {.node = node, .queue = queue}, {.kind = kind});
}

} // namespace ringtap
