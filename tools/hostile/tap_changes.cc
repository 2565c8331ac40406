// SPDX-License-Identifier: GPL-2.0-or-later
// What is done to a TAP while a device has it: queues detached, closed and opened again, moved.
#include <array>
#include <atomic>
#include <thread>

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/backends.h"
#include "hostile/bpf.h"
#include "lib/netns.h"

namespace ringtap {

namespace {

// What waits at the queue that is ours to read, and not the device's.
unsigned read_other_queue(const Wire &wire)
{
	std::array<uint8_t, 2000> bytes;
	unsigned frames = 0;

	while (::read(wire.tap->queue(0).get(), bytes.data(), bytes.size()) > 0)
		frames++;
	return frames;
}

// QEMU leaves the queues that a guest does not use detached, and attaches them to the device so.
// A TAP takes what is sent over such a queue, and gives it nothing.
Result<Done> detached_at_first(Pair &pair, Wire &wire)
{
	constexpr unsigned frames = 20;
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));
	std::vector<uint8_t> frame = raw_frame(60, 0);

	TRY(pair.detach());
	TRY(wire.tap->attach_queue(1, false));
	TRY(pair.attach(wire.end()));
	TRY(pair.verify(far, frames_of(100, 0)));
	for (unsigned i = 0; i < frames; i++)
		TRY(expect(TRY(far.send({}, frame)), "a packet sent"));
	TRY(expect(read_other_queue(wire) == frames, "each packet at the other queue"));
	TRY(pair.expect_count("rx.packets", 0));
	TRY(wire.tap->attach_queue(1, true));
	return pair.verify(far);
}

// Detached and attached while frames move both ways: what comes meanwhile is the other queue's.
Result<Done> detached_under_traffic(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));
	std::atomic<bool> ended = false;
	std::atomic<unsigned> failed = 0;

	std::jthread changer([&] {
		for (int i = 0; i < 20; i++) {
			failed += !wire.tap->attach_queue(1, i % 2);
			::poll(nullptr, 0, 5);
		}
		ended = true;
	});

	Pair::Churn churn = TRY(pair.churn(far, [&] { return !ended; }));

	changer.join();
	TRY(expect(!failed, "the queue detached and attached each time"));
	TRY(expect(churn.sent > 0, "frames sent meanwhile"));
	return pair.verify(far);
}

// A steering program says which queue a packet comes from: the device's, or one that we read.
Result<Done> steered(Pair &pair, Wire &wire)
{
	constexpr unsigned frames = 50;
	PacketSocket far = TRY(wire.socket(Rig::raw_ethertype));
	std::vector<uint8_t> last = raw_frame(80, 200);

	for (unsigned queue : {1, 0, 1}) {
		TRY(steer_tap(wire.end(), queue));
		TRY(pair.mark());
		for (unsigned i = 0; i < frames; i++)
			TRY(expect(TRY(far.send({}, raw_frame(60, i))), "a packet sent"));
		if (queue == 1) {
			TRY(expect(TRY(far.send({}, last)), "a packet sent"));
			TRY(expect(TRY(pair.receive_until(last)).size() == frames,
				   "each packet at the guest"));
		}
		TRY(pair.expect_count("rx.packets", queue == 1 ? frames + 1 : 0));
		TRY(expect(read_other_queue(wire) == (queue == 1 ? 0 : frames),
			   "the packets of the other queue at the other queue alone"));
	}
	return Done{};
}

// The device alone has the TAP's queue; then nobody has, and it stays; then another takes it.
Result<Done> persistent(Pair &pair, Wire &wire)
{
	std::string name = wire.near();
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));

	wire.tap.reset();
	TRY(pair.verify(far));
	TRY(pair.detach());
	TRY(expect(bool(link_counts(name)), "the TAP there, without a queue"));
	TRY(expect(!TRY(far.receive()), "nothing received"));
	for (int i = 0; i < 3; i++) {
		Tap again = TRY(Tap::open(name, {}));

		TRY(again.set_vnet_hdr_size(wire.options.header));
		TRY(pair.attach(again.queue()));
		TRY(pair.reach(wire));
		TRY(pair.verify(far));
		TRY(pair.detach());
	}
	return Done{};
}

// Two network namespaces: this thread's, and another that is there while this object is.
class OtherNetns {
public:
	[[nodiscard]] Result<Done> make()
	{
		home_ = TRY(Fd::open("/proc/thread-self/ns/net", O_RDONLY));
		TRY(enter_new_netns());
		there_ = TRY(Fd::open("/proc/thread-self/ns/net", O_RDONLY));
		return go(home_);
	}
	~OtherNetns()
	{
		if (home_)
			::setns(home_.get(), CLONE_NEWNET);
	}
	[[nodiscard]] Result<Done> enter() const { return go(there_); }
	[[nodiscard]] Result<Done> leave() const { return go(home_); }
	// A link of here goes there; this thread too.
	[[nodiscard]] Result<Done> move(const std::string &name) const
	{
		Rtnl rtnl = TRY(Rtnl::open());
		Link link = TRY(rtnl.find(name));

		TRY(enter());
		return rtnl.set_netns(link, ::gettid());
	}

private:
	[[nodiscard]] static Result<Done> go(const Fd &netns)
	{
		if (::setns(netns.get(), CLONE_NEWNET) < 0)
			return fail(errno, "enter", "a network namespace");
		return Done{};
	}

	Fd home_, there_;
};

// A TAP is moved to another network namespace under traffic, and works there; and back.
Result<Done> moved(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));
	OtherNetns other;
	unsigned turns = 0;
	Result<Done> done;

	TRY(other.make());
	TRY(pair.churn(far, [&] {
		if (turns++ == 50)
			done = other.move(wire.near());
		return turns < 100 && done;
	}));
	TRY(done);
	TRY(wire.set_up(true));

	PacketSocket there = TRY(wire.socket(FrameStream::plain_ethertype));

	TRY(pair.verify(there));
	return other.leave();
}

} // namespace

void add_tap_changes(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		PairOptions pair{.node = node, .layout = layout};
		WireOptions two{.name = "a TAP with two queues", .multi_queue = true};
		WireOptions persist{.name = "a persistent TAP", .persist = true};

		add_backend_test(tests, {pair, two}, "a queue that is detached at first",
				 detached_at_first);
		add_backend_test(tests, {pair, two}, "a queue detached under traffic",
				 detached_under_traffic);
		add_backend_test(tests, {pair, two}, "a steering program", steered);
		add_backend_test(tests, {pair, persist}, "left, and taken again", persistent);
		add_backend_test(tests, {pair, {}}, "moved to another network namespace", moved);
	}
}

} // namespace ringtap
