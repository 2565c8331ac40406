// SPDX-License-Identifier: GPL-2.0-or-later
// Tests what the bench makes of its samples, and what it reads from the system.
#include <gtest/gtest.h>

#include "bench/report.h"
#include "bench/tap_counters.h"
#include "bench/worker_clock.h"
#include "lib/memory.h"

namespace ringtap {

namespace {

Sample sample(uint64_t per_packet)
{
	return {100, 2, 100 * per_packet, 2, 2};
}

class ReportTest : public testing::Test {
protected:
	Report report{
		"title", "ns", {{"stock", "a", Layout::split}, {"ours", "b", Layout::packed}}};
	Workload transmit{};
	Workload receive{.direction = FrameStream::Direction::to_guest};
};

TEST_F(ReportTest, TakesTheMedianOfEachSubjectAndTheRatioToTheFirst)
{
	for (uint64_t cost : {40, 20, 1000})
		report.add(0, transmit, sample(cost));
	for (uint64_t cost : {10, 30, 20, 40})
		report.add(1, transmit, sample(cost));

	auto results = report.json()["results"];

	ASSERT_EQ(results.size(), 2u);
	EXPECT_EQ(results[0]["per_packet"], 40);
	EXPECT_EQ(results[0]["ratio"], 1);
	EXPECT_EQ(results[1]["per_packet"], 25);
	EXPECT_EQ(results[1]["ratio"], 0.63);
	EXPECT_DOUBLE_EQ(results[1]["spread"], 30.0 / 25);
	EXPECT_EQ(results[1]["samples"].size(), 4u);
}

TEST_F(ReportTest, KeepsWorkloadsApart)
{
	report.add(0, transmit, sample(7));
	report.add(0, receive, sample(9));
	report.add(1, transmit, sample(7));
	report.add(1, receive, sample(9));

	auto results = report.json()["results"];

	ASSERT_EQ(results.size(), 4u);
	EXPECT_EQ(results[0]["direction"], "tx");
	EXPECT_EQ(results[0]["per_packet"], 7);
	EXPECT_EQ(results[2]["direction"], "rx");
	EXPECT_EQ(results[2]["per_packet"], 9);
}

TEST_F(ReportTest, TableNamesUnitSubjectsAndSpread)
{
	report.add(0, transmit, sample(100));
	report.add(0, transmit, sample(110));
	report.add(1, transmit, sample(50));
	report.add(1, transmit, sample(50));

	std::string table = report.table();

	EXPECT_NE(table.find("worker ns per packet"), std::string::npos) << table;
	EXPECT_NE(table.find("TX 64 B, batch 64"), std::string::npos) << table;
	EXPECT_NE(table.find("50 (0.48)"), std::string::npos) << table;
	EXPECT_NE(table.find("2 runs each, interleaved; furthest apart: 9.5 %"), std::string::npos)
		<< table;
}

TEST_F(ReportTest, TakesTheFastestWhereOthersDisturb)
{
	Report fastest{"title", "ns", {{"stock", "a", Layout::split}}, Pick::fastest};

	for (uint64_t cost : {90, 11, 300, 10, 40})
		fastest.add(0, transmit, sample(cost));

	auto result = fastest.json()["results"][0];

	EXPECT_EQ(result["per_packet"], 10);
	EXPECT_DOUBLE_EQ(result["spread"], 0.1);
	EXPECT_NE(fastest.table().find("in the faster quarter furthest apart: 10.0 %"),
		  std::string::npos)
		<< fastest.table();
}

TEST(GuestMemoryDevice, GivesOutMemoryOfADevice)
{
	GuestMemory memory;

	ASSERT_TRUE(memory.add({MemoryKind::anon, 4096}));
	ASSERT_TRUE(memory.add_device("/dev/zero", 5000));

	auto regions = memory.regions();

	ASSERT_EQ(regions.size(), 2u);
	EXPECT_EQ(regions[1].size, 8192u);
	EXPECT_GT(regions[1].guest, regions[0].guest + regions[0].size);

	auto piece = memory.allocate(8192, 64);

	ASSERT_TRUE(piece);
	EXPECT_EQ(piece->guest, regions[1].guest);
	piece->user[8191] = 1;
	EXPECT_EQ(*memory.user(piece->guest + 8191, 1), 1);
}

TEST(GuestMemoryDevice, SaysWhichDeviceIsMissing)
{
	GuestMemory memory;
	auto added = memory.add_device("/dev/no-such-window", 4096);

	ASSERT_FALSE(added);
	EXPECT_EQ(added.error().code, ENOENT);
	EXPECT_NE(added.error().message().find("/dev/no-such-window"), std::string::npos);
}

TEST(TapCounters, ReadsAnInterfaceAndMissesOneThatIsNot)
{
	EXPECT_TRUE(TapCounters::read("lo"));

	auto missing = TapCounters::read("no-such-tap");

	ASSERT_FALSE(missing);
	EXPECT_EQ(missing.error().code, ENODEV);
}

TEST(WorkerClock, FindsNoWorkerWithoutADevice)
{
	auto clock = WorkerClock::find();

	ASSERT_FALSE(clock);
	EXPECT_EQ(clock.error().code, ESRCH);
}

} // namespace

} // namespace ringtap
