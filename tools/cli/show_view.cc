// SPDX-License-Identifier: GPL-2.0-or-later
// A device, its queues and its workers, line by line.
#include "cli/show_view.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "cli/histogram_view.h"
#include "cli/words_view.h"
#include "lib/features.h"
#include "lib/netlink_names.h"

namespace ringtap {

namespace {

// "  name              text"; nothing where there is no text.
std::string line(const std::string &name, const std::string &text)
{
	return text.empty() ? "" : fmt::format("  {:<18} {}\n", name, text);
}

template <class T>
std::string number(const std::optional<T> &value)
{
	return value ? std::to_string(*value) : "";
}

// "running for 3 min 2 s".
std::string state_text(std::span<const NlName> table, const std::optional<uint32_t> &state,
		       const std::optional<uint64_t> &since, uint64_t now)
{
	std::string age = since_text(since, now);

	if (!state)
		return "";
	return name_or_number(table, *state) + (age.empty() ? "" : " for " + age);
}

// One line per bit, with what it means.
std::string bits_text(const char *title, const std::optional<FeatureSet> &bits,
		      std::span<const FeatureBit> table, std::string (*name)(unsigned))
{
	if (!bits)
		return "";

	std::string text = line(title, bits->hex());

	for (unsigned bit : bits->list()) {
		auto known = std::ranges::find(table, bit, &FeatureBit::bit);

		text += fmt::format("    {:>3} {:<20} {}\n", bit, name(bit),
				    known == table.end() ? "not known to this version of ringtap"
							 : known->meaning);
	}
	return text;
}

std::string unknown_text(const UnknownAttributes &unknown)
{
	if (unknown.empty())
		return "";
	return fmt::format(
		"  attributes {} of this module are newer than this version of ringtap\n",
		fmt::join(unknown, ", "));
}

std::string interface_text(const NlDevice &device)
{
	std::string text = device.ifname ? printable(*device.ifname) : "";

	if (device.ifindex)
		text += fmt::format("{}(index {})", text.empty() ? "" : " ", *device.ifindex);
	if (device.netnsid)
		text += fmt::format(" in network namespace {}", *device.netnsid);
	return text;
}

std::string owner_text(const NlDevice &device)
{
	std::string text = device.owner_comm ? printable(*device.owner_comm) : "";

	if (device.owner_pid)
		text += fmt::format("{}pid {}", text.empty() ? "" : ", ", *device.owner_pid);
	return text;
}

std::string memory_text(const NlDevice &device)
{
	std::string text;

	if (device.regions)
		text = fmt::format("{} region{}", *device.regions, *device.regions == 1 ? "" : "s");
	if (device.region_bytes)
		text += fmt::format("{}{}", text.empty() ? "" : ", ",
				    bytes_text(*device.region_bytes));
	return text;
}

std::string device_text(const ShowItem &item, uint64_t now)
{
	const NlDevice &device = item.tree.device;
	std::string text = fmt::format("device {}", device.id), age;

	if (device.serial)
		text += fmt::format(" (serial {})", *device.serial);
	text += "\n";
	age = since_text(device.opened, now);
	text += line("node", device.node ? "/dev/" + printable(*device.node) : "");
	text += line("opened", age.empty() ? "" : age + " ago");
	text += line("state", state_text(device_states(), device.state, device.state_since, now));
	text += line("VM", item.vm ? printable(*item.vm) : "");
	text += line("owner", owner_text(device));
	text += line("interface", interface_text(device));
	text += line("memory", memory_text(device));
	text += bits_text("features", device.feature_set(), known_features(), feature_name);
	text += bits_text("backend features", device.backend_feature_set(),
			  known_backend_features(), backend_feature_name);
	return text + unknown_text(device.unknown);
}

std::string ring_text(const NlQueue &queue)
{
	std::vector<std::string> parts;

	if (queue.layout)
		parts.push_back(name_or_number(layouts(), *queue.layout));
	if (queue.size)
		parts.push_back(fmt::format("{} entries", *queue.size));
	if (queue.mapped)
		parts.emplace_back(*queue.mapped ? "pages mapped" : "pages by user access");
	return fmt::format("{}", fmt::join(parts, ", "));
}

std::string addresses_text(const NlQueue &queue)
{
	std::vector<std::string> parts;
	auto add = [&](const char *name, const std::optional<uint64_t> &address) {
		if (address)
			parts.push_back(fmt::format("{} {:#x}", name, *address));
	};

	add("descriptors", queue.desc_addr);
	add("driver", queue.driver_addr);
	add("device", queue.device_addr);
	return fmt::format("{}", fmt::join(parts, ", "));
}

std::string error_text(uint32_t kind)
{
	const NlName *name = find_name(ring_errors(), kind);

	return name ? fmt::format("{}: {}", name->name, name->meaning)
		    : fmt::format("{}: of a kind that is newer than this version of ringtap", kind);
}

std::string fault_text(const NlQueue &queue)
{
	if (!queue.fault_kind)
		return "";

	std::string text = error_text(*queue.fault_kind);

	if (queue.fault_index)
		text += fmt::format(", at ring index {}", *queue.fault_index);
	if (queue.fault_desc)
		text += fmt::format(", descriptor {}", *queue.fault_desc);
	return text;
}

std::string counters_text(const NlStats &stats)
{
	std::string text;

	for (const NlName &counter : counters()) {
		const auto &count = stats.counts[counter.value];

		// Reasons of drops that never were would hide those that were.
		if (!count || (is_drop(counter) && !*count))
			continue;
		text += fmt::format("  {:<18} {:>14}  {}\n", counter.name, *count, counter.meaning);
	}
	for (const NlErrorCount &error : stats.errors)
		text += fmt::format("  {:<18} {:>14}  {}\n", "ring error", error.count,
				    error_text(error.kind));
	return text;
}

std::string stats_text(const NlStats &stats)
{
	std::string text = counters_text(stats);

	if (!drops_of(stats))
		text += line("drops", "none");
	if (stats.errors.empty())
		text += line("ring errors", "none");
	text += histogram_text("frames in a batch", stats.batch_size,
			       [](uint64_t from) { return std::to_string(from); });
	text += histogram_text("from wake-up to first frame", stats.wake_latency, duration_text);
	return text + unknown_text(stats.unknown);
}

std::string queue_text(const NlQueue &queue, uint64_t now)
{
	auto direction = direction_of(queue.index);
	std::string text = fmt::format("queue {}", queue.index);

	if (direction)
		text += *direction == "rx" ? ", to the guest (rx)" : ", from the guest (tx)";
	text += "\n";
	text += line("state", state_text(queue_states(), queue.state, queue.state_since, now));
	text += line("fault", fault_text(queue));
	if (queue.backend) {
		const NlName *name = find_name(backends(), *queue.backend);

		text += line("backend", name ? fmt::format("{}: {}", name->name, name->meaning)
					     : number(queue.backend));
	}
	text += line("ring", ring_text(queue));
	text += line("next to fetch", number(queue.last_avail));
	text += line("next to publish", number(queue.last_used));
	text += line("addresses", addresses_text(queue));
	text += line("worker", number(queue.worker));
	if (queue.busyloop_us)
		text += line("busy polling",
			     *queue.busyloop_us ? fmt::format("{} us", *queue.busyloop_us) : "off");
	if (queue.stats)
		text += stats_text(*queue.stats);
	return text + unknown_text(queue.unknown);
}

std::string worker_text(const NlWorker &worker)
{
	std::string text = fmt::format("worker {}\n", worker.id);
	std::string thread = worker.comm ? printable(*worker.comm) : "";

	if (worker.tid)
		thread += fmt::format("{}tid {}", thread.empty() ? "" : ", ", *worker.tid);
	text += line("thread", thread);
	text += line("state", worker.dead ? "dead: its owner was killed" : "");
	text += line("last on CPU", number(worker.cpu));
	text += line("may run on", worker.affinity ? printable(*worker.affinity) : "");
	text += line("CPU time", worker.cpu_time ? duration_text(*worker.cpu_time) : "");
	text += line("serves",
		     worker.queues.empty()
			     ? "no queue"
			     : fmt::format("queue{} {}", worker.queues.size() == 1 ? "" : "s",
					   fmt::join(worker.queues, ", ")));
	return text + unknown_text(worker.unknown);
}

// "0 (vm0), 3".
std::string choice_text(const NlSnapshot &snapshot)
{
	std::vector<std::string> names;

	for (const NlDeviceTree &tree : snapshot.devices)
		names.push_back(tree.device.ifname ? fmt::format("{} ({})", tree.device.id,
								 printable(*tree.device.ifname))
						   : std::to_string(tree.device.id));
	return fmt::format("{}", fmt::join(names, ", "));
}

std::optional<uint32_t> id_of(const std::string &name)
{
	uint32_t id = 0;
	auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);

	return error == std::errc() && end == name.data() + name.size() ? std::optional(id)
									: std::nullopt;
}

} // namespace

Result<std::vector<NlDeviceTree>> find_devices(const NlSnapshot &snapshot, const std::string &name)
{
	std::vector<NlDeviceTree> found;
	std::optional<uint32_t> id = id_of(name);

	if (snapshot.devices.empty())
		return fail(ENODEV, "find", name.empty() ? "a device" : "the device " + name,
			    "none is open, or none that this user may see from here");
	if (name.empty() && snapshot.devices.size() > 1)
		return fail(0, "choose", "a device",
			    fmt::format("name one of: {}", choice_text(snapshot)));
	for (const NlDeviceTree &tree : snapshot.devices)
		if (name.empty() || id == tree.device.id)
			found.push_back(tree);
	// An interface can be called by digits alone too; ids come first. It may be that of several
	// devices: one per queue pair.
	if (found.empty())
		std::ranges::copy_if(
			snapshot.devices, std::back_inserter(found),
			[&](const NlDeviceTree &tree) { return tree.device.ifname == name; });
	if (found.empty())
		return fail(ENODEV, "find", "the device " + printable(name),
			    fmt::format("there are: {}", choice_text(snapshot)));
	return found;
}

std::string show_text(const std::vector<ShowItem> &items, uint64_t now)
{
	std::string text;

	for (const ShowItem &item : items) {
		text += (text.empty() ? "" : "\n") + device_text(item, now);
		for (const NlQueue &queue : item.tree.queues)
			text += queue_text(queue, now);
		for (const NlWorker &worker : item.tree.workers)
			text += worker_text(worker);
	}
	return text;
}

Json show_json(const std::vector<ShowItem> &items, uint64_t now)
{
	Json json = json_document("show");

	json["time_ns"] = now;
	json["devices"] = Json::array();
	for (const ShowItem &item : items) {
		Json device = device_json(item.tree.device);

		if (item.vm)
			device["vm_name"] = *item.vm;
		device["queues"] = Json::array();
		for (const NlQueue &queue : item.tree.queues)
			device["queues"].push_back(queue_json(queue));
		device["workers"] = Json::array();
		for (const NlWorker &worker : item.tree.workers)
			device["workers"].push_back(worker_json(worker));
		json["devices"].push_back(std::move(device));
	}
	return json;
}

} // namespace ringtap
