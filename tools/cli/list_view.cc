// SPDX-License-Identifier: GPL-2.0-or-later
// Rows, rates and columns of the list.
#include "cli/list_view.h"

#include <algorithm>

#include <fmt/format.h>
#include <linux/virtio_config.h>

#include "cli/words_view.h"
#include "lib/netlink_names.h"

namespace ringtap {

namespace {

const NlDeviceTree *find_same(const NlSnapshot &snapshot, const NlDevice &device)
{
	auto found = std::ranges::find_if(snapshot.devices, [&](const NlDeviceTree &tree) {
		return tree.device.id == device.id && tree.device.serial == device.serial;
	});

	return found == snapshot.devices.end() ? nullptr : &*found;
}

const NlStats *stats_of(const NlDeviceTree &tree, uint32_t index)
{
	auto found = std::ranges::find(tree.queues, index, &NlQueue::index);

	return found == tree.queues.end() || !found->stats ? nullptr : &*found->stats;
}

std::optional<Rate> rate_of(const NlDeviceTree &before, const NlDeviceTree &after, uint32_t queue,
			    uint64_t nanoseconds)
{
	const NlStats *old_stats = stats_of(before, queue), *stats = stats_of(after, queue);

	if (!old_stats || !stats || !nanoseconds)
		return std::nullopt;

	// Counters never go down; one that did is of a module that was told otherwise.
	auto per_second = [&](uint64_t from, uint64_t to) {
		return to < from ? 0.0
				 : static_cast<double>(to - from) * 1e9 /
					   static_cast<double>(nanoseconds);
	};
	auto counter = [&](unsigned attribute) {
		return per_second(old_stats->count(attribute), stats->count(attribute));
	};

	return Rate{counter(RINGTAP_A_STATS_PACKETS), counter(RINGTAP_A_STATS_BYTES),
		    per_second(drops_of(*old_stats), drops_of(*stats))};
}

std::string interface_of(const NlDevice &device)
{
	std::string name = device.ifname    ? printable(*device.ifname)
			   : device.ifindex ? fmt::format("#{}", *device.ifindex)
					    : "-";

	return device.netnsid ? fmt::format("{}@netns{}", name, *device.netnsid) : name;
}

std::string rate_text(const std::optional<Rate> &rate)
{
	return rate ? scaled_text(rate->packets) : "-";
}

Json rate_json(const Rate &rate)
{
	return {{"packets_per_second", rate.packets},
		{"bytes_per_second", rate.bytes},
		{"drops_per_second", rate.drops}};
}

} // namespace

std::string layout_of(const NlDeviceTree &tree)
{
	std::string layout;

	for (const NlQueue &queue : tree.queues) {
		if (!queue.layout)
			continue;

		std::string name = name_or_number(layouts(), *queue.layout);

		layout = layout.empty() || layout == name ? name : "mixed";
	}
	// Before there are features, nothing is negotiated.
	if (layout.empty() && tree.device.features.value_or(0))
		layout = *tree.device.features >> VIRTIO_F_RING_PACKED & 1 ? "packed" : "split";
	return layout;
}

std::vector<ListRow> list_rows(const std::optional<NlSnapshot> &earlier, const NlSnapshot &later,
			       const FindVm &find_vm)
{
	std::vector<ListRow> rows;

	for (const NlDeviceTree &tree : later.devices) {
		ListRow row{.device = tree.device, .layout = layout_of(tree)};
		const NlDeviceTree *before = earlier ? find_same(*earlier, tree.device) : nullptr;

		if (row.device.owner_pid)
			row.vm = find_vm(*row.device.owner_pid);
		if (before && later.time > earlier->time) {
			row.interval = later.time - earlier->time;
			row.rx = rate_of(*before, tree, 0, *row.interval);
			row.tx = rate_of(*before, tree, 1, *row.interval);
		}
		rows.push_back(std::move(row));
	}
	return rows;
}

std::string list_text(const std::vector<ListRow> &rows)
{
	std::vector<std::vector<std::string>> table = {
		{"ID", "INTERFACE", "VM", "PID", "STATE", "LAYOUT", "RX/S", "TX/S", "FEATURES"}};

	for (const ListRow &row : rows) {
		const NlDevice &device = row.device;
		std::string vm = row.vm.value_or(
			device.owner_comm ? fmt::format("({})", *device.owner_comm) : "-");

		table.push_back(
			{std::to_string(device.id), interface_of(device), printable(vm),
			 device.owner_pid ? std::to_string(*device.owner_pid) : "-",
			 device.state ? name_or_number(device_states(), *device.state) : "-",
			 row.layout.empty() ? "-" : row.layout, rate_text(row.rx),
			 rate_text(row.tx),
			 device.features.value_or(0) ? short_features(*device.feature_set())
						     : "-"});
	}
	return table_text(table, {true, false, false, true, false, false, true, true, false});
}

Json list_json(const std::vector<ListRow> &rows, uint64_t time)
{
	Json json = json_document("list");

	json["time_ns"] = time;
	json["devices"] = Json::array();
	for (const ListRow &row : rows) {
		Json device = device_json(row.device);

		if (row.vm)
			device["vm_name"] = *row.vm;
		if (!row.layout.empty())
			device["layout"] = row.layout;
		if (row.interval)
			device["interval_ns"] = *row.interval;
		if (row.rx)
			device["rx"] = rate_json(*row.rx);
		if (row.tx)
			device["tx"] = rate_json(*row.tx);
		json["devices"].push_back(std::move(device));
	}
	return json;
}

} // namespace ringtap
