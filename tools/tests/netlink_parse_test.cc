// SPDX-License-Identifier: GPL-2.0-or-later
// The records of the netlink family: what they say, and what bytes must not be believed.
#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "lib/netlink_device.h"
#include "lib/netlink_message.h"
#include "netlink_bytes.h"

namespace ringtap {
namespace {

using namespace testing_netlink;

TEST(NetlinkDevice, HasEverythingThatWasSent)
{
	auto device = parse_device(full_device().bytes());

	ASSERT_TRUE(device) << device.error().message();
	EXPECT_EQ(device->id, 3u);
	EXPECT_EQ(device->serial, 17u);
	EXPECT_EQ(device->node, "vhost-ringtap");
	EXPECT_EQ(device->state, RINGTAP_DEVICE_STATE_BROKEN);
	EXPECT_EQ(device->opened, 1'000'000'000u);
	EXPECT_EQ(device->state_since, 61'000'000'000u);
	EXPECT_EQ(device->owner_pid, 1234u);
	EXPECT_EQ(device->owner_comm, "qemu-system-x86");
	EXPECT_EQ(device->features, 0x520008000u);
	EXPECT_EQ(device->features_high, 10u);
	EXPECT_EQ(device->backend_features, 2u);
	EXPECT_EQ(device->regions, 2u);
	EXPECT_EQ(device->region_bytes, 2ull << 30);
	EXPECT_EQ(device->ifindex, 9u);
	EXPECT_EQ(device->ifname, "vm0");
	EXPECT_EQ(device->netnsid, 4);
	EXPECT_EQ(device->queues, 2u);
	EXPECT_EQ(device->workers, 1u);
	EXPECT_TRUE(device->unknown.empty());
}

TEST(NetlinkDevice, MayKnowNothingButItsId)
{
	auto device = parse_device(Writer().u32(RINGTAP_A_DEVICE_ID, 0).bytes());

	ASSERT_TRUE(device);
	EXPECT_EQ(*device, NlDevice());
	EXPECT_FALSE(parse_device({}));
	EXPECT_FALSE(parse_device(Writer().u64(RINGTAP_A_DEVICE_SERIAL, 1).bytes()));
}

TEST(NetlinkQueue, HasEverythingThatWasSent)
{
	auto queue = parse_queue(full_queue().bytes());

	ASSERT_TRUE(queue) << queue.error().message();
	EXPECT_EQ(queue->device, 3u);
	EXPECT_EQ(queue->index, 1u);
	EXPECT_EQ(queue->state, RINGTAP_QUEUE_STATE_BROKEN);
	EXPECT_EQ(queue->state_since, 61'000'000'000u);
	EXPECT_EQ(queue->backend, RINGTAP_BACKEND_TUN);
	EXPECT_EQ(queue->layout, RINGTAP_LAYOUT_PACKED);
	EXPECT_EQ(queue->size, 256u);
	EXPECT_EQ(queue->last_avail, 20u);
	EXPECT_EQ(queue->last_used, 18u);
	EXPECT_EQ(queue->mapped, 1u);
	EXPECT_EQ(queue->desc_addr, 0x7f0000001000u);
	EXPECT_EQ(queue->driver_addr, 0x7f0000002000u);
	EXPECT_EQ(queue->device_addr, 0x7f0000003000u);
	EXPECT_EQ(queue->busyloop_us, 50u);
	EXPECT_EQ(queue->worker, 0u);
	EXPECT_EQ(queue->fault_kind, RINGTAP_RING_ERROR_LOOP);
	EXPECT_EQ(queue->fault_index, 20u);
	EXPECT_EQ(queue->fault_desc, 5u);
	ASSERT_TRUE(queue->stats);
	for (unsigned counter = RINGTAP_A_STATS_PACKETS; counter < RINGTAP_A_STATS_ERROR; counter++)
		EXPECT_EQ(queue->stats->count(counter), 1000u + counter);
	EXPECT_EQ(queue->stats->errors, (std::vector<NlErrorCount>{{RINGTAP_RING_ERROR_LOOP, 2}}));
	EXPECT_EQ(queue->stats->batch_size, (NlHistogram{{1, 40}, {8, 10}}));
	EXPECT_EQ(queue->stats->wake_latency, (NlHistogram{{4096, 5}}));
	EXPECT_EQ(queue->stats->count(RINGTAP_A_STATS_MAX + 1), 0u);
}

TEST(NetlinkWorker, HasEverythingThatWasSent)
{
	auto worker = parse_worker(full_worker().bytes());

	ASSERT_TRUE(worker) << worker.error().message();
	EXPECT_EQ(worker->device, 3u);
	EXPECT_EQ(worker->id, 0u);
	EXPECT_EQ(worker->tid, 1240u);
	EXPECT_EQ(worker->comm, "vhost-1234");
	EXPECT_EQ(worker->cpu, 1u);
	EXPECT_EQ(worker->cpu_time, 1'500'000'000u);
	EXPECT_EQ(worker->affinity, "0-3");
	EXPECT_TRUE(worker->dead);
	EXPECT_EQ(worker->queues, (std::vector<uint32_t>{0, 1}));
}

TEST(NetlinkEvent, HasEverythingThatWasSent)
{
	auto event = parse_event(RINGTAP_CMD_RING_ERROR, full_event().bytes());

	ASSERT_TRUE(event) << event.error().message();
	EXPECT_EQ(event->command, RINGTAP_CMD_RING_ERROR);
	EXPECT_EQ(event->device, 3u);
	EXPECT_EQ(event->serial, 17u);
	EXPECT_EQ(event->time, 61'000'000'000u);
	EXPECT_EQ(event->suppressed, 6u);
	EXPECT_EQ(event->queue, 1u);
	EXPECT_EQ(event->backend, RINGTAP_BACKEND_TUN);
	EXPECT_EQ(event->ifindex, 9u);
	EXPECT_EQ(event->ifname, "vm0");
	EXPECT_EQ(event->fault_kind, RINGTAP_RING_ERROR_LOOP);
	EXPECT_EQ(event->fault_index, 20u);
	EXPECT_EQ(event->fault_desc, 5u);
	EXPECT_FALSE(is_event(RINGTAP_CMD_WORKER_GET));
	EXPECT_FALSE(is_event(RINGTAP_CMD_MAX + 1));
}

// A record of each kind: its parser, all its attributes, those it cannot do without.
struct Kind {
	const char *name;
	std::function<Result<Done>(Bytes)> parse;
	Writer (*full)();
	std::vector<uint16_t> needed;
	std::vector<uint16_t> loose;         // of no fixed length: strings and nests
	std::vector<uint16_t> repeated = {}; // may come more than once
};

template <class Record>
auto checks(Result<Record> (*parse)(Bytes))
{
	return [parse](Bytes bytes) -> Result<Done> {
		TRY(parse(bytes));
		return Done{};
	};
}

const Kind kinds[] = {
	{"device",
	 checks(parse_device),
	 full_device,
	 {RINGTAP_A_DEVICE_ID},
	 {RINGTAP_A_DEVICE_NODE, RINGTAP_A_DEVICE_OWNER_COMM, RINGTAP_A_DEVICE_IFNAME}},
	{"queue",
	 checks(parse_queue),
	 full_queue,
	 {RINGTAP_A_QUEUE_DEVICE, RINGTAP_A_QUEUE_INDEX},
	 {RINGTAP_A_QUEUE_STATS}},
	{"worker",
	 checks(parse_worker),
	 full_worker,
	 {RINGTAP_A_WORKER_DEVICE, RINGTAP_A_WORKER_ID},
	 {RINGTAP_A_WORKER_COMM, RINGTAP_A_WORKER_AFFINITY},
	 {RINGTAP_A_WORKER_QUEUE}},
	{"event",
	 [](Bytes bytes) -> Result<Done> {
		 TRY(parse_event(RINGTAP_CMD_RING_ERROR, bytes));
		 return Done{};
	 },
	 full_event,
	 {RINGTAP_A_EVENT_DEVICE},
	 {RINGTAP_A_EVENT_IFNAME}},
};

class Record : public testing::TestWithParam<Kind> {
protected:
	const Buffer all = GetParam().full().bytes();

	// The attributes of a full record, each with its header and padding.
	[[nodiscard]] std::vector<std::pair<uint16_t, Buffer>> attributes() const
	{
		std::vector<std::pair<uint16_t, Buffer>> parts;
		Bytes rest = all;

		while (!rest.empty()) {
			nlattr header;

			std::memcpy(&header, rest.data(), sizeof(header));
			size_t size = NLA_ALIGN(header.nla_len);
			parts.emplace_back(header.nla_type & NLA_TYPE_MASK,
					   Buffer(rest.begin(), rest.begin() + size));
			rest = rest.subspan(size);
		}
		return parts;
	}
};

// Cut anywhere but between two attributes, it is no record; ASan sees reads beyond its end.
TEST_P(Record, IsRefusedWhenItIsCutShort)
{
	std::vector<size_t> ends;
	size_t end = 0;

	for (auto &[type, bytes] : attributes())
		ends.push_back(end += bytes.size());
	for (size_t length = 0; length < all.size(); length++) {
		Buffer exact(all.begin(), all.begin() + length);
		auto parsed = GetParam().parse(exact);
		// The padding of the last attribute may be missing.
		bool whole = std::ranges::find_if(ends, [&](size_t e) {
				     return length <= e && e - length < NLA_ALIGNTO;
			     }) != ends.end();

		if (!whole) {
			ASSERT_FALSE(parsed) << length << " of " << all.size();
			EXPECT_EQ(parsed.error().code, EBADMSG);
		}
	}
	EXPECT_TRUE(GetParam().parse(all));
}

TEST_P(Record, MissesNoAttributeButItsIdentity)
{
	auto parts = attributes();

	for (size_t missing = 0; missing < parts.size(); missing++) {
		Buffer bytes;

		for (size_t i = 0; i < parts.size(); i++)
			if (i != missing)
				bytes = bytes + parts[i].second;

		bool needed = std::ranges::count(GetParam().needed, parts[missing].first);

		EXPECT_EQ(GetParam().parse(bytes).has_value(), !needed) << parts[missing].first;
	}
}

TEST_P(Record, IsRefusedWithAnAttributeTwice)
{
	for (auto &[type, bytes] : attributes()) {
		bool repeated = std::ranges::count(GetParam().repeated, type);

		EXPECT_EQ(GetParam().parse(all + bytes).has_value(), repeated) << type;
	}
}

TEST_P(Record, IsRefusedWithAnAttributeOfAnotherLength)
{
	for (auto &[type, bytes] : attributes()) {
		nlattr header;

		std::memcpy(&header, bytes.data(), sizeof(header));
		if (std::ranges::count(GetParam().loose, type))
			continue;
		for (size_t length : {0, 1, 2, 3, 4, 5, 8, 12}) {
			Buffer changed;

			for (auto &[other, part] : attributes())
				changed = changed +
					  (other == type
						   ? Writer().raw(type, Buffer(length)).bytes()
						   : part);
			if (length == header.nla_len - sizeof(header))
				continue;
			EXPECT_FALSE(GetParam().parse(changed)) << type << ": " << length;
		}
	}
}

TEST_P(Record, KeepsTheTypesOfANewerModule)
{
	Buffer more = Writer().u32(200, 1).u64(100, 2).u32(200, 3).nest(300, full_stats()).bytes();

	EXPECT_TRUE(GetParam().parse(all + more));
	EXPECT_TRUE(GetParam().parse(more + all));
}

TEST_P(Record, DoesNotBelieveLengthsThatEndNowhere)
{
	for (uint16_t length :
	     {uint16_t{0}, uint16_t{1}, uint16_t{3}, uint16_t{9}, uint16_t{0xffff}}) {
		Buffer bytes = all;
		nlattr last{length, 200};

		bytes.resize(all.size() + sizeof(last) + 4);
		std::memcpy(bytes.data() + all.size(), &last, sizeof(last));
		EXPECT_FALSE(GetParam().parse(bytes)) << length;
	}
}

TEST_P(Record, IsRefusedInNetworkByteOrder)
{
	EXPECT_FALSE(GetParam().parse(
		all + Writer().u32(static_cast<uint16_t>(200 | NLA_F_NET_BYTEORDER), 1).bytes()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Record, testing::ValuesIn(kinds),
			 [](const auto &info) { return std::string(info.param.name); });

TEST(NetlinkDevice, NamesTheTypesOfANewerModule)
{
	auto device = parse_device(
		full_device().u32(200, 1).u64(100, 2).u32(200, 3).raw(0, {}).bytes());

	ASSERT_TRUE(device);
	EXPECT_EQ(device->unknown, (UnknownAttributes{0, 100, 200}));
}

TEST(NetlinkString, EndsAtTheNulOrAtTheEnd)
{
	auto parse = [](const Buffer &name) {
		return parse_device(Writer().u32(RINGTAP_A_DEVICE_ID, 1)
					    .raw(RINGTAP_A_DEVICE_IFNAME, name)
					    .bytes());
	};

	EXPECT_EQ(parse({'v', 'm', '0'})->ifname, "vm0");
	EXPECT_EQ(parse({'v', 0, 'm', '0', 0})->ifname, "v");
	EXPECT_EQ(parse({})->ifname, "");
	EXPECT_EQ(parse(Buffer(longest_string, 'x'))->ifname->size(), longest_string);
	EXPECT_FALSE(parse(Buffer(longest_string + 1, 'x')));
	EXPECT_FALSE(parse(Buffer(60000, 0)));
}

Buffer queue_with(const Writer &stats)
{
	return Writer()
		.u32(RINGTAP_A_QUEUE_DEVICE, 1)
		.u32(RINGTAP_A_QUEUE_INDEX, 0)
		.nest(RINGTAP_A_QUEUE_STATS, stats)
		.bytes();
}

TEST(NetlinkStats, AreRefusedWithHalfACount)
{
	Writer from = Writer().u64(RINGTAP_A_BUCKET_FROM, 1);
	Writer count = Writer().u64(RINGTAP_A_BUCKET_COUNT, 1);
	Writer both = Writer(from).u64(RINGTAP_A_BUCKET_COUNT, 1).u32(99, 1);

	for (uint16_t type : {RINGTAP_A_STATS_BATCH_SIZE, RINGTAP_A_STATS_WAKE_LATENCY}) {
		EXPECT_FALSE(parse_queue(queue_with(Writer().nest(type, from))));
		EXPECT_FALSE(parse_queue(queue_with(Writer().nest(type, count))));
		EXPECT_FALSE(parse_queue(queue_with(Writer().nest(type, Writer()))));
		EXPECT_FALSE(parse_queue(queue_with(Writer().u64(type, 1))));
		EXPECT_FALSE(parse_queue(queue_with(Writer().u32(type, 1))));
		EXPECT_TRUE(parse_queue(queue_with(Writer().nest(type, both))));
	}
	// A kind of error has 32 bits.
	EXPECT_FALSE(parse_queue(queue_with(Writer().nest(
		RINGTAP_A_STATS_ERROR,
		Writer().u64(RINGTAP_A_ERROR_COUNT_KIND, 1).u64(RINGTAP_A_ERROR_COUNT_COUNT, 1)))));
}

TEST(NetlinkStats, AreRefusedWhenCutShort)
{
	Buffer inner = full_stats().bytes();

	for (size_t length = 0; length < inner.size(); length++) {
		Buffer cut(inner.begin(), inner.begin() + length);
		Buffer bytes = Writer().u32(RINGTAP_A_QUEUE_DEVICE, 1)
				       .u32(RINGTAP_A_QUEUE_INDEX, 0)
				       .raw(RINGTAP_A_QUEUE_STATS | NLA_F_NESTED, cut)
				       .bytes();
		auto queue = parse_queue(bytes);

		// Between attributes, the rest is what an older module would not have.
		EXPECT_TRUE(!queue || queue->stats->wake_latency.empty()) << length;
	}
}

TEST(NetlinkStats, KeepANewerModulesCounterApart)
{
	auto queue = parse_queue(queue_with(full_stats().u64(RINGTAP_A_STATS_MAX + 5, 1)));

	ASSERT_TRUE(queue);
	EXPECT_EQ(queue->stats->unknown, (UnknownAttributes{RINGTAP_A_STATS_MAX + 5}));
	EXPECT_FALSE(parse_queue(queue_with(full_stats().u64(RINGTAP_A_STATS_BYTES, 1))));
}

// As many as fit into one attribute.
TEST(NetlinkStats, TakeThousandsOfBuckets)
{
	Writer stats;
	Writer bucket =
		Writer().u64(RINGTAP_A_BUCKET_FROM, ~0ull).u64(RINGTAP_A_BUCKET_COUNT, ~0ull);

	for (unsigned i = 0; i < 2000; i++)
		stats.nest(RINGTAP_A_STATS_BATCH_SIZE, bucket);

	auto queue = parse_queue(queue_with(stats));

	ASSERT_TRUE(queue);
	EXPECT_EQ(queue->stats->batch_size.size(), 2000u);
}

} // namespace
} // namespace ringtap
