// SPDX-License-Identifier: GPL-2.0-or-later
// The device IOTLB: what it knows, what it asks, and ring memory that it finds in pieces
#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "shim.h"

extern "C" {
#include "area.h"
#include "area_map.h"
#include "iotlb.h"
#include "mem.h"
#include <linux/mm.h>
}

namespace ringtap::test {
namespace {

constexpr uint64_t all_ones = ~uint64_t{0};

class Iotlb : public ::testing::Test, public rtap_iotlb {
protected:
	Iotlb() : rtap_iotlb{}
	{
		rtap_shim_user_reset();
		rtap_iotlb_init(this);
		EXPECT_EQ(rtap_iotlb_start(this), 0);
		rtap_mem_view_set_iotlb(&view, this);
	}
	~Iotlb() override
	{
		rtap_iotlb_stop(this);
		rtap_shim_user_reset();
	}

	int add(uint64_t iova, uint64_t size, uint64_t uaddr, uint8_t perm = VHOST_MAP_RW)
	{
		return rtap_iotlb_add(this, iova, size, uaddr, perm, &answered);
	}
	uint64_t at(uint64_t iova, rtap_mem_access access = RTAP_MEM_READ)
	{
		return reinterpret_cast<uint64_t>(
			rtap_mem_translate(&view, access, iova, 1, &chunk));
	}

	rtap_mem_view view{};
	uint32_t answered = 0, chunk = 0;
};

TEST_F(Iotlb, TranslatesWithPermission)
{
	ASSERT_EQ(add(0x1000, 0x1000, 0x700000, VHOST_MAP_RO), 0);
	ASSERT_EQ(add(0x2000, 0x1000, 0x900000, VHOST_MAP_WO), 0);
	EXPECT_EQ(at(0x1010), 0x700010U);
	EXPECT_EQ(at(0x1010, RTAP_MEM_WRITE), 0U);
	EXPECT_EQ(view.miss.perm, 0) << "a violation is no miss";
	EXPECT_EQ(at(0x2010, RTAP_MEM_WRITE), 0x900010U);
	EXPECT_EQ(at(0x2010), 0U);
	EXPECT_EQ(view.miss.perm, 0);
	EXPECT_EQ(at(0x3010), 0U);
	EXPECT_EQ(view.miss.perm, VHOST_MAP_RO);
	EXPECT_EQ(view.miss.iova, 0x3010U);
}

TEST_F(Iotlb, ForgetsWhatItIsToldTo)
{
	ASSERT_EQ(add(0x1000, 0x2000, 0x700000), 0);
	EXPECT_NE(at(0x1000), 0U);
	EXPECT_NE(at(0x2fff, RTAP_MEM_WRITE), 0U);
	rtap_iotlb_remove(this, 0x3000, all_ones);
	rtap_mem_view_forget(&view, 0x3000, all_ones);
	EXPECT_NE(at(0x1000), 0U);
	rtap_iotlb_remove(this, 0x2fff, 0x2fff);
	rtap_mem_view_forget(&view, 0x2fff, 0x2fff);
	EXPECT_EQ(at(0x1000), 0U);
	EXPECT_EQ(at(0x1000, RTAP_MEM_WRITE), 0U);
	EXPECT_EQ(view.miss.perm, VHOST_MAP_WO);
}

TEST_F(Iotlb, RefusesRangesThatWrapAround)
{
	EXPECT_EQ(add(all_ones, 2, 0), -EFAULT);
	EXPECT_EQ(add(2, all_ones, 0), -EFAULT);
	EXPECT_EQ(add(1, all_ones, 0), 0);
	EXPECT_EQ(add(all_ones, 1, 0x5000), 0);
	rtap_iotlb_stop(this);
	EXPECT_EQ(add(0, 1, 0), -EFAULT);
	EXPECT_FALSE(rtap_iotlb_on(this));
}

// Two halves are as many entries as anything else.
TEST_F(Iotlb, TakesTheWholeAddressSpaceAgainAndAgain)
{
	for (int i = 0; i < 3 * RTAP_IOTLB_ENTRIES; i++)
		ASSERT_EQ(add(0, 0, 0x1000), 0);
	EXPECT_LE(tree->nmaps, unsigned(RTAP_IOTLB_ENTRIES));
	EXPECT_EQ(at(0x1234), 0x2234U);
	EXPECT_EQ(at(1ULL << 63), (1ULL << 63) + 0x1000);
}

TEST_F(Iotlb, IsBounded)
{
	for (uint64_t i = 0; i < RTAP_IOTLB_ENTRIES + 10; i++)
		ASSERT_EQ(add(i << 12, 0x1000, (i + 1) << 12), 0);
	EXPECT_EQ(tree->nmaps, unsigned(RTAP_IOTLB_ENTRIES));
	EXPECT_EQ(at(9 << 12), 0U) << "the oldest goes";
	EXPECT_EQ(at(10 << 12), 11U << 12);
	for (void *charge : charges)
		EXPECT_NE(charge, nullptr) << "somebody pays for all of them";
}

TEST_F(Iotlb, FailsCleanlyWithoutMemory)
{
	// who pays; the entry; then there is enough of both
	long after = 0;

	for (int wanted : {-ENOMEM, -ENOMEM, 0}) {
		rtap_shim_alloc_fail_after(after++);
		EXPECT_EQ(add(0x1000, 0x1000, 0x5000), wanted);
		rtap_shim_alloc_fail_after(-1);
		EXPECT_EQ(at(0x1000) != 0, wanted == 0);
	}
	rtap_shim_alloc_fail_after(0);
	EXPECT_EQ(rtap_iotlb_start(this), -ENOMEM);
	rtap_shim_alloc_fail_after(-1);
	EXPECT_TRUE(rtap_iotlb_on(this));
}

TEST_F(Iotlb, AsksOnceAndIsAnswered)
{
	rtap_iotlb_miss miss{0x5000, VHOST_MAP_RO}, got{};

	EXPECT_EQ(rtap_iotlb_next(this, &got), -EAGAIN);
	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	EXPECT_EQ(wait.wakes, 1U);
	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	EXPECT_EQ(wait.wakes, 1U);
	EXPECT_TRUE(rtap_iotlb_has_unread(this));
	EXPECT_EQ(rtap_iotlb_next(this, &got), 1);
	EXPECT_EQ(got.iova, 0x5000U);
	EXPECT_EQ(got.perm, VHOST_MAP_RO);
	EXPECT_FALSE(rtap_iotlb_has_unread(this));
	// read is read, until it could not be told
	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	EXPECT_EQ(rtap_iotlb_next(this, &got), -EAGAIN);
	rtap_iotlb_unread(this, 1);
	EXPECT_EQ(rtap_iotlb_next(this, &got), 1);
	ASSERT_EQ(add(0x4000, 0x1000, 0x9000), 0);
	EXPECT_EQ(answered, 0U) << "another page";
	ASSERT_EQ(add(0x5000, 0x1000, 0x9000), 0);
	EXPECT_EQ(answered, 2U);
	EXPECT_FALSE(rtap_iotlb_ask(this, 1, &miss)) << "it is there by now";
}

TEST_F(Iotlb, AsksAgainIfTheAnswerTakesLong)
{
	rtap_iotlb_miss miss{0x5000, VHOST_MAP_RO}, got{};

	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	jiffies += 10 * RTAP_IOTLB_PATIENCE;
	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	EXPECT_EQ(wait.wakes, 1U) << "nobody has read it yet";
	EXPECT_EQ(rtap_iotlb_next(this, &got), 1);
	jiffies += RTAP_IOTLB_PATIENCE;
	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	EXPECT_EQ(rtap_iotlb_next(this, &got), -EAGAIN);
	jiffies++;
	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	EXPECT_EQ(wait.wakes, 2U);
	EXPECT_EQ(rtap_iotlb_next(this, &got), 1);
	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	EXPECT_EQ(rtap_iotlb_next(this, &got), -EAGAIN) << "that was a moment ago";
}

TEST_F(Iotlb, WakesOtherReadersIfAQuestionCouldNotBeTold)
{
	rtap_iotlb_miss miss{0x5000, VHOST_MAP_RO}, got{};

	EXPECT_TRUE(rtap_iotlb_ask(this, 0, &miss));
	EXPECT_EQ(rtap_iotlb_next(this, &got), 0);
	EXPECT_EQ(wait.wakes, 1U);
	rtap_iotlb_unread(this, 0);
	EXPECT_EQ(wait.wakes, 2U);
	EXPECT_TRUE(rtap_iotlb_has_unread(this));
}

TEST_F(Iotlb, HasOneQuestionOfEverybody)
{
	rtap_iotlb_miss miss{0x5000, VHOST_MAP_RO}, got{};

	EXPECT_TRUE(rtap_iotlb_ask(this, 0, &miss));
	EXPECT_TRUE(rtap_iotlb_ask(this, 1, &miss));
	miss.iova = 0x6000;
	EXPECT_TRUE(rtap_iotlb_ask(this, 0, &miss));
	EXPECT_EQ(rtap_iotlb_next(this, &got), 0);
	EXPECT_EQ(got.iova, 0x6000U);
	// one that was read makes room for another, too
	miss.iova = 0x7000;
	EXPECT_TRUE(rtap_iotlb_ask(this, 0, &miss));
	EXPECT_EQ(rtap_iotlb_next(this, &got), 0);
	EXPECT_EQ(got.iova, 0x7000U);
	rtap_iotlb_forget(this, 1);
	EXPECT_EQ(rtap_iotlb_next(this, &got), -EAGAIN);
	ASSERT_EQ(add(0, 0x10000, 0x9000), 0);
	EXPECT_EQ(answered, 1U) << "one was taken back";
	rtap_iotlb_stop(this);
	EXPECT_TRUE(rtap_iotlb_ask(this, 0, &miss));
	EXPECT_EQ(rtap_iotlb_next(this, &got), -EAGAIN) << "nobody will read it";
}

TEST_F(Iotlb, GathersPieces)
{
	std::vector<rtap_piece> pieces(4);

	ASSERT_EQ(add(0x1000, 0x1000, 0x71000), 0);
	ASSERT_EQ(add(0x2000, 0x1000, 0x72000), 0);
	ASSERT_EQ(add(0x3000, 0x1000, 0x91000, VHOST_MAP_RO), 0);
	ASSERT_EQ(rtap_mem_gather(&view, VHOST_MAP_RO, 0x1800, 0x2000, pieces.data(), 4), 2);
	EXPECT_EQ(pieces[0].uaddr, 0x71800U);
	EXPECT_EQ(pieces[0].size, 0x1800U);
	EXPECT_EQ(pieces[1].uaddr, 0x91000U);
	EXPECT_EQ(pieces[1].size, 0x800U);
	EXPECT_EQ(rtap_mem_gather(&view, VHOST_MAP_RO, 0x1800, 0x2000, pieces.data(), 1), -E2BIG);
	EXPECT_EQ(rtap_mem_gather(&view, VHOST_MAP_RW, 0x1800, 0x2000, pieces.data(), 4), -EFAULT);
	EXPECT_EQ(view.miss.perm, 0);
	EXPECT_EQ(rtap_mem_gather(&view, VHOST_MAP_RW, 0xf00, 0x200, pieces.data(), 4), -EFAULT);
	EXPECT_EQ(view.miss.iova, 0xf00U);
	EXPECT_EQ(view.miss.perm, VHOST_MAP_RW);
	EXPECT_EQ(rtap_mem_gather(&view, VHOST_MAP_RO, all_ones - 1, 4, pieces.data(), 4), -EFAULT);
	EXPECT_EQ(view.miss.perm, 0) << "no answer would do";
}

// Memory that cannot be pinned is reached piece by piece, whatever borders a copy crosses.
TEST(AreaInPieces, WorksByUserAccess)
{
	alignas(4096) static uint8_t low[2 * 4096], high[4096];
	auto at = [](const void *p) { return reinterpret_cast<uint64_t>(p); };
	// three pages, the first two behind each other and the last before them
	rtap_piece pieces[] = {{at(low) + 16, 2 * 4096 - 16}, {at(high), 4096}};
	mm_struct mm{};
	rtap_area area{};
	uint8_t out[64], in[64];
	__le16 word = 0;

	rtap_shim_user_reset();
	rtap_shim_user_add(low, sizeof(low));
	rtap_shim_user_add(high, sizeof(high));
	rtap_shim_pages_reset(0, 0);
	ASSERT_EQ(rtap_area_map(&area, &mm, pieces, 2), 0);
	EXPECT_EQ(area.kaddr, nullptr);
	EXPECT_EQ(area.size, 3U * 4096 - 16);
	EXPECT_EQ(rtap_shim_pins(), 0);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = uint8_t(i + 1);
	for (size_t off : {size_t(0), size_t(2 * 4096 - 16 - 32), size_t(3 * 4096 - 16 - 64)}) {
		ASSERT_EQ(rtap_area_write(&area, off, out, sizeof(out)), 0);
		ASSERT_EQ(rtap_area_read(&area, off, in, sizeof(in)), 0);
		EXPECT_EQ(std::vector<uint8_t>(in, in + 64), std::vector<uint8_t>(out, out + 64));
	}
	EXPECT_EQ(low[2 * 4096 - 32], 1);
	EXPECT_EQ(high[0], 33);
	ASSERT_EQ(rtap_area_store(&area, 2 * 4096 - 16 + 10, 0x4711), 0);
	ASSERT_EQ(rtap_area_load(&area, 2 * 4096 - 16 + 10, &word), 0);
	EXPECT_EQ(word, 0x4711);
	EXPECT_EQ(high[10], 0x11);
	rtap_area_unmap(&area, &mm);
	// pieces that meet inside a page cannot be put behind each other
	pieces[0].size -= 8;
	EXPECT_EQ(rtap_area_map(&area, &mm, pieces, 2), -EFAULT);
	rtap_shim_pages_reset(-1, 0);
	rtap_shim_user_reset();
}

} // namespace
} // namespace ringtap::test
