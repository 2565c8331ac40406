// SPDX-License-Identifier: GPL-2.0-or-later
// The TAP's side of the data path: counters, VLAN tags, XDP programs, send buffers, deletion.
#include <algorithm>
#include <cstring>
#include <thread>

#include <linux/bpf.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/tests.h"

namespace ringtap {

namespace {

constexpr uint16_t vlan_id = 5;

// What was sent is what the TAP counted, in packets and in bytes; ours agree.
Result<Done> exact_counters(Rig &rig)
{
	constexpr unsigned frames = 300, size = 60;
	LinkCounts before = TRY(link_counts(rig.tap->name()));
	DeviceStats ours = TRY(DeviceStats::read());

	TRY(rig.other_works(frames));

	LinkCounts after = TRY(link_counts(rig.tap->name()));
	DeviceStats now = TRY(DeviceStats::read());
	std::string name = rig.other_counter("packets");
	uint64_t packets = rig.sends() ? after.tx_packets - before.tx_packets
				       : after.rx_packets - before.rx_packets;
	uint64_t bytes = rig.sends() ? after.tx_bytes - before.tx_bytes
				     : after.rx_bytes - before.rx_bytes;

	TRY(expect(packets == frames,
		   fmt::format("{} packets at the TAP, not {}", frames, packets)));
	TRY(expect(bytes == frames * size,
		   fmt::format("{} bytes at the TAP, not {}", frames * size, bytes)));
	TRY(expect(now.count(name) - ours.count(name) == frames,
		   fmt::format("{} {}, not {}", name, frames, now.count(name) - ours.count(name))));
	return expect(now.sum("tx.drop_") + now.sum("rx.drop_") == 0, "no drops");
}

std::vector<uint8_t> tagged(std::span<const uint8_t> frame)
{
	const uint8_t tag[] = {0x81, 0x00, 0x00, vlan_id};
	std::vector<uint8_t> bytes(frame.begin(), frame.end());

	bytes.insert(bytes.begin() + 12, std::begin(tag), std::end(tag));
	return bytes;
}

// A VLAN interface on the TAP has the tag taken off and put on: the guest sees it in the frame.
Result<Done> vlan_tags(Rig &rig)
{
	std::string command = fmt::format("ip link add link {} name vlan{} type vlan id {} && "
					  "ip link set vlan{} up",
					  rig.tap->name(), vlan_id, vlan_id, vlan_id);

	if (!run_command(command + " 2>/dev/null"))
		return fail(ENOTSUP, "add", "a VLAN interface", "no VLAN interfaces here");

	Link link = TRY(TRY(Rtnl::open()).find(fmt::format("vlan{}", vlan_id)));
	PacketSocket::Options far{.ifindex = link.index, .ethertype = Rig::raw_ethertype};
	std::vector<uint8_t> frame = raw_frame(100, ++rig.serial), in_guest = tagged(frame);
	unsigned used = rig.ring->used();
	RawDescriptor descriptor = rig.good();

	rig.raw_socket = TRY(PacketSocket::open(far));
	if (rig.sends()) {
		descriptor.size = rig.write_frame(in_guest);
		rig.ring->offer(std::span(&descriptor, 1));
		TRY(rig.notify());
		return rig.expect_raw(frame);
	}
	std::memset(rig.buffer.user, 0, 200);
	rig.ring->offer(std::span(&descriptor, 1));
	TRY(rig.notify());
	// The interface announces itself; what is ours has our ethertype, and comes after that.
	TRY(rig.raw_socket->send({}, frame));
	TRY(rig.wait_used(used + 1));
	return expect(std::memcmp(rig.buffer.user + rig.guest->header_size(), in_guest.data(),
				  in_guest.size()) == 0,
		      "the frame with its tag in the receive buffer");
}

Result<Done> xdp_pass(Rig &rig)
{
	Fd link = TRY(attach_xdp(*rig.tap, XDP_PASS));

	for (int i = 0; i < 10; i++)
		TRY(rig.honest());
	TRY(rig.other_works(50));
	link.reset();
	return rig.honest();
}

// Dropped by the program: the buffers come back, the frames do not arrive, those after do.
Result<Done> xdp_drop(Rig &rig)
{
	constexpr unsigned frames = 20;
	Fd link = TRY(attach_xdp(*rig.tap, XDP_DROP));
	std::vector<uint8_t> frame = raw_frame(60, ++rig.serial);
	RawDescriptor descriptor = rig.part(0, rig.write_frame(frame));
	unsigned used = rig.ring->used();
	LinkCounts before = TRY(link_counts(rig.tap->name()));

	while (TRY(rig.raw_socket->receive()))
		;
	for (unsigned i = 0; i < frames; i++) {
		rig.ring->offer(std::span(&descriptor, 1));
		TRY(rig.notify());
		TRY(rig.wait_used(used + i + 1));
	}
	TRY(rig.other_works(20));
	TRY(expect(!TRY(rig.raw_socket->receive()), "no frame at the TAP"));

	LinkCounts after = TRY(link_counts(rig.tap->name()));

	TRY(expect(after.rx_packets == before.rx_packets, "no packet counted as received"));
	link.reset();
	return rig.honest();
}

// Sent back by the program: such frames take another way into the receive queue.
Result<Done> xdp_tx(Rig &rig)
{
	constexpr unsigned frames = 10;
	Fd link = TRY(attach_xdp(*rig.tap, XDP_TX));

	for (unsigned i = 0; i < frames; i++) {
		std::vector<uint8_t> frame = raw_frame(60 + i, ++rig.serial);
		RawDescriptor descriptor = rig.part(0, rig.write_frame(frame));
		bool same = false;

		rig.ring->offer(std::span(&descriptor, 1));
		TRY(rig.notify());
		TRY(rig.wait_until("the frame back at the guest", [&] {
			auto got = rig.guest->receive();

			if (!got || !*got)
				return false;
			same = std::ranges::equal((*got)->bytes, frame);
			return true;
		}));
		TRY(expect(same, "the frame back as it was sent"));
		if (TRY(rig.guest->fill()))
			TRY(rig.guest->rx().kick());
	}
	link.reset();
	TRY(rig.other_works(20));
	return rig.honest();
}

// With a finite send buffer frames go one by one.
Result<Done> finite_sndbuf(Rig &rig)
{
	DeviceStats before = TRY(DeviceStats::read());

	for (int i = 0; i < 50; i++)
		TRY(rig.honest());

	DeviceStats after = TRY(DeviceStats::read());
	uint64_t alone = after.count("tx.alone") - before.count("tx.alone");

	return expect(alone == 50, fmt::format("50 frames sent alone, not {}", alone));
}

// A network that is slow to take frames fills the send buffer: the queue waits, and goes on.
Result<Done> full_sndbuf(Rig &rig)
{
	constexpr unsigned frames = 60;
	std::string tap = rig.tap->name();
	std::string command = fmt::format(
		"{{ ip link del slow0; ip link add slow0 type dummy && ip link set slow0 up && "
		"tc qdisc add dev slow0 root tbf rate 1mbit burst 3000 limit 300000 && "
		"tc qdisc add dev {} clsact && tc filter add dev {} ingress matchall "
		"action mirred egress redirect dev slow0; }} 2>/dev/null",
		tap, tap);
	std::vector<uint8_t> frame = raw_frame(1500, ++rig.serial);
	RawDescriptor descriptor = rig.part(0, rig.write_frame(frame));
	unsigned used = rig.ring->used();

	if (!run_command(command))
		return fail(ENOTSUP, "set up", "a slow interface",
			    "no dummy, tbf, matchall or mirred here");
	for (unsigned i = 0; i < frames; i++)
		rig.ring->offer(std::span(&descriptor, 1));
	TRY(rig.notify());
	TRY(rig.wait_used(used + frames));
	TRY(rig.wait_until("all frames at the slow interface", [frames] {
		auto counts = link_counts("slow0");

		return counts && counts->tx_packets >= frames;
	}));
	TRY(expect(TRY(link_counts("slow0")).tx_packets == frames, "each frame once"));

	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(stats.count("tx.backpressure") > 0, "the queue made to wait"));
	return expect(stats.sum("tx.drop_") == 0, "no drops");
}

// The TAP goes while both queues work. Nothing hangs; the device can be detached and closed.
Result<Done> deleted_under_traffic(const RigOptions &options)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	TrafficOptions endless;

	TRY(rig->honest());
	endless.rx_count = rig->sends() ? 100000000 : 0;
	endless.tx_count = rig->sends() ? 0 : 100000000;
	endless.stall = std::chrono::milliseconds(1500);

	Traffic traffic(*rig->guest, *rig->socket, endless);
	std::jthread remover([&] {
		::poll(nullptr, 0, 300);
		(void)run_command("ip link del " + rig->tap->name());
	});
	RawDescriptor good = rig->good();

	for (int i = 0; i < 8; i++)
		rig->ring->offer(std::span(&good, 1));
	TRY(rig->notify());
	// Ends when the interface is gone: by an error of the socket, or by a stall.
	(void)traffic.run();
	remover.join();
	TRY(expect(!link_counts(rig->tap->name()), "the TAP gone"));
	TRY(rig->notify());
	TRY(rig->detach());
	TRY(rig->device->set_backend(1 - options.queue, -1));
	rig.reset();
	return DeviceStats::expect_none();
}

// Only the descriptor of the device is closed, with all as it was.
Result<Done> deleted_and_closed(const RigOptions &options)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());
	TRY(run_command("ip link del " + rig->tap->name()));
	TRY(rig->notify());
	rig.reset();
	return DeviceStats::expect_none();
}

} // namespace

Result<Fd> attach_xdp(const Tap &tap, int32_t answer)
{
	bpf_insn program[2]{};
	bpf_attr load{}, link{};

	program[0].code = BPF_ALU64 | BPF_MOV | BPF_K; // r0 = answer
	program[0].imm = answer;
	program[1].code = BPF_JMP | BPF_EXIT;
	load.prog_type = BPF_PROG_TYPE_XDP;
	load.insn_cnt = std::size(program);
	load.insns = reinterpret_cast<uintptr_t>(program);
	load.license = reinterpret_cast<uintptr_t>("GPL");

	Fd fd(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load)));

	if (!fd)
		return fail(errno == EPERM || errno == ENOSYS ? ENOTSUP : errno, "load",
			    "an XDP program", "no BPF here");
	link.link_create.prog_fd = fd.get();
	link.link_create.target_ifindex = tap.ifindex();
	link.link_create.attach_type = BPF_XDP;

	Fd attached(::syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link)));

	if (!attached)
		return fail(errno, "attach an XDP program to", tap.name());
	return attached;
}

void add_network(Tests &tests, const std::string &node)
{
	auto add = [&](const RigOptions &options, const char *name, auto run) {
		tests.push_back({test_name(options, name), run});
	};

	for (Layout layout : {Layout::split, Layout::packed}) {
		RigOptions options{.node = node, .layout = layout};
		RigOptions receiver{.node = node, .layout = layout, .queue = NetGuest::rx_index};
		RigOptions finite{.node = node, .layout = layout, .ring = 64};
		auto with = [](const RigOptions &o, RigTest body) {
			return [=] { return on_rig(o, body); };
		};

		finite.tap.sndbuf = 20000;
		add(options, "the TAP's counters are exact for received frames",
		    with(options, exact_counters));
		add(receiver, "the TAP's counters are exact for sent frames",
		    with(receiver, exact_counters));
		add(options, "frames with a VLAN tag", with(options, vlan_tags));
		add(receiver, "frames with a VLAN tag", with(receiver, vlan_tags));
		add(options, "an XDP program passes frames", with(options, xdp_pass));
		add(options, "an XDP program drops frames", with(options, xdp_drop));
		add(options, "an XDP program sends frames back", with(options, xdp_tx));
		add(finite, "a finite send buffer", with(finite, finite_sndbuf));
		add(finite, "a full send buffer", with(finite, full_sndbuf));
		add(options, "the TAP deleted under traffic",
		    [=] { return deleted_under_traffic(options); });
		add(receiver, "the TAP deleted under traffic",
		    [=] { return deleted_under_traffic(receiver); });
		add(options, "the TAP deleted, the device closed at once",
		    [=] { return deleted_and_closed(options); });
	}
}

} // namespace ringtap
