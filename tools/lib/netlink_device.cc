// SPDX-License-Identifier: GPL-2.0-or-later
// Which attribute goes where.
#include "lib/netlink_device.h"

#include <algorithm>

namespace ringtap {

namespace {

// Remembers a type that this version does not know.
Result<Done> note(const Attribute &attribute, UnknownAttributes &unknown)
{
	auto at = std::ranges::lower_bound(unknown, attribute.type);

	if (at == unknown.end() || *at != attribute.type)
		unknown.insert(at, attribute.type);
	return Done{};
}

// The identity of a record: without it, it is nobody's.
Result<uint32_t> needed(const std::optional<uint32_t> &value, const char *record, const char *name)
{
	if (!value)
		return malformed(record, std::string("it has no ") + name);
	return *value;
}

// The number and the count of a nested bucket or error count, whose attributes are alike.
struct Pair {
	uint64_t of, count;
};

template <class Key>
Result<Pair> parse_pair(Bytes attributes, unsigned key_type, unsigned count_type)
{
	std::optional<Key> key;
	std::optional<uint64_t> count;

	TRY(for_each_attribute(attributes, [&](const Attribute &attribute) {
		if (attribute.type == key_type)
			return take(attribute, key);
		if (attribute.type == count_type)
			return take(attribute, count);
		return Result<Done>();
	}));
	if (!key || !count)
		return malformed("a nested count", "it lacks what it counts, or how many");
	return Pair{*key, *count};
}

Result<Done> take_bucket(const Attribute &attribute, NlHistogram &histogram)
{
	Pair pair = TRY(parse_pair<uint64_t>(attribute.payload, RINGTAP_A_BUCKET_FROM,
					     RINGTAP_A_BUCKET_COUNT));

	histogram.push_back({pair.of, pair.count});
	return Done{};
}

Result<Done> take_stat(const Attribute &attribute, NlStats &stats)
{
	switch (attribute.type) {
	case RINGTAP_A_STATS_PAD:
		return Done{};
	case RINGTAP_A_STATS_ERROR: {
		Pair pair = TRY(parse_pair<uint32_t>(attribute.payload, RINGTAP_A_ERROR_COUNT_KIND,
						     RINGTAP_A_ERROR_COUNT_COUNT));

		stats.errors.push_back({static_cast<uint32_t>(pair.of), pair.count});
		return Done{};
	}
	case RINGTAP_A_STATS_BATCH_SIZE:
		return take_bucket(attribute, stats.batch_size);
	case RINGTAP_A_STATS_WAKE_LATENCY:
		return take_bucket(attribute, stats.wake_latency);
	default:
		// All others are counters.
		if (attribute.type == 0 || attribute.type > RINGTAP_A_STATS_MAX)
			return note(attribute, stats.unknown);
		return take(attribute, stats.counts[attribute.type]);
	}
}

Result<Done> take_stats(const Attribute &attribute, std::optional<NlStats> &to)
{
	if (to)
		return malformed("the statistics of a queue", "they are there twice");

	NlStats &stats = to.emplace();

	return for_each_attribute(attribute.payload,
				  [&](const Attribute &stat) { return take_stat(stat, stats); });
}

Result<Done> take_device(const Attribute &attribute, NlDevice &device, std::optional<uint32_t> &id)
{
	switch (attribute.type) {
	case RINGTAP_A_DEVICE_PAD:
		return Done{};
	case RINGTAP_A_DEVICE_ID:
		return take(attribute, id);
	case RINGTAP_A_DEVICE_SERIAL:
		return take(attribute, device.serial);
	case RINGTAP_A_DEVICE_NODE:
		return take(attribute, device.node);
	case RINGTAP_A_DEVICE_STATE:
		return take(attribute, device.state);
	case RINGTAP_A_DEVICE_OPENED:
		return take(attribute, device.opened);
	case RINGTAP_A_DEVICE_STATE_SINCE:
		return take(attribute, device.state_since);
	case RINGTAP_A_DEVICE_OWNER_PID:
		return take(attribute, device.owner_pid);
	case RINGTAP_A_DEVICE_OWNER_COMM:
		return take(attribute, device.owner_comm);
	case RINGTAP_A_DEVICE_FEATURES:
		return take(attribute, device.features);
	case RINGTAP_A_DEVICE_FEATURES_HIGH:
		return take(attribute, device.features_high);
	case RINGTAP_A_DEVICE_BACKEND_FEATURES:
		return take(attribute, device.backend_features);
	case RINGTAP_A_DEVICE_REGIONS:
		return take(attribute, device.regions);
	case RINGTAP_A_DEVICE_REGION_BYTES:
		return take(attribute, device.region_bytes);
	case RINGTAP_A_DEVICE_IFINDEX:
		return take(attribute, device.ifindex);
	case RINGTAP_A_DEVICE_IFNAME:
		return take(attribute, device.ifname);
	case RINGTAP_A_DEVICE_NETNSID:
		return take(attribute, device.netnsid);
	case RINGTAP_A_DEVICE_QUEUES:
		return take(attribute, device.queues);
	case RINGTAP_A_DEVICE_WORKERS:
		return take(attribute, device.workers);
	default:
		return note(attribute, device.unknown);
	}
}

// What tells the state of the ring.
Result<Done> take_ring(const Attribute &attribute, NlQueue &queue)
{
	switch (attribute.type) {
	case RINGTAP_A_QUEUE_LAYOUT:
		return take(attribute, queue.layout);
	case RINGTAP_A_QUEUE_SIZE:
		return take(attribute, queue.size);
	case RINGTAP_A_QUEUE_LAST_AVAIL:
		return take(attribute, queue.last_avail);
	case RINGTAP_A_QUEUE_LAST_USED:
		return take(attribute, queue.last_used);
	case RINGTAP_A_QUEUE_MAPPED:
		return take(attribute, queue.mapped);
	case RINGTAP_A_QUEUE_DESC_ADDR:
		return take(attribute, queue.desc_addr);
	case RINGTAP_A_QUEUE_DRIVER_ADDR:
		return take(attribute, queue.driver_addr);
	case RINGTAP_A_QUEUE_DEVICE_ADDR:
		return take(attribute, queue.device_addr);
	case RINGTAP_A_QUEUE_FAULT_KIND:
		return take(attribute, queue.fault_kind);
	case RINGTAP_A_QUEUE_FAULT_INDEX:
		return take(attribute, queue.fault_index);
	case RINGTAP_A_QUEUE_FAULT_DESC:
		return take(attribute, queue.fault_desc);
	default:
		return note(attribute, queue.unknown);
	}
}

struct QueueId {
	std::optional<uint32_t> device, index;
};

Result<Done> take_queue(const Attribute &attribute, NlQueue &queue, QueueId &id)
{
	switch (attribute.type) {
	case RINGTAP_A_QUEUE_PAD:
		return Done{};
	case RINGTAP_A_QUEUE_DEVICE:
		return take(attribute, id.device);
	case RINGTAP_A_QUEUE_INDEX:
		return take(attribute, id.index);
	case RINGTAP_A_QUEUE_STATE:
		return take(attribute, queue.state);
	case RINGTAP_A_QUEUE_STATE_SINCE:
		return take(attribute, queue.state_since);
	case RINGTAP_A_QUEUE_BACKEND:
		return take(attribute, queue.backend);
	case RINGTAP_A_QUEUE_BUSYLOOP_US:
		return take(attribute, queue.busyloop_us);
	case RINGTAP_A_QUEUE_WORKER:
		return take(attribute, queue.worker);
	case RINGTAP_A_QUEUE_STATS:
		return take_stats(attribute, queue.stats);
	default:
		return take_ring(attribute, queue);
	}
}

Result<Done> take_worker(const Attribute &attribute, NlWorker &worker, QueueId &id)
{
	switch (attribute.type) {
	case RINGTAP_A_WORKER_PAD:
		return Done{};
	case RINGTAP_A_WORKER_DEVICE:
		return take(attribute, id.device);
	case RINGTAP_A_WORKER_ID:
		return take(attribute, id.index);
	case RINGTAP_A_WORKER_TID:
		return take(attribute, worker.tid);
	case RINGTAP_A_WORKER_COMM:
		return take(attribute, worker.comm);
	case RINGTAP_A_WORKER_CPU:
		return take(attribute, worker.cpu);
	case RINGTAP_A_WORKER_CPU_TIME:
		return take(attribute, worker.cpu_time);
	case RINGTAP_A_WORKER_AFFINITY:
		return take(attribute, worker.affinity);
	case RINGTAP_A_WORKER_DEAD:
		return take(attribute, worker.dead);
	case RINGTAP_A_WORKER_QUEUE:
		worker.queues.push_back(TRY(number_of(attribute)));
		return Done{};
	default:
		return note(attribute, worker.unknown);
	}
}

Result<Done> take_event(const Attribute &attribute, NlEvent &event, std::optional<uint32_t> &device)
{
	switch (attribute.type) {
	case RINGTAP_A_EVENT_PAD:
		return Done{};
	case RINGTAP_A_EVENT_DEVICE:
		return take(attribute, device);
	case RINGTAP_A_EVENT_SERIAL:
		return take(attribute, event.serial);
	case RINGTAP_A_EVENT_TIME:
		return take(attribute, event.time);
	case RINGTAP_A_EVENT_QUEUE:
		return take(attribute, event.queue);
	case RINGTAP_A_EVENT_BACKEND:
		return take(attribute, event.backend);
	case RINGTAP_A_EVENT_IFINDEX:
		return take(attribute, event.ifindex);
	case RINGTAP_A_EVENT_IFNAME:
		return take(attribute, event.ifname);
	case RINGTAP_A_EVENT_FAULT_KIND:
		return take(attribute, event.fault_kind);
	case RINGTAP_A_EVENT_FAULT_INDEX:
		return take(attribute, event.fault_index);
	case RINGTAP_A_EVENT_FAULT_DESC:
		return take(attribute, event.fault_desc);
	case RINGTAP_A_EVENT_SUPPRESSED:
		return take(attribute, event.suppressed);
	default:
		return note(attribute, event.unknown);
	}
}

} // namespace

Result<NlDevice> parse_device(Bytes attributes)
{
	NlDevice device;
	std::optional<uint32_t> id;

	TRY(for_each_attribute(attributes, [&](const Attribute &attribute) {
		return take_device(attribute, device, id);
	}));
	device.id = TRY(needed(id, "a device", "id"));
	return device;
}

Result<NlQueue> parse_queue(Bytes attributes)
{
	NlQueue queue;
	QueueId id;

	TRY(for_each_attribute(attributes, [&](const Attribute &attribute) {
		return take_queue(attribute, queue, id);
	}));
	queue.device = TRY(needed(id.device, "a queue", "device"));
	queue.index = TRY(needed(id.index, "a queue", "index"));
	return queue;
}

Result<NlWorker> parse_worker(Bytes attributes)
{
	NlWorker worker;
	QueueId id;

	TRY(for_each_attribute(attributes, [&](const Attribute &attribute) {
		return take_worker(attribute, worker, id);
	}));
	worker.device = TRY(needed(id.device, "a worker", "device"));
	worker.id = TRY(needed(id.index, "a worker", "id"));
	return worker;
}

Result<NlEvent> parse_event(uint8_t command, Bytes attributes)
{
	NlEvent event;
	std::optional<uint32_t> device;

	event.command = command;
	TRY(for_each_attribute(attributes, [&](const Attribute &attribute) {
		return take_event(attribute, event, device);
	}));
	event.device = TRY(needed(device, "an event", "device"));
	return event;
}

bool is_event(uint8_t command)
{
	return command >= RINGTAP_CMD_DEVICE_OPEN && command <= RINGTAP_CMD_TAP_GONE;
}

} // namespace ringtap
