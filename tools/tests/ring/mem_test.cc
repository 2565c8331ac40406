// SPDX-License-Identifier: GPL-2.0-or-later
// The memory table: what it accepts, how it translates, who keeps it alive
#include <gtest/gtest.h>

#include <linux/vhost_types.h>

#include <cerrno>
#include <vector>

#include "guest.h"
#include "shim.h"

extern "C" {
#include "mem.h"
#include <linux/err.h>
}

namespace ringtap::test {
namespace {

constexpr uint64_t all_ones = ~uint64_t{0};

class Table {
public:
	explicit Table(const std::vector<vhost_memory_region> &regions) :
		mem_(rtap_mem_create(regions.data(), static_cast<uint32_t>(regions.size())))
	{
	}
	~Table()
	{
		if (!IS_ERR(mem_))
			rtap_mem_put(mem_);
	}
	Table(const Table &) = delete;
	Table &operator=(const Table &) = delete;

	long error() const { return IS_ERR(mem_) ? PTR_ERR(mem_) : 0; }
	rtap_mem *get() const { return mem_; }

private:
	rtap_mem *mem_;
};

class View : public rtap_mem_view {
public:
	explicit View(rtap_mem *mem) : rtap_mem_view{} { rtap_mem_view_set(this, mem); }
	~View() { rtap_mem_view_set(this, nullptr); }
	View(const View &) = delete;
	View &operator=(const View &) = delete;
};

// As stock: only a region that wraps around, or an empty one, is refused.
TEST(MemTable, AcceptsWhatStockAccepts)
{
	EXPECT_EQ(Table({}).error(), 0);
	EXPECT_EQ(Table({{0, 1, 0, 0}}).error(), 0);
	EXPECT_EQ(Table({{0x1001, 3, 7, 0}}).error(), 0);
	EXPECT_EQ(Table({{0, 0, 0, 0}}).error(), 0);
	EXPECT_EQ(Table({{1, all_ones, 0, 0}}).error(), 0);
	EXPECT_EQ(Table({{all_ones, 1, 0, 0}}).error(), 0);
	EXPECT_EQ(Table({{0x1000, 0, 0, 0}}).error(), -EFAULT);
	EXPECT_EQ(Table({{2, all_ones, 0, 0}}).error(), -EFAULT);
	EXPECT_EQ(Table({{all_ones, 2, 0, 0}}).error(), -EFAULT);
	EXPECT_EQ(Table({{0, 0x1000, 0, 0}, {0x1000, 0, 0, 0}}).error(), -EFAULT);
	// overlaps, and the whole address space more than once
	EXPECT_EQ(Table({{0, 0x2000, 0, 0}, {0x1000, 0x2000, 0, 0}}).error(), 0);
	EXPECT_EQ(Table({{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}).error(), 0);
}

TEST(MemTable, HoldsAsManyRegionsAsPromised)
{
	std::vector<vhost_memory_region> regions;
	for (uint64_t i = 0; i < RTAP_MEM_REGIONS_MAX; i++)
		regions.push_back({i * 0x2000, 0x1000, 0x10000000 + i * 0x1000, 0});
	{
		Table table(regions);
		ASSERT_EQ(table.error(), 0);
		EXPECT_EQ(table.get()->nr_regions, regions.size());
		View view(table.get());
		uint32_t chunk;
		for (uint64_t i : {uint64_t{0}, uint64_t{30000}, uint64_t{65534}}) {
			auto at = rtap_mem_translate(&view, RTAP_MEM_READ, i * 0x2000 + 5, 10,
						     &chunk);
			EXPECT_EQ(reinterpret_cast<uint64_t>(at), 0x10000000 + i * 0x1000 + 5);
			EXPECT_EQ(rtap_mem_translate(&view, RTAP_MEM_READ, i * 0x2000 + 0x1000, 1,
						     &chunk),
				  nullptr);
		}
	}
	regions.push_back({0, 1, 0, 0});
	EXPECT_EQ(Table(regions).error(), -E2BIG);
}

TEST(MemTable, FailsCleanlyWithoutMemory)
{
	std::vector<vhost_memory_region> regions = {{0, 0x1000, 0, 0}, {0x1000, 0x1000, 0, 0}};
	for (long k = 0; k < 4; k++) {
		rtap_shim_alloc_fail_after(k);
		EXPECT_EQ(Table(regions).error(), -ENOMEM) << k;
	}
	rtap_shim_alloc_fail_after(-1);
	EXPECT_EQ(Table(regions).error(), 0);
}

TEST(MemTable, TranslatesToTheEndOfARegion)
{
	Table table({{0x1000, 0x1000, 0x7000, 0}, {all_ones - 0xfff, 0x1000, 0x9000, 0}});
	View view(table.get());
	uint32_t chunk;
	auto at = [&](uint64_t gpa, uint32_t len) {
		return reinterpret_cast<uint64_t>(
			rtap_mem_translate(&view, RTAP_MEM_READ, gpa, len, &chunk));
	};
	EXPECT_EQ(at(0x1000, 0x1000), 0x7000U);
	EXPECT_EQ(chunk, 0x1000U);
	EXPECT_EQ(at(0x1ffe, 100), 0x7ffeU);
	EXPECT_EQ(chunk, 2U);
	EXPECT_EQ(at(all_ones, ~0U), 0x9fffU);
	EXPECT_EQ(chunk, 1U);
	for (uint64_t gpa : {uint64_t{0}, uint64_t{0xfff}, uint64_t{0x2000}, all_ones - 0x1000})
		EXPECT_EQ(at(gpa, 1), 0U);
	// a miss does not forget the last hit
	EXPECT_EQ(at(0x1000, 1), 0x7000U);
}

TEST(MemTable, TheWholeAddressSpaceIsOneRegion)
{
	Table table({{0, 0, 0x1000, 0}});
	View view(table.get());
	uint32_t chunk;
	for (uint64_t gpa : {uint64_t{0}, all_ones / 2, all_ones / 2 + 1, all_ones - 0x2000}) {
		auto at = rtap_mem_translate(&view, RTAP_MEM_READ, gpa, 1, &chunk);
		EXPECT_EQ(reinterpret_cast<uint64_t>(at), gpa + 0x1000);
	}
}

TEST(MemTable, AViewWithoutATableFindsNothing)
{
	View view(nullptr);
	uint32_t chunk;
	char byte = 0;
	EXPECT_EQ(rtap_mem_translate(&view, RTAP_MEM_READ, 0, 1, &chunk), nullptr);
	EXPECT_EQ(rtap_mem_read(&view, 0, &byte, 1), -EFAULT);
	EXPECT_EQ(rtap_mem_read(&view, 0, &byte, 0), 0);
}

TEST(MemTable, AViewForgetsTheTableItHad)
{
	Table first({{0, 0x1000, 0x7000, 0}}), second({{0x5000, 0x1000, 0x8000, 0}});
	View view(first.get());
	uint32_t chunk;
	EXPECT_NE(rtap_mem_translate(&view, RTAP_MEM_READ, 0, 1, &chunk), nullptr);
	rtap_mem_view_set(&view, second.get());
	EXPECT_EQ(rtap_mem_translate(&view, RTAP_MEM_READ, 0, 1, &chunk), nullptr);
	EXPECT_NE(rtap_mem_translate(&view, RTAP_MEM_READ, 0x5000, 1, &chunk), nullptr);
}

// The shim's refcount aborts, and ASan reports, if this is wrong.
TEST(MemTable, LivesAsLongAsItsLastUser)
{
	vhost_memory_region region{0, 0x1000, 0x7000, 0};
	rtap_mem *mem = rtap_mem_create(&region, 1);
	ASSERT_FALSE(IS_ERR(mem));
	View view(mem);
	// setting the same table again must not drop it in between
	rtap_mem_put(mem);
	rtap_mem_view_set(&view, mem);
	uint32_t chunk;
	EXPECT_NE(rtap_mem_translate(&view, RTAP_MEM_READ, 0, 1, &chunk), nullptr);
	rtap_mem_put(nullptr);
}

TEST(MemTable, CopiesAcrossRegions)
{
	rtap_shim_user_reset();
	Block host(0x3000);
	auto base = reinterpret_cast<uint64_t>(host.data());
	rtap_shim_user_add(host.data(), host.size());
	// the guest sees third, first, second
	Table table({{0x10000, 0x1000, base + 0x2000, 0},
		     {0x11000, 0x1000, base, 0},
		     {0x12000, 0x1000, base + 0x1000, 0},
		     {0x20000, 0x1000, 0, 0}});
	View view(table.get());
	std::vector<uint8_t> data(0x2800);
	for (size_t i = 0; i < data.size(); i++)
		data[i] = static_cast<uint8_t>(i * 7 + i / 256);
	ASSERT_EQ(rtap_mem_write(&view, 0x10400, data.data(), 0x2800), 0);
	for (size_t i = 0; i < data.size(); i++)
		ASSERT_EQ(host.data()[(i + 0x400 + 0x2000) % 0x3000], data[i]) << i;
	std::vector<uint8_t> back(data.size());
	ASSERT_EQ(rtap_mem_read(&view, 0x10400, back.data(), 0x2800), 0);
	EXPECT_EQ(back, data);
	EXPECT_EQ(rtap_mem_read(&view, 0x10801, back.data(), 0x2800), -EFAULT);
	EXPECT_EQ(rtap_mem_write(&view, 0x12fff, data.data(), 2), -EFAULT);
	EXPECT_EQ(rtap_mem_read(&view, 0x20000, back.data(), 1), -EFAULT);
	for (long k = 0; k < 3; k++) {
		rtap_shim_fault_after(k);
		EXPECT_EQ(rtap_mem_read(&view, 0x10400, back.data(), 0x2800), -EFAULT);
		rtap_shim_fault_after(k);
		EXPECT_EQ(rtap_mem_write(&view, 0x10400, back.data(), 0x2800), -EFAULT);
	}
	rtap_shim_user_reset();
}

} // namespace
} // namespace ringtap::test
