// SPDX-License-Identifier: GPL-2.0-or-later
// What a module really answered, recorded by netlink_record: read, printed, and cut short.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "cli/list_view.h"
#include "cli/show_view.h"
#include "cli/watch_view.h"
#include "lib/netlink.h"
#include "netlink_bytes.h"
#include "netlink_schema.h"

namespace ringtap {
namespace {

using namespace testing_netlink;

struct Datagram {
	std::string what;
	uint16_t family = 0;
	uint32_t sequence = 0;
	Buffer bytes;
};

std::vector<Datagram> recorded()
{
	namespace fs = std::filesystem;
	std::ifstream file(fs::absolute(__FILE__).parent_path() / "recorded/answers.hex");
	std::vector<Datagram> all;

	for (std::string line; std::getline(file, line);) {
		std::istringstream in(line);
		Datagram datagram;
		std::string hex;

		if (line.starts_with("#"))
			continue;
		in >> datagram.what >> datagram.family >> datagram.sequence >> hex;
		for (size_t i = 0; i + 1 < hex.size(); i += 2)
			datagram.bytes.push_back(
				static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
		all.push_back(std::move(datagram));
	}
	return all;
}

template <class Record>
std::vector<Record> records(const std::string &what, uint8_t command,
			    Result<Record> (*parse)(Bytes))
{
	std::vector<Record> found;
	bool complete = false;

	for (const Datagram &datagram : recorded()) {
		if (datagram.what != what)
			continue;

		Reply reply(datagram.family, command, datagram.sequence,
			    [&](Bytes attributes) -> Result<Done> {
				    found.push_back(TRY(parse(attributes)));
				    return Done{};
			    });
		auto taken = reply.take(datagram.bytes);

		EXPECT_TRUE(taken) << taken.error().message();
		complete |= taken.value_or(false);
		EXPECT_FALSE(reply.interrupted());
	}
	EXPECT_TRUE(complete);
	return found;
}

NlDeviceTree tree()
{
	NlDeviceTree tree;

	tree.device = records("device", RINGTAP_CMD_DEVICE_GET, parse_device).at(0);
	tree.queues = records("queue", RINGTAP_CMD_QUEUE_GET, parse_queue);
	tree.workers = records("worker", RINGTAP_CMD_WORKER_GET, parse_worker);
	return tree;
}

std::string violation(const Json &json)
{
	return schema_violation(committed_schema(), nlohmann::json::parse(json_text(json, -1)));
}

// ringtap drive --tap vm0 --layout packed, on 7.3.
TEST(NetlinkRecorded, TellsOfADeviceInUse)
{
	NlDeviceTree tree = ringtap::tree();
	const NlDevice &device = tree.device;

	EXPECT_EQ(device.node, "vhost-ringtap");
	EXPECT_EQ(device.state, RINGTAP_DEVICE_STATE_RUNNING);
	EXPECT_EQ(device.owner_comm, "ringtap");
	EXPECT_EQ(device.features, 0x520008000u);
	EXPECT_EQ(device.ifname, "vm0");
	EXPECT_EQ(device.queues, 2u);
	EXPECT_EQ(device.workers, 1u);
	EXPECT_GT(device.state_since, device.opened);
	EXPECT_TRUE(device.unknown.empty());
	ASSERT_EQ(tree.queues.size(), 2u);
	for (const NlQueue &queue : tree.queues) {
		EXPECT_EQ(queue.state, RINGTAP_QUEUE_STATE_RUNNING);
		EXPECT_EQ(queue.layout, RINGTAP_LAYOUT_PACKED);
		EXPECT_EQ(queue.size, 256u);
		EXPECT_TRUE(queue.unknown.empty());
		ASSERT_TRUE(queue.stats);
		EXPECT_TRUE(queue.stats->unknown.empty());
		EXPECT_GT(queue.stats->count(RINGTAP_A_STATS_PACKETS), 0u);
		EXPECT_FALSE(queue.stats->batch_size.empty());
	}
	ASSERT_EQ(tree.workers.size(), 1u);
	EXPECT_EQ(tree.workers[0].queues, (std::vector<uint32_t>{0, 1}));
	EXPECT_TRUE(tree.workers[0].unknown.empty());
}

// Batches by size and batches are one count.
TEST(NetlinkRecorded, HasAHistogramThatAddsUp)
{
	for (const NlQueue &queue : tree().queues) {
		uint64_t batches = 0;

		for (const NlBucket &bucket : queue.stats->batch_size)
			batches += bucket.count;
		// The worker counted on while it was read.
		EXPECT_NEAR(static_cast<double>(batches),
			    static_cast<double>(queue.stats->count(RINGTAP_A_STATS_BATCHES)), 2);
	}
}

TEST(NetlinkRecorded, IsPrintedAsTheSchemaHasIt)
{
	std::vector<ShowItem> items = {{tree()}};
	NlSnapshot snapshot{0, {tree()}};
	auto rows = list_rows(std::nullopt, snapshot,
			      [](unsigned) { return std::optional<std::string>(); });

	EXPECT_EQ(violation(show_json(items, 0)), "");
	EXPECT_EQ(violation(list_json(rows, 0)), "");
	EXPECT_NE(show_text(items, 0).find("vm0"), std::string::npos);
}

TEST(NetlinkRecorded, SaysWhyThereIsNoSuchDevice)
{
	for (const Datagram &datagram : recorded()) {
		if (datagram.what != "absent")
			continue;

		Reply reply(datagram.family, RINGTAP_CMD_DEVICE_GET, datagram.sequence,
			    [](Bytes) { return Result<Done>(); });
		auto taken = reply.take(datagram.bytes);

		ASSERT_FALSE(taken);
		EXPECT_EQ(taken.error().code, ENODEV);
		EXPECT_NE(taken.error().hint.find("the kernel says: "), std::string::npos);
		return;
	}
	FAIL() << "not recorded";
}

// ringtap drive opens, attaches both queues, detaches them and closes.
TEST(NetlinkRecorded, HasTheEventsOfADevicesLife)
{
	std::map<uint8_t, unsigned> seen;

	for (const Datagram &datagram : recorded()) {
		if (datagram.what != "event")
			continue;
		for (const auto &news : parse_news(datagram.bytes, datagram.family)) {
			ASSERT_TRUE(news) << news.error().message();
			ASSERT_TRUE(news->event);
			EXPECT_TRUE(news->event->unknown.empty());
			EXPECT_EQ(violation(news_json(*news)), "");
			seen[news->command]++;
		}
	}
	EXPECT_EQ(seen, (std::map<uint8_t, unsigned>{{RINGTAP_CMD_DEVICE_OPEN, 1},
						     {RINGTAP_CMD_ATTACH, 2},
						     {RINGTAP_CMD_DETACH, 2},
						     {RINGTAP_CMD_DEVICE_CLOSE, 1}}));
}

// At every byte; ASan sees reads beyond the end.
TEST(NetlinkRecorded, IsRefusedWhenItIsCutShort)
{
	for (const Datagram &datagram : recorded())
		for (size_t length = 1; length < datagram.bytes.size(); length++) {
			Buffer cut(datagram.bytes.begin(), datagram.bytes.begin() + length);
			auto messages = split_messages(cut);
			auto whole = split_messages(datagram.bytes);

			// Between two messages, the rest is missing and nobody can tell.
			EXPECT_TRUE(!messages || messages->size() < whole->size()) << length;
			(void)parse_news(cut, datagram.family);
		}
}

} // namespace
} // namespace ringtap
