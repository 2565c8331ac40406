// SPDX-License-Identifier: GPL-2.0-or-later
// Writes netlink messages by hand.
#include "netlink_bytes.h"

#include <linux/genetlink.h>
#include <linux/ringtap.h>

#include "lib/netlink_names.h"

namespace ringtap::testing_netlink {

namespace {

void append(Buffer &to, const void *from, size_t size)
{
	auto bytes = static_cast<const uint8_t *>(from);

	to.insert(to.end(), bytes, bytes + size);
}

void pad(Buffer &to)
{
	to.resize(NLMSG_ALIGN(to.size()));
}

} // namespace

Writer &Writer::raw(uint16_t type, const Buffer &payload)
{
	nlattr header{static_cast<uint16_t>(sizeof(header) + payload.size()), type};

	append(bytes_, &header, sizeof(header));
	append(bytes_, payload.data(), payload.size());
	pad(bytes_);
	return *this;
}

Writer &Writer::string(uint16_t type, std::string_view text)
{
	Buffer payload(text.begin(), text.end());

	payload.push_back(0);
	return raw(type, payload);
}

Writer &Writer::nest(uint16_t type, const Writer &inner)
{
	return raw(type | NLA_F_NESTED, inner.bytes());
}

Buffer message(uint16_t type, uint16_t flags, uint32_t sequence, const Buffer &payload)
{
	nlmsghdr header{};
	Buffer bytes;

	header.nlmsg_len = static_cast<uint32_t>(sizeof(header) + payload.size());
	header.nlmsg_type = type;
	header.nlmsg_flags = flags;
	header.nlmsg_seq = sequence;
	append(bytes, &header, sizeof(header));
	append(bytes, payload.data(), payload.size());
	pad(bytes);
	return bytes;
}

Buffer generic(uint16_t family, uint8_t command, uint32_t sequence, const Writer &attributes,
	       uint16_t flags, uint8_t version)
{
	genlmsghdr header{command, version, 0};
	Buffer payload;

	append(payload, &header, sizeof(header));
	return message(family, flags, sequence, payload + attributes.bytes());
}

Buffer done(uint32_t sequence, int32_t error, std::string_view words)
{
	Buffer payload;
	uint16_t flags = NLM_F_MULTI;

	append(payload, &error, sizeof(error));
	if (!words.empty()) {
		flags |= NLM_F_ACK_TLVS;
		payload = payload + Writer().string(NLMSGERR_ATTR_MSG, words).bytes();
	}
	return message(NLMSG_DONE, flags, sequence, payload);
}

Buffer error(uint32_t sequence, int32_t error, std::string_view words, bool capped)
{
	Writer key = Writer().u32(RINGTAP_A_DEVICE_ID, 7);
	Buffer request = generic(30, RINGTAP_CMD_DEVICE_GET, sequence, key, NLM_F_REQUEST);
	uint16_t flags = capped ? NLM_F_CAPPED : 0;
	Buffer payload;

	append(payload, &error, sizeof(error));
	if (capped)
		request.resize(sizeof(nlmsghdr));
	payload = payload + request;
	if (!words.empty()) {
		flags |= NLM_F_ACK_TLVS;
		payload = payload + Writer().string(NLMSGERR_ATTR_MSG, words).bytes();
	}
	return message(NLMSG_ERROR, flags, sequence, payload);
}

Buffer operator+(Buffer a, const Buffer &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

Writer full_device()
{
	return Writer()
		.u32(RINGTAP_A_DEVICE_ID, 3)
		.u64(RINGTAP_A_DEVICE_SERIAL, 17)
		.string(RINGTAP_A_DEVICE_NODE, "vhost-ringtap")
		.u32(RINGTAP_A_DEVICE_STATE, RINGTAP_DEVICE_STATE_BROKEN)
		.u64(RINGTAP_A_DEVICE_OPENED, 1'000'000'000)
		.u64(RINGTAP_A_DEVICE_STATE_SINCE, 61'000'000'000)
		.u32(RINGTAP_A_DEVICE_OWNER_PID, 1234)
		.string(RINGTAP_A_DEVICE_OWNER_COMM, "qemu-system-x86")
		.u64(RINGTAP_A_DEVICE_FEATURES, 1ull << 34 | 1ull << 32 | 1ull << 29 | 1ull << 15)
		.u64(RINGTAP_A_DEVICE_FEATURES_HIGH, 1ull << 3 | 1ull << 1)
		.u64(RINGTAP_A_DEVICE_BACKEND_FEATURES, 2)
		.u32(RINGTAP_A_DEVICE_REGIONS, 2)
		.u64(RINGTAP_A_DEVICE_REGION_BYTES, 2ull << 30)
		.u32(RINGTAP_A_DEVICE_IFINDEX, 9)
		.string(RINGTAP_A_DEVICE_IFNAME, "vm0")
		.put<int32_t>(RINGTAP_A_DEVICE_NETNSID, 4)
		.u32(RINGTAP_A_DEVICE_QUEUES, 2)
		.u32(RINGTAP_A_DEVICE_WORKERS, 1);
}

Writer full_stats()
{
	auto bucket = [](uint64_t from, uint64_t count) {
		return Writer().u64(RINGTAP_A_BUCKET_FROM, from).u64(RINGTAP_A_BUCKET_COUNT, count);
	};
	Writer stats;

	for (const NlName &counter : counters())
		stats.u64(static_cast<uint16_t>(counter.value), 1000u + counter.value);
	return stats
		.nest(RINGTAP_A_STATS_ERROR,
		      Writer().u32(RINGTAP_A_ERROR_COUNT_KIND, RINGTAP_RING_ERROR_LOOP)
			      .u64(RINGTAP_A_ERROR_COUNT_COUNT, 2))
		.nest(RINGTAP_A_STATS_BATCH_SIZE, bucket(1, 40))
		.nest(RINGTAP_A_STATS_BATCH_SIZE, bucket(8, 10))
		.nest(RINGTAP_A_STATS_WAKE_LATENCY, bucket(4096, 5));
}

Writer full_queue()
{
	return Writer()
		.u32(RINGTAP_A_QUEUE_DEVICE, 3)
		.u32(RINGTAP_A_QUEUE_INDEX, 1)
		.u32(RINGTAP_A_QUEUE_STATE, RINGTAP_QUEUE_STATE_BROKEN)
		.u64(RINGTAP_A_QUEUE_STATE_SINCE, 61'000'000'000)
		.u32(RINGTAP_A_QUEUE_BACKEND, RINGTAP_BACKEND_TUN)
		.u32(RINGTAP_A_QUEUE_LAYOUT, RINGTAP_LAYOUT_PACKED)
		.u32(RINGTAP_A_QUEUE_SIZE, 256)
		.u32(RINGTAP_A_QUEUE_LAST_AVAIL, 20)
		.u32(RINGTAP_A_QUEUE_LAST_USED, 18)
		.u32(RINGTAP_A_QUEUE_MAPPED, 1)
		.u64(RINGTAP_A_QUEUE_DESC_ADDR, 0x7f0000001000)
		.u64(RINGTAP_A_QUEUE_DRIVER_ADDR, 0x7f0000002000)
		.u64(RINGTAP_A_QUEUE_DEVICE_ADDR, 0x7f0000003000)
		.u32(RINGTAP_A_QUEUE_BUSYLOOP_US, 50)
		.u32(RINGTAP_A_QUEUE_WORKER, 0)
		.u32(RINGTAP_A_QUEUE_FAULT_KIND, RINGTAP_RING_ERROR_LOOP)
		.u32(RINGTAP_A_QUEUE_FAULT_INDEX, 20)
		.u32(RINGTAP_A_QUEUE_FAULT_DESC, 5)
		.nest(RINGTAP_A_QUEUE_STATS, full_stats());
}

Writer full_worker()
{
	return Writer()
		.u32(RINGTAP_A_WORKER_DEVICE, 3)
		.u32(RINGTAP_A_WORKER_ID, 0)
		.u32(RINGTAP_A_WORKER_TID, 1240)
		.string(RINGTAP_A_WORKER_COMM, "vhost-1234")
		.u32(RINGTAP_A_WORKER_CPU, 1)
		.u64(RINGTAP_A_WORKER_CPU_TIME, 1'500'000'000)
		.string(RINGTAP_A_WORKER_AFFINITY, "0-3")
		.flag(RINGTAP_A_WORKER_DEAD)
		.u32(RINGTAP_A_WORKER_QUEUE, 0)
		.u32(RINGTAP_A_WORKER_QUEUE, 1);
}

Writer full_event()
{
	return Writer()
		.u32(RINGTAP_A_EVENT_DEVICE, 3)
		.u64(RINGTAP_A_EVENT_SERIAL, 17)
		.u64(RINGTAP_A_EVENT_TIME, 61'000'000'000)
		.u64(RINGTAP_A_EVENT_SUPPRESSED, 6)
		.u32(RINGTAP_A_EVENT_QUEUE, 1)
		.u32(RINGTAP_A_EVENT_BACKEND, RINGTAP_BACKEND_TUN)
		.u32(RINGTAP_A_EVENT_IFINDEX, 9)
		.string(RINGTAP_A_EVENT_IFNAME, "vm0")
		.u32(RINGTAP_A_EVENT_FAULT_KIND, RINGTAP_RING_ERROR_LOOP)
		.u32(RINGTAP_A_EVENT_FAULT_INDEX, 20)
		.u32(RINGTAP_A_EVENT_FAULT_DESC, 5);
}

} // namespace ringtap::testing_netlink
