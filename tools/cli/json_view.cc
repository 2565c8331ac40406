// SPDX-License-Identifier: GPL-2.0-or-later
// Keys of the JSON documents.
#include "cli/json_view.h"

#include <fmt/format.h>

#include "lib/features.h"
#include "lib/netlink_names.h"

namespace ringtap {

namespace {

template <class T>
void put(Json &json, const char *key, const std::optional<T> &value)
{
	if (value)
		json[key] = *value;
}

// A word where there is one; the number that a newer module sent otherwise.
Json word(std::span<const NlName> table, uint32_t value)
{
	const NlName *name = find_name(table, value);

	return name ? Json(name->name) : Json(value);
}

void put_word(Json &json, const char *key, std::span<const NlName> table,
	      const std::optional<uint32_t> &value)
{
	if (value)
		json[key] = word(table, *value);
}

// Numbers above 2^53 lose bits in many readers: what is no count goes as text.
void put_hex(Json &json, const char *key, const std::optional<uint64_t> &value)
{
	if (value)
		json[key] = fmt::format("{:#x}", *value);
}

void put_unknown(Json &json, const UnknownAttributes &unknown)
{
	if (!unknown.empty())
		json["unknown_attributes"] = unknown;
}

void put_bits(Json &json, const std::string &key, const std::optional<FeatureSet> &bits,
	      std::string (*name)(unsigned))
{
	if (!bits)
		return;
	json[key] = Json::array();
	for (unsigned bit : bits->list())
		json[key].push_back({{"bit", bit}, {"name", name(bit)}});
	json[key + "_hex"] = bits->hex();
}

Json histogram_json(const NlHistogram &histogram)
{
	Json buckets = Json::array();

	for (const NlBucket &bucket : histogram)
		buckets.push_back({{"from", bucket.from}, {"count", bucket.count}});
	return buckets;
}

Json stats_json(const NlStats &stats)
{
	Json json = Json::object(), errors = Json::object();

	for (const NlName &counter : counters())
		put(json, std::string(counter.name).c_str(), stats.counts[counter.value]);
	for (const NlErrorCount &error : stats.errors)
		errors[name_or_number(ring_errors(), error.kind)] = error.count;
	json["errors"] = errors;
	json["batch_size"] = histogram_json(stats.batch_size);
	json["wake_latency_ns"] = histogram_json(stats.wake_latency);
	put_unknown(json, stats.unknown);
	return json;
}

void put_fault(Json &json, const std::optional<uint32_t> &kind,
	       const std::optional<uint32_t> &index, const std::optional<uint32_t> &descriptor)
{
	Json fault = Json::object();

	put_word(fault, "kind", ring_errors(), kind);
	put(fault, "index", index);
	put(fault, "descriptor", descriptor);
	if (!fault.empty())
		json["fault"] = fault;
}

} // namespace

Json json_document(const char *command)
{
	return {{"schema", json_schema}, {"command", command}};
}

std::optional<std::string> direction_of(uint32_t queue)
{
	return queue == 0   ? std::optional<std::string>("rx")
	       : queue == 1 ? std::optional<std::string>("tx")
			    : std::nullopt;
}

Json device_json(const NlDevice &device)
{
	Json json = {{"id", device.id}};

	put(json, "serial", device.serial);
	put(json, "node", device.node);
	put_word(json, "state", device_states(), device.state);
	put(json, "opened_ns", device.opened);
	put(json, "state_since_ns", device.state_since);
	put(json, "owner_pid", device.owner_pid);
	put(json, "owner_comm", device.owner_comm);
	put_bits(json, "features", device.feature_set(), feature_name);
	put_bits(json, "backend_features", device.backend_feature_set(), backend_feature_name);
	put(json, "regions", device.regions);
	put(json, "region_bytes", device.region_bytes);
	put(json, "ifindex", device.ifindex);
	put(json, "ifname", device.ifname);
	put(json, "netnsid", device.netnsid);
	put(json, "queue_count", device.queues);
	put(json, "worker_count", device.workers);
	put_unknown(json, device.unknown);
	return json;
}

Json queue_json(const NlQueue &queue)
{
	Json json = {{"device", queue.device}, {"index", queue.index}};

	put(json, "direction", direction_of(queue.index));
	put_word(json, "state", queue_states(), queue.state);
	put(json, "state_since_ns", queue.state_since);
	put_word(json, "backend", backends(), queue.backend);
	put_word(json, "layout", layouts(), queue.layout);
	put(json, "size", queue.size);
	put(json, "last_avail", queue.last_avail);
	put(json, "last_used", queue.last_used);
	if (queue.mapped)
		json["access"] = *queue.mapped ? "mapped" : "user";
	put_hex(json, "desc_addr", queue.desc_addr);
	put_hex(json, "driver_addr", queue.driver_addr);
	put_hex(json, "device_addr", queue.device_addr);
	put(json, "busyloop_us", queue.busyloop_us);
	put(json, "worker", queue.worker);
	put_fault(json, queue.fault_kind, queue.fault_index, queue.fault_desc);
	if (queue.stats)
		json["stats"] = stats_json(*queue.stats);
	put_unknown(json, queue.unknown);
	return json;
}

Json worker_json(const NlWorker &worker)
{
	Json json = {{"device", worker.device}, {"id", worker.id}};

	put(json, "tid", worker.tid);
	put(json, "comm", worker.comm);
	put(json, "cpu", worker.cpu);
	put(json, "cpu_time_ns", worker.cpu_time);
	put(json, "affinity", worker.affinity);
	json["dead"] = worker.dead;
	json["queues"] = worker.queues;
	put_unknown(json, worker.unknown);
	return json;
}

Json event_json(const NlEvent &event)
{
	Json json = json_document("watch");

	json["event"] = word(events(), event.command);
	put(json, "time_ns", event.time);
	json["device"] = event.device;
	put(json, "serial", event.serial);
	put(json, "suppressed", event.suppressed);
	put(json, "queue", event.queue);
	if (event.queue)
		put(json, "direction", direction_of(*event.queue));
	put_word(json, "backend", backends(), event.backend);
	put(json, "ifindex", event.ifindex);
	put(json, "ifname", event.ifname);
	put_fault(json, event.fault_kind, event.fault_index, event.fault_desc);
	put_unknown(json, event.unknown);
	return json;
}

std::string json_text(const Json &json, int indent)
{
	return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

} // namespace ringtap
