// SPDX-License-Identifier: GPL-2.0-or-later
// The dirty log's bits, and what a view keeps for it.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "shim.h"

extern "C" {
#include <linux/sched/signal.h>
#include <linux/vhost_types.h>

#include "log.h"
#include "mem.h"
}

namespace ringtap::test {
namespace {

constexpr uint64_t page = 4096;

class Log : public testing::Test {
protected:
	Log() : bytes_(1 << 16)
	{
		rtap_shim_user_reset();
		rtap_shim_user_add(bytes_.data(), bytes_.size());
		log_.stretches = stretches_;
		begin(0);
	}
	~Log() override { rtap_shim_user_reset(); }

	// The bitmap begins so many bytes behind the start of a word.
	void begin(unsigned skew)
	{
		bitmap_ = bytes_.data() + skew;
		log_.base = reinterpret_cast<uintptr_t>(bitmap_);
	}

	bool is_dirty(uint64_t number) const { return bitmap_[number / 8] >> (number % 8) & 1; }

	unsigned dirty() const
	{
		unsigned n = 0;

		for (uint8_t byte : bytes_)
			n += __builtin_popcount(byte);
		return n;
	}

	std::vector<uint8_t> bytes_;
	uint8_t *bitmap_ = nullptr;
	rtap_log_stretch stretches_[RTAP_LOG_STRETCHES] = {};
	rtap_log log_{};
};

TEST_F(Log, SetsTheBitsOfAllPagesTouchedAndNoOther)
{
	std::mt19937 random(1);

	for (int i = 0; i < 2000; i++) {
		uint64_t gpa = random() % (1 << 24);
		uint64_t len = 1 + random() % (i % 4 ? 9000 : 1 << 19);
		uint64_t first = gpa / page, last = (gpa + len - 1) / page;

		std::fill(bytes_.begin(), bytes_.end(), 0);
		begin(random() % 8);
		log_.pages = 0;
		ASSERT_EQ(rtap_log_dirty(&log_, gpa, len), 0);
		ASSERT_EQ(log_.pages, last - first + 1);
		ASSERT_EQ(dirty(), last - first + 1);
		ASSERT_TRUE(is_dirty(first));
		ASSERT_TRUE(is_dirty((first + last) / 2));
		ASSERT_TRUE(is_dirty(last));
	}
}

TEST_F(Log, KeepsBitsThatAreSet)
{
	ASSERT_EQ(rtap_log_dirty(&log_, 3 * page, 1), 0);
	ASSERT_EQ(rtap_log_dirty(&log_, 5 * page, 1), 0);
	EXPECT_EQ(bitmap_[0], 0x28);
}

TEST_F(Log, OfNothingSetsNothing)
{
	EXPECT_EQ(rtap_log_dirty(&log_, 3 * page, 0), 0);
	EXPECT_EQ(dirty(), 0U);
	EXPECT_EQ(log_.pages, 0U);
}

TEST_F(Log, TriesAgainUnderContention)
{
	rtap_shim_or_again(5);
	EXPECT_EQ(rtap_log_dirty(&log_, 0, 1), 0);
	EXPECT_TRUE(is_dirty(0));
}

TEST_F(Log, SaysThatItIsNotThere)
{
	rtap_shim_fault_after(0);
	EXPECT_EQ(rtap_log_dirty(&log_, 0, 1), -EFAULT);
	EXPECT_EQ(rtap_log_dirty(&log_, 1ULL << 40, 1), -EFAULT);
	// The second word of two.
	rtap_shim_fault_after(1);
	EXPECT_EQ(rtap_log_dirty(&log_, 31 * page, 2 * page), -EFAULT);
}

TEST_F(Log, RefusesWhatWrapsAround)
{
	EXPECT_EQ(rtap_log_dirty(&log_, ~0ULL, 2), -EFAULT);
	EXPECT_EQ(rtap_log_dirty(&log_, page, ~0ULL), -EFAULT);
	EXPECT_FALSE(rtap_log_reaches(~0ULL, 1 << 20, 1));
	EXPECT_TRUE(rtap_log_reaches(log_.base, ~0ULL, 1));
	EXPECT_EQ(dirty(), 0U);
}

TEST_F(Log, JoinsStretchesThatMeet)
{
	rtap_log_note(&log_, 100, 10);
	rtap_log_note(&log_, 110, 5);
	rtap_log_note(&log_, 200, 1);
	EXPECT_EQ(log_.nr, 2U);
	EXPECT_EQ(stretches_[0].len, 15U);
}

TEST_F(Log, SaysWhenSomethingWasLost)
{
	for (uint64_t i = 0; i < RTAP_LOG_STRETCHES; i++)
		rtap_log_note(&log_, i * 2 * page, 1);
	EXPECT_FALSE(log_.lost);
	EXPECT_TRUE(rtap_log_is_filling(&log_));
	rtap_log_note(&log_, 1, 1);
	EXPECT_TRUE(log_.lost);
}

// With a memory table: at 0, and the same memory once more at 16 pages; another at 64.
class LoggedMemory : public Log {
protected:
	LoggedMemory() : guest_(16 * page)
	{
		uint64_t user = reinterpret_cast<uintptr_t>(guest_.data());
		vhost_memory_region regions[] = {{0, 16 * page, user, 0},
						 {16 * page, 16 * page, user, 0},
						 {64 * page, 8 * page, user + 8 * page, 0}};

		rtap_shim_user_add(guest_.data(), guest_.size());
		mem_ = rtap_mem_create(regions, 3);
		rtap_mem_view_set(&view_, mem_);
		view_.log = &log_;
	}
	~LoggedMemory() override
	{
		rtap_mem_view_set(&view_, nullptr);
		rtap_mem_put(mem_);
	}

	std::vector<uint8_t> guest_;
	rtap_mem *mem_;
	rtap_mem_view view_{};
};

TEST_F(LoggedMemory, LogsWhatIsWrittenWhereTheGuestSaidIt)
{
	uint8_t bytes[32] = {};

	ASSERT_EQ(rtap_mem_write(&view_, 3 * page - 16, bytes, sizeof(bytes)), 0);
	EXPECT_EQ(dirty(), 0U) << "not before it is asked for";
	ASSERT_EQ(rtap_mem_log(&view_), 0);
	EXPECT_EQ(dirty(), 2U);
	EXPECT_TRUE(is_dirty(2) && is_dirty(3));
	EXPECT_EQ(log_.nr, 0U);
}

TEST_F(LoggedMemory, LogsNothingThatIsRead)
{
	uint8_t bytes[32];

	ASSERT_EQ(rtap_mem_read(&view_, 3 * page - 16, bytes, sizeof(bytes)), 0);
	ASSERT_EQ(rtap_mem_log(&view_), 0);
	EXPECT_EQ(dirty(), 0U);
}

TEST_F(LoggedMemory, LogsUserMemoryWhereverItIs)
{
	uint64_t user = reinterpret_cast<uintptr_t>(guest_.data());

	ASSERT_EQ(rtap_mem_log_user(&view_, user + 9 * page + 1, page), 0);
	EXPECT_EQ(dirty(), 6U);
	for (unsigned number : {9, 10, 25, 26, 65, 66})
		EXPECT_TRUE(is_dirty(number)) << number;
	ASSERT_EQ(rtap_mem_log_user(&view_, user - page, page), 0);
	EXPECT_EQ(dirty(), 6U) << "what is not the guest's";
}

// Whatever there is to be looked at: a killed owner does not wait for it.
TEST_F(LoggedMemory, GivesUpWhenKilledInALongTable)
{
	uint64_t user = reinterpret_cast<uintptr_t>(guest_.data());
	std::vector<vhost_memory_region> regions;

	for (uint64_t i = 0; i < 3000; i++)
		regions.push_back({i * page, page, user, 0});

	rtap_mem *mem = rtap_mem_create(regions.data(), uint32_t(regions.size()));

	rtap_mem_view_set(&view_, mem);
	rtap_shim_killed = 1;
	EXPECT_EQ(rtap_mem_log_user(&view_, user, 1), -EFAULT);
	EXPECT_LT(dirty(), 1100U);
	rtap_shim_killed = 0;
	EXPECT_EQ(rtap_mem_log_user(&view_, user, 1), 0);
	EXPECT_EQ(dirty(), 3000U);
	rtap_mem_put(mem);
}

TEST_F(LoggedMemory, FailsOnceForWhatWasLost)
{
	log_.lost = true;
	EXPECT_EQ(rtap_mem_log(&view_), -EFAULT);
	EXPECT_EQ(rtap_mem_log(&view_), 0);
}

TEST_F(LoggedMemory, WithAnIotlbLogsWhereItWasTranslatedTo)
{
	rtap_iotlb iotlb{};
	uint8_t bytes[32] = {};
	uint32_t answered;

	rtap_iotlb_init(&iotlb);
	ASSERT_EQ(rtap_iotlb_start(&iotlb), 0);
	rtap_mem_view_set_iotlb(&view_, &iotlb);
	ASSERT_EQ(rtap_iotlb_add(&iotlb, 1ULL << 32, page,
				 reinterpret_cast<uintptr_t>(guest_.data()) + 2 * page,
				 VHOST_MAP_RW, &answered),
		  0);
	ASSERT_EQ(rtap_mem_write(&view_, 1ULL << 32, bytes, sizeof(bytes)), 0);
	// Nobody knows any more what it meant.
	rtap_iotlb_remove(&iotlb, 0, ~0ULL);
	ASSERT_EQ(rtap_mem_log(&view_), 0);
	EXPECT_EQ(dirty(), 2U);
	EXPECT_TRUE(is_dirty(2) && is_dirty(18));
	rtap_mem_view_set_iotlb(&view_, nullptr);
	rtap_iotlb_stop(&iotlb);
}

} // namespace
} // namespace ringtap::test
