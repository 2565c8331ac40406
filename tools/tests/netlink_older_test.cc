// SPDX-License-Identifier: GPL-2.0-or-later
// A tool that is newer than the module: what it still tells, and how it says what it cannot.
#include <gtest/gtest.h>

#include "cli/list_view.h"
#include "cli/show_view.h"
#include "cli/words_view.h"
#include "fake_kernel.h"
#include "lib/netlink.h"
#include "netlink_schema.h"

namespace ringtap {
namespace {

using namespace testing_netlink;

constexpr uint64_t second = 1'000'000'000;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// A first version: a device and its queues, without most of what there is to tell today.
FakeFamily older()
{
	return {.name = "ringtap",
		.version = RINGTAP_FAMILY_VERSION - 1,
		.records = {{RINGTAP_CMD_DEVICE_GET,
			     {Writer().u32(RINGTAP_A_DEVICE_ID, 7)
				      .u32(RINGTAP_A_DEVICE_STATE, RINGTAP_DEVICE_STATE_RUNNING)
				      .string(RINGTAP_A_DEVICE_IFNAME, "vm0")}},
			    {RINGTAP_CMD_QUEUE_GET,
			     {Writer().u32(RINGTAP_A_QUEUE_DEVICE, 7)
				      .u32(RINGTAP_A_QUEUE_INDEX, 1)
				      .nest(RINGTAP_A_QUEUE_STATS,
					    Writer().u64(RINGTAP_A_STATS_PACKETS, 12345))}}}};
}

Result<NlSnapshot> snapshot()
{
	Netlink netlink = TRY(Netlink::open());

	return netlink.snapshot();
}

std::string violation(const Json &json)
{
	return schema_violation(committed_schema(), nlohmann::json::parse(json_text(json, -1)));
}

// Shown by both commands, in words and as JSON that is still what the schema describes.
void expect_printed(const NlSnapshot &found)
{
	std::vector<ShowItem> items = {{found.devices.at(0)}};
	auto rows = list_rows(found, found, [](unsigned) { return std::optional<std::string>(); });

	EXPECT_HAS(show_text(items, second), "device 7");
	EXPECT_HAS(show_text(items, second), "vm0");
	EXPECT_HAS(list_text(rows), "vm0");
	EXPECT_EQ(violation(show_json(items, second)), "");
	EXPECT_EQ(violation(list_json(rows, second)), "");
}

TEST(NetlinkOlder, TellsWhatAModuleOfALowerVersionHas)
{
	FakeFamily family = older();

	family.records[RINGTAP_CMD_WORKER_GET] = {};

	FakeKernel kernel(family);
	auto found = snapshot();

	ASSERT_TRUE(found) << found.error().message();
	ASSERT_EQ(found->devices.size(), 1u);
	ASSERT_EQ(found->devices[0].queues.size(), 1u);
	EXPECT_EQ(found->devices[0].queues[0].stats->count(RINGTAP_A_STATS_PACKETS), 12345u);
	EXPECT_EQ(untold_text(found->untold), "");
	expect_printed(*found);
}

TEST(NetlinkOlder, SaysThatAModuleTellsNothingOfWorkers)
{
	FakeKernel kernel(older());
	auto found = snapshot();

	ASSERT_TRUE(found) << found.error().message();
	ASSERT_EQ(found->devices.size(), 1u);
	EXPECT_EQ(found->devices[0].queues.size(), 1u);
	EXPECT_TRUE(found->devices[0].workers.empty());
	EXPECT_EQ(untold_text(found->untold),
		  "the module is older than this version of ringtap: it "
		  "tells nothing of workers");
	expect_printed(*found);
}

TEST(NetlinkOlder, SaysThatAModuleTellsOfDevicesAlone)
{
	FakeFamily family = older();

	family.records.erase(RINGTAP_CMD_QUEUE_GET);

	FakeKernel kernel(family);
	auto found = snapshot();

	ASSERT_TRUE(found) << found.error().message();
	ASSERT_EQ(found->devices.size(), 1u);
	EXPECT_TRUE(found->devices[0].queues.empty());
	EXPECT_HAS(untold_text(found->untold), "nothing of queues and workers");
	expect_printed(*found);
}

TEST(NetlinkOlder, SaysThatAModuleCannotBeAskedAtAll)
{
	FakeKernel kernel({.name = "ringtap"});
	auto found = snapshot();

	ASSERT_FALSE(found);
	EXPECT_EQ(found.error().code, EOPNOTSUPP);
	EXPECT_HAS(found.error().message(),
		   "too old for that: load the one that came with this tool");
}

TEST(NetlinkOlder, SaysThatAModuleHasNoEvents)
{
	FakeFamily family = older();

	family.groups = {"something"};

	FakeKernel kernel(family);
	auto events = NetlinkEvents::open();

	ASSERT_FALSE(events);
	EXPECT_EQ(events.error().code, EOPNOTSUPP);
	EXPECT_HAS(events.error().message(),
		   "cannot find the events of the netlink family ringtap");
	EXPECT_HAS(events.error().message(),
		   "too old for that: load the one that came with this tool");
}

TEST(NetlinkOlder, SaysThatThereIsNoFamily)
{
	FakeKernel kernel({.name = "another"});

	for (const Error &error : {snapshot().error(), NetlinkEvents::open().error()}) {
		EXPECT_EQ(error.code, ENOENT);
		EXPECT_HAS(error.message(), "cannot find the netlink family ringtap");
		EXPECT_HAS(error.message(), "load the module");
	}
}

} // namespace
} // namespace ringtap
