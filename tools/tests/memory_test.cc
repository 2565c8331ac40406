// SPDX-License-Identifier: GPL-2.0-or-later
// Guest memory of every kind: pieces, translation both ways, and what lies outside.
#include "lib/memory.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace ringtap::test {

namespace {

class MemoryTest : public testing::TestWithParam<MemoryKind> {};

TEST_P(MemoryTest, IsZeroedWritableAndTranslates)
{
	GuestMemory memory;
	auto added = memory.add({GetParam(), 3 << 20});

	// Huge pages and transparent ones depend on how the machine was set up.
	if (!added && (GetParam() == MemoryKind::hugetlb || GetParam() == MemoryKind::thp))
		GTEST_SKIP() << added.error().message();
	ASSERT_TRUE(added) << added.error().message();
	GuestSpan span = memory.allocate(2 << 20, 4096).value();

	EXPECT_EQ(span.guest % 4096, 0u);
	EXPECT_EQ(std::count(span.user, span.user + span.size, 0), ssize_t(span.size));
	std::fill(span.user, span.user + span.size, 0xa5);
	EXPECT_EQ(memory.user(span.guest + 100, 1), span.user + 100);
	EXPECT_EQ(memory.guest(span.user + 100), span.guest + 100);
	EXPECT_NE(span.guest, reinterpret_cast<uintptr_t>(span.user));
}

INSTANTIATE_TEST_SUITE_P(Kinds, MemoryTest,
			 testing::Values(MemoryKind::anon, MemoryKind::thp, MemoryKind::memfd,
					 MemoryKind::hugetlb, MemoryKind::file),
			 [](auto &info) { return std::string(memory_kind_name(info.param)); });

TEST(GuestMemoryTest, HasHolesBetweenRegions)
{
	GuestMemory memory;

	ASSERT_TRUE(memory.add({MemoryKind::anon, 4096}));
	ASSERT_TRUE(memory.add({MemoryKind::memfd, 8192}));
	auto regions = memory.regions();

	ASSERT_EQ(regions.size(), 2u);
	EXPECT_GT(regions[1].guest, regions[0].guest + regions[0].size);
	EXPECT_EQ(regions[1].size, 8192u);
	EXPECT_NE(memory.user(regions[0].guest, 4096), nullptr);
	EXPECT_EQ(memory.user(regions[0].guest, 4097), nullptr);
	EXPECT_EQ(memory.user(regions[0].guest + 4096, 1), nullptr);
	EXPECT_EQ(memory.user(regions[0].guest + 1, SIZE_MAX), nullptr);
	EXPECT_EQ(memory.user(UINT64_MAX, 2), nullptr);
	EXPECT_EQ(memory.guest(&memory), std::nullopt);
}

TEST(GuestMemoryTest, HandsOutPiecesThatDoNotOverlap)
{
	GuestMemory memory;

	ASSERT_TRUE(memory.add({MemoryKind::anon, 4096}));
	GuestSpan a = memory.allocate(10, 1).value(), b = memory.allocate(10, 64).value();

	EXPECT_GE(b.guest, a.guest + a.size);
	EXPECT_EQ(b.guest % 64, 0u);
	auto refused = memory.allocate(8192, 1);

	ASSERT_FALSE(refused);
	EXPECT_EQ(refused.error().code, ENOMEM);
	ASSERT_TRUE(memory.add({MemoryKind::anon, 8192}));
	EXPECT_TRUE(memory.allocate(8192, 1)) << "from the next region";
}

TEST(GuestMemoryTest, MovesWithItsMappings)
{
	GuestMemory memory;

	ASSERT_TRUE(memory.add({MemoryKind::anon, 4096}));
	GuestSpan span = memory.allocate(8, 8).value();
	GuestMemory moved = std::move(memory);

	*span.user = 1;
	EXPECT_EQ(moved.user(span.guest, 8), span.user);
	EXPECT_TRUE(memory.regions().empty());
}

TEST(GuestMemoryTest, KnowsItsKindsByName)
{
	for (const char *name : {"anon", "thp", "memfd", "hugetlb", "file"})
		EXPECT_EQ(memory_kind_name(memory_kind_by_name(name).value()), name);
	EXPECT_EQ(memory_kind_by_name("rom"), std::nullopt);
}

TEST(GuestMemoryTest, SaysWhereAFileCannotBe)
{
	GuestMemory memory;
	auto added = memory.add({MemoryKind::file, 4096, "/nonexistent"});

	ASSERT_FALSE(added);
	EXPECT_EQ(added.error().on, "a file in /nonexistent");
}

} // namespace

} // namespace ringtap::test
