// SPDX-License-Identifier: GPL-2.0-or-later
// The result of ringtap drive, as JSON and in words.
#include "cli/drive.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringtap {

namespace {

double rate(double amount, double seconds)
{
	return seconds > 0 ? amount / seconds : 0;
}

nlohmann::ordered_json to_json(const FlowResult &flow)
{
	return {{"sent", flow.sent},
		{"verified", flow.verified},
		{"lost", flow.lost},
		{"corrupt", flow.corrupt},
		{"out_of_order", flow.out_of_order},
		{"foreign", flow.foreign},
		{"bytes", flow.bytes},
		{"seconds", flow.seconds},
		{"packets_per_second", std::round(rate(flow.verified, flow.seconds))},
		{"bits_per_second", std::round(8 * rate(flow.bytes, flow.seconds))},
		{"first_error", flow.first_error}};
}

nlohmann::ordered_json to_json(const NotifyCounts &counts)
{
	return {{"kicks", counts.kicks},
		{"kicks_saved", counts.kicks_saved},
		{"signals", counts.signals}};
}

nlohmann::ordered_json to_json(const WorkerMover::Counts &counts)
{
	return {{"moves", counts.moves},
		{"made", counts.made},
		{"freed", counts.freed},
		{"held", counts.held}};
}

void print_flow(const char *name, const FlowResult &flow, const NotifyCounts &counts)
{
	fmt::print("{}: {} sent, {} verified, {} lost, {} corrupt, {} out of order; "
		   "{:.0f} packets/s, {:.1f} Mbit/s; {} kicks, {} saved, {} signals\n",
		   name, flow.sent, flow.verified, flow.lost, flow.corrupt, flow.out_of_order,
		   rate(flow.verified, flow.seconds), rate(8e-6 * flow.bytes, flow.seconds),
		   counts.kicks, counts.kicks_saved, counts.signals);
	if (!flow.first_error.empty())
		fmt::print("{}: {}\n", name, flow.first_error);
}

} // namespace

void print_json(Drive &drive, const DriveOptions &options, bool good)
{
	nlohmann::ordered_json features = nlohmann::ordered_json::array();

	for (unsigned bit : drive.features.list())
		features.push_back(feature_name(bit));
	nlohmann::ordered_json json = {
		{"node", options.node},
		{"tap", drive.tap->name()},
		{"layout", options.layout == Layout::packed ? "packed" : "split"},
		{"ring", options.ring},
		{"batch", options.batch},
		{"size", options.size},
		{"descriptors_per_frame", drive.net.pieces},
		{"memory", memory_kind_name(options.memory)},
		{"features", features},
		{"tx", to_json(drive.traffic->tx())},
		{"rx", to_json(drive.traffic->rx())},
		{"tx_notifications", to_json(drive.guest->tx().counts())},
		{"rx_notifications", to_json(drive.guest->rx().counts())},
		{"headers_without_num_buffers", drive.traffic->headers_without_count()},
		{"stalled", drive.traffic->stalled()},
		{"good", good},
	};

	if (drive.mover)
		json["workers"] = to_json(drive.mover->counts());
	if (drive.iommu)
		json["iommu"] = {{"misses", drive.iommu->counts().misses},
				 {"invalidated", drive.iommu->counts().invalidated}};
	fmt::print("{}\n", json.dump(2));
}

void print_text(Drive &drive, const DriveOptions &options)
{
	fmt::print("{}: {} rings of {}, {}, {} memory; {}\n", options.node,
		   options.layout == Layout::packed ? "packed" : "split", options.ring,
		   options.indirect ? "indirect tables"
				    : fmt::format("{} descriptor{} a frame", drive.net.pieces,
						  drive.net.pieces == 1 ? "" : "s"),
		   memory_kind_name(options.memory), drive.features.text());
	if (options.sends())
		print_flow("guest to TAP", drive.traffic->tx(), drive.guest->tx().counts());
	if (options.receives())
		print_flow("TAP to guest", drive.traffic->rx(), drive.guest->rx().counts());
	if (drive.mover) {
		const WorkerMover::Counts &counts = drive.mover->counts();

		fmt::print("workers: {} moves of a queue, {} made, {} freed; held {} times: only "
			   "the queues' own used the CPU\n",
			   counts.moves, counts.made, counts.freed, counts.held);
	}
	if (drive.iommu)
		fmt::print("IOMMU: {} translations asked for, some taken back {} times\n",
			   drive.iommu->counts().misses, drive.iommu->counts().invalidated);
	if (drive.traffic->headers_without_count())
		fmt::print("note: {} received headers had num_buffers 0; virtio 1.0 wants 1\n",
			   drive.traffic->headers_without_count());
}

} // namespace ringtap
