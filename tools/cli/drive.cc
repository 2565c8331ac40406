// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap drive: sends and receives verified frames through a vhost-net node, without a VM.
#include "cli/drive.h"

#include <algorithm>
#include <map>

#include <linux/if_tun.h>

#include <fmt/format.h>

#include "cli/context.h"
#include "lib/netns.h"

namespace ringtap {

namespace {

using Direction = FrameStream::Direction;

void print_ioctl(const char *name, const std::string &words, int error)
{
	fmt::print(stderr, "{:<28} {}{}\n", name, words,
		   error ? fmt::format("  -> {}", strerrorname_np(error)) : "");
}

NetOptions net_options(const DriveOptions &options)
{
	constexpr unsigned page = 4096;
	NetOptions net;

	net.queue.layout = options.layout;
	net.queue.size = options.ring;
	net.queue.start = options.start;
	net.queue.event_idx = !options.no_event_idx;
	net.queue.in_order = options.in_order;
	net.pieces = options.pieces ?: (options.indirect || options.legacy ? 2 : 1);
	net.queue.indirect_max = options.indirect ? std::max(net.pieces, 2u) : 0;
	net.mergeable = options.mergeable;
	net.legacy = options.legacy;
	net.platform = options.iommu;
	net.frame_max = options.offload ? FrameStream::longest_segmented
					: std::max(options.size, unsigned(ETH_FRAME_LEN));
	// The ring must have room for the longest frame twice over, in however many buffers.
	unsigned chains = std::max(options.ring / (options.indirect ? 1 : net.pieces) / 2, 1u);
	unsigned least = (net.frame_max + sizeof(virtio_net_hdr_v1)) / chains + 1;

	net.buffer_size = std::max(options.offload ? page : net.buffer_size, least);
	return net;
}

// What does not go together, before anything is touched.
Result<Done> check_options(const DriveOptions &options)
{
	unsigned smallest = FrameStream::smallest(options.offload);
	unsigned longest = FrameStream::longest(options.receives() ? Direction::to_guest
								   : Direction::to_tap);

	if (options.legacy && (options.layout == Layout::packed || options.in_order))
		return fail(0, "be", "a legacy driver with packed rings or IN_ORDER",
			    "both came with virtio 1.0 or later; leave out --legacy");
	if (options.size < smallest || options.size > longest)
		return fail(0, "send", fmt::format("frames of {} bytes", options.size),
			    fmt::format("use {} to {}{}", smallest, longest,
					options.receives()
						? ", or with --direction tx more: a TAP's "
						  "MTU limits what the guest receives"
						: ""));
	if (options.offload && options.size > FrameStream::smallest(true) + FrameStream::mss)
		return fail(0, "send",
			    fmt::format("unsegmented TCP frames of {} bytes", options.size),
			    "with --offload, --size is that of the frames with a checksum to fill "
			    "in; longer ones are sent anyway");
	if (options.offload && options.device_header)
		return fail(0, "offload", "with --device-header", "the TAP has no header then");
	if (options.batch == 0)
		return fail(0, "send", "batches of 0 frames", "use 1 or more");
	return check_queue_options(net_options(options).queue);
}

// The node, with every feature that is asked for; a missing one is nobody's fault.
Result<Done> open_node(Drive &drive, const DriveOptions &options, Context &ctx)
{
	drive.device = TRY(
		VhostDevice::open(options.node, options.verbose ? print_ioctl : Trace()));

	FeatureSet offered = TRY(drive.device->features());
	FeatureSet missing = drive.features.without(offered);

	if (missing.empty())
		return Done{};
	ctx.exit_code = EXIT_SKIPPED;
	return fail(0, "test this here:",
		    fmt::format("{} does not offer {}", options.node, missing.text()),
		    "leave those features out, or drive another node (ringtap features shows what "
		    "a node offers)");
}

// A TAP that matches the header and offloads of the guest, and a packet socket on its far side.
Result<Done> open_tap(Drive &drive, const DriveOptions &options)
{
	TapOptions wanted;
	PacketSocket::Options socket;

	wanted.vnet_hdr = !options.device_header;
	if (wanted.vnet_hdr) {
		wanted.vnet_hdr_size = drive.guest->header_size();
		wanted.offloads = options.offload ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0;
	}
	if (options.tap.empty()) {
		TRY(enter_new_netns());
		drive.tap = TRY(Tap::create("drive%d", wanted));
		TRY(drive.tap->set_mtu(std::clamp(options.size, unsigned(ETH_FRAME_LEN),
						  FrameStream::longest(Direction::to_guest)) -
				       ETH_HLEN));
	} else {
		drive.tap = TRY(Tap::open(options.tap, wanted));
	}
	TRY(drive.tap->set_up());
	socket.ifindex = drive.tap->ifindex();
	socket.ethertype = options.offload ? ETH_P_IP : FrameStream::plain_ethertype;
	socket.vnet_hdr = options.offload;
	drive.socket = TRY(PacketSocket::open(socket));
	return Done{};
}

Result<Done> make_guest(Drive &drive, const DriveOptions &options)
{
	NetGuest::Needs needs = NetGuest::memory_needed(drive.net);

	TRY(drive.memory.add({options.memory, needs.rings, options.directory}));
	TRY(drive.memory.add({options.memory, needs.buffers, options.directory}));
	drive.guest = TRY(NetGuest::create(drive.memory, drive.net));
	return Done{};
}

// The memory table leads nowhere: everything has to be translated.
Result<Done> start_iommu(Drive &drive, const DriveOptions &options)
{
	const VhostDevice &device = *drive.device;

	TRY(device.set_backend_features(1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2));
	drive.iommu = TRY(
		Iommu::start(device, drive.memory,
			     {.take_back = options.take_back, .scatter = options.scatter}));
	return device.set_memory(TRY(Iommu::decoys(drive.memory)));
}

// The calls a VMM makes to start a vhost device, in its order.
Result<Done> start(Drive &drive, const DriveOptions &options)
{
	const VhostDevice &device = *drive.device;

	TRY(device.set_owner());
	TRY(device.set_features(drive.features));
	if (options.iommu)
		TRY(start_iommu(drive, options));
	else
		TRY(device.set_memory(drive.memory.regions()));
	TRY(drive.guest->fill());
	TRY(drive.guest->start(device, drive.tap->queue().get()));
	return drive.guest->rx().kick();
}

// A node without workers to be had is nobody's fault either.
Result<Done> start_mover(Drive &drive, const DriveOptions &options, Context &ctx)
{
	WorkerMover::Options mover{.moves = options.moves, .busy = {}};

	if (options.receives())
		mover.busy.push_back(NetGuest::rx_index);
	if (options.sends())
		mover.busy.push_back(NetGuest::tx_index);

	auto started = WorkerMover::start(*drive.device, mover);

	if (!started && started.error().code == ENOTTY)
		ctx.exit_code = EXIT_SKIPPED;
	drive.mover = TRY(std::move(started));
	return Done{};
}

Result<Done> run_traffic(Drive &drive, const DriveOptions &options)
{
	TrafficOptions traffic;

	traffic.tx_count = options.sends() ? options.count : 0;
	traffic.rx_count = options.receives() ? options.count : 0;
	traffic.size = options.size;
	traffic.offload = options.offload;
	traffic.batch = options.batch;
	traffic.stall = std::chrono::seconds(options.stall_seconds);
	if (options.offload || options.size > 4096)
		traffic.rx_window = traffic.tx_window = 64;
	if (drive.mover)
		traffic.go_on = [&drive] { return drive.mover->running(); };
	drive.traffic.emplace(*drive.guest, *drive.socket, traffic);
	return drive.traffic->run();
}

// Stop the queues, and see that the device neither reported an error nor left chains behind.
Result<Done> stop(Drive &drive)
{
	NetGuest &guest = *drive.guest;
	uint64_t errors = TRY(guest.rx().error().drain()) + TRY(guest.tx().error().drain());

	TRY(guest.stop(*drive.device));
	if (errors)
		return fail(0, "trust the traffic:", "the device signalled an error of a queue",
			    "the kernel log says which (dmesg)");

	unsigned base = TRY(drive.device->vring_base(NetGuest::tx_index));
	unsigned expected = guest.tx().base();

	if (base != expected && !drive.traffic->stalled())
		return fail(0, "stop",
			    fmt::format("the transmit queue at {:#x}, its base is {:#x}", expected,
					base),
			    "the device did not consume what it was given; a bug of the module");
	return Done{};
}

// What is wrong with the traffic, if something is.
Result<Done> judge(Drive &drive, const DriveOptions &options)
{
	const Traffic &traffic = *drive.traffic;
	unsigned dropped = TRY(drive.socket->dropped());
	std::string hint = "the frames that came are counted above";

	if (traffic.tx().good() && traffic.rx().good() && !traffic.stalled())
		return Done{};
	if (dropped)
		hint = fmt::format("{} of them were dropped by our own packet socket: use a "
				   "smaller --batch",
				   dropped);
	else if (traffic.stalled())
		hint = fmt::format("nothing moved for {} s: the device lost a frame or a "
				   "notification; ip -s link shows the TAP's own drops",
				   options.stall_seconds);
	return fail(0, "verify",
		    fmt::format("all frames: {} lost, {} corrupt, {} out of order",
				traffic.tx().lost + traffic.rx().lost,
				traffic.tx().corrupt + traffic.rx().corrupt,
				traffic.tx().out_of_order + traffic.rx().out_of_order),
		    hint);
}

Result<Done> drive_node(DriveOptions options, Context &ctx)
{
	Drive drive;

	if (!options.size)
		options.size = std::max(60u, FrameStream::smallest(options.offload));
	ctx.exit_code = EXIT_USAGE;
	TRY(check_options(options));
	ctx.exit_code = EXIT_FAILED;
	drive.net = net_options(options);
	drive.features = NetGuest::features(drive.net);
	if (options.device_header)
		drive.features.add(VHOST_NET_F_VIRTIO_NET_HDR);
	TRY(open_node(drive, options, ctx));
	TRY(make_guest(drive, options));
	TRY(open_tap(drive, options));
	TRY(start(drive, options));
	if (options.moves)
		TRY(start_mover(drive, options, ctx));

	auto ran = run_traffic(drive, options);
	auto moved = drive.mover ? drive.mover->finish() : Result<Done>();
	auto stopped = stop(drive);
	auto translated = drive.iommu ? drive.iommu->finish() : Result<Done>();
	auto judged = ran ? judge(drive, options) : ran;
	bool good = ran && moved && stopped && translated && judged;

	if (options.json)
		print_json(drive, options, good);
	else
		print_text(drive, options);
	TRY(judged);
	TRY(moved);
	TRY(stopped);
	TRY(translated);
	ctx.exit_code = EXIT_GOOD;
	return Done{};
}

void add_options(CLI::App &command, DriveOptions &options)
{
	const std::map<std::string, Layout> layouts = {{"split", Layout::split},
						       {"packed", Layout::packed}};
	const std::map<std::string, MemoryKind> memories = {
		{"anon", MemoryKind::anon},   {"thp", MemoryKind::thp},
		{"memfd", MemoryKind::memfd}, {"hugetlb", MemoryKind::hugetlb},
		{"file", MemoryKind::file},
	};

	command.add_option("--node", options.node, "vhost-net node to drive")
		->capture_default_str();
	command.add_option("--tap", options.tap,
			   "TAP to use; without it, one in a network namespace of its own");
	command.add_option("--layout", options.layout, "layout of the rings (split)")
		->transform(CLI::CheckedTransformer(layouts).description("{split,packed}"))
		->type_name("TEXT");
	command.add_option("--direction", options.direction,
			   "tx, rx (as the guest sees it) or both")
		->check(CLI::IsMember({"tx", "rx", "both"}))
		->capture_default_str();
	command.add_option("--count", options.count, "frames in each direction")
		->capture_default_str();
	command.add_option("--size", options.size, "bytes of a frame (60, with offloads 70)");
	command.add_option("--ring", options.ring, "descriptors of each ring")
		->capture_default_str();
	command.add_option("--batch", options.batch, "frames per kick")->capture_default_str();
	command.add_option("--start", options.start,
			   "first index of split rings, first slot of packed ones");
	command.add_option("--pieces", options.pieces, "descriptors a frame is cut into");
	command.add_flag("--mergeable,!--no-mergeable", options.mergeable,
			 "MRG_RXBUF: a frame may fill several receive buffers (default)");
	command.add_flag("--indirect", options.indirect, "INDIRECT_DESC: descriptors in tables");
	command.add_flag("--no-event-idx", options.no_event_idx,
			 "notification suppression by flags, not by event index");
	command.add_flag("--in-order", options.in_order, "IN_ORDER");
	command.add_flag("--legacy", options.legacy, "a driver from before virtio 1.0");
	command.add_flag("--device-header", options.device_header,
			 "VHOST_NET_F_VIRTIO_NET_HDR: the TAP has no virtio-net header");
	command.add_flag("--offload", options.offload,
			 "partial checksums and TCP segments of up to 64 KiB");
	command.add_option("--mem", options.memory, "what backs the guest's memory (anon)")
		->transform(CLI::CheckedTransformer(memories).description(
			"{anon,thp,memfd,hugetlb,file}"))
		->type_name("TEXT");
	command.add_option("--mem-dir", options.directory, "where --mem file makes its file")
		->capture_default_str();
	command.add_option("--stall", options.stall_seconds,
			   "seconds without progress before giving up")
		->capture_default_str();
	command.add_option("--moves", options.moves,
			   "move the queues between workers so often meanwhile");
	command.add_flag("--iommu", options.iommu,
			 "ACCESS_PLATFORM: the device has to ask where the guest's memory is");
	command.add_option("--take-back", options.take_back,
			   "with --iommu: translations told between two invalidations")
		->needs("--iommu");
	command.add_flag("--scatter", options.scatter,
			 "with --iommu: what is contiguous for the guest is not for us")
		->needs("--iommu");
	command.add_flag("--json", options.json, "the result as JSON");
	command.add_flag("-v,--verbose", options.verbose, "each ioctl, in words, on stderr");
}

} // namespace

void add_drive(CLI::App &app, Context &ctx)
{
	auto options = std::make_shared<DriveOptions>();
	CLI::App *command = app.add_subcommand(
		"drive", "send and receive verified frames through a vhost-net node, without a VM");

	add_options(*command, *options);
	command->callback([options, &ctx] {
		if (auto done = drive_node(*options, ctx); !done)
			ctx.report(done.error(), ctx.exit_code);
	});
}

} // namespace ringtap
