// SPDX-License-Identifier: GPL-2.0-or-later
// One contract for the driver sides of both ring layouts, held against a plain device side.
#include "guest/virtqueue.h"

#include <cstring>
#include <deque>
#include <random>

#include <gtest/gtest.h>

#include "device_side.h"

namespace ringtap::test {

namespace {

// A queue, its device, and memory to make buffers of.
class VirtqueueTest : public testing::TestWithParam<Layout> {
protected:
	void make(QueueOptions options)
	{
		options.layout = GetParam();
		ASSERT_TRUE(memory_.add({MemoryKind::anon, 4 << 20}));
		auto queue = Virtqueue::create(memory_, options);
		ASSERT_TRUE(queue) << queue.error().message();
		queue_.emplace(std::move(*queue));
		device_ = make_device(memory_, queue_->address(), options);
		size_ = options.size;
	}

	Buffer text(const std::string &contents)
	{
		GuestSpan span = memory_.allocate(contents.size(), 1).value();

		std::memcpy(span.user, contents.data(), contents.size());
		return {span.guest, uint32_t(contents.size())};
	}

	Buffer room(uint32_t size) { return {memory_.allocate(size, 1).value().guest, size}; }

	void add(std::vector<Buffer> out, std::vector<Buffer> in, Token token)
	{
		auto done = queue_->add_buf(out, in, token);

		ASSERT_TRUE(done) << done.error().message();
	}

	// Whether a kick reached the device.
	bool kick()
	{
		EXPECT_TRUE(queue_->kick());
		return queue_->kick_fd().drain().value() > 0;
	}

	std::optional<Used> get()
	{
		auto used = queue_->get_buf();

		EXPECT_TRUE(used) << used.error().message();
		return used ? *used : std::nullopt;
	}

	std::string lie()
	{
		auto used = queue_->get_buf();

		EXPECT_FALSE(used);
		return used ? "" : used.error().message();
	}

	GuestMemory memory_;
	std::optional<Virtqueue> queue_;
	std::unique_ptr<DeviceSide> device_;
	unsigned size_ = 0;
};

TEST_P(VirtqueueTest, CarriesAChainThereAndBack)
{
	make({.size = 8});
	Buffer answer = room(6);

	add({text("ping"), text("!")}, {answer}, 42);
	EXPECT_FALSE(device_->pop()) << "nothing is available before the kick";
	kick();
	auto chain = device_->pop();
	ASSERT_TRUE(chain);
	EXPECT_EQ(chain->readable, "ping!");
	EXPECT_EQ(chain->room(), 6u);
	EXPECT_FALSE(get());
	device_->push(*chain, device_->write(*chain, "pong"));
	auto used = get();
	ASSERT_TRUE(used);
	EXPECT_EQ(used->token, 42u);
	EXPECT_EQ(used->length, 4u);
	EXPECT_EQ(std::memcmp(memory_.user(answer.guest, 4), "pong", 4), 0);
	EXPECT_FALSE(get());
}

TEST_P(VirtqueueTest, MakesABatchAvailableAtOnce)
{
	make({.size = 8});
	for (Token token = 0; token < 3; token++) {
		add({text("a"), text("b")}, {}, token);
		EXPECT_FALSE(device_->pop());
	}
	kick();
	for (unsigned i = 0; i < 3; i++)
		EXPECT_TRUE(device_->pop());
	EXPECT_FALSE(device_->pop());
}

TEST_P(VirtqueueTest, TakesChainsBackInAnyOrder)
{
	make({.size = 8});
	std::vector<DeviceChain> chains;

	for (Token token = 0; token < 4; token++)
		add({text("x"), text("y")}, {}, token);
	kick();
	while (auto chain = device_->pop())
		chains.push_back(*chain);
	ASSERT_EQ(chains.size(), 4u);
	for (unsigned index : {2, 0, 3, 1}) {
		device_->push(chains[index], 0);
		auto used = get();
		ASSERT_TRUE(used);
		EXPECT_EQ(used->token, index);
	}
	EXPECT_EQ(queue_->in_flight(), 0u);
}

TEST_P(VirtqueueTest, SaysWhenItIsFull)
{
	make({.size = 4});
	add({text("1"), text("2"), text("3")}, {}, 0);
	EXPECT_TRUE(queue_->has_room(1));
	EXPECT_FALSE(queue_->has_room(2));
	Buffer two[] = {text("4"), text("5")};
	auto refused = queue_->add_buf(two, {}, 1);

	ASSERT_FALSE(refused);
	EXPECT_EQ(refused.error().code, ENOSPC);
	add({text("4")}, {}, 1);
	EXPECT_FALSE(queue_->has_room(1));
}

TEST_P(VirtqueueTest, RefusesAChainOfNothing)
{
	make({.size = 4});
	EXPECT_EQ(queue_->add_buf({}, {}, 0).error().code, EINVAL);
}

TEST_P(VirtqueueTest, PutsLongChainsIntoTables)
{
	make({.size = 2, .indirect_max = 16});
	std::vector<Buffer> out;

	for (char c = 'a'; c < 'k'; c++)
		out.push_back(text(std::string(1, c)));
	add(out, {room(3), room(4)}, 7);
	add(out, {}, 8);
	EXPECT_FALSE(queue_->has_room(1));
	kick();
	for (Token token : {7, 8}) {
		auto chain = device_->pop();
		ASSERT_TRUE(chain);
		EXPECT_EQ(chain->descriptors, 1u);
		EXPECT_EQ(chain->readable, "abcdefghij");
		device_->push(*chain, 0);
		EXPECT_EQ(get()->token, token);
	}
	EXPECT_TRUE(queue_->has_room(2));
}

TEST_P(VirtqueueTest, KicksOnlyWhenTheDeviceWantsIt)
{
	for (bool event_idx : {false, true}) {
		make({.size = 8, .event_idx = event_idx});
		device_->want_kicks(true);
		add({text("1")}, {}, 1);
		EXPECT_TRUE(kick());
		device_->want_kicks(false);
		add({text("2")}, {}, 2);
		EXPECT_FALSE(kick());
		while (device_->pop())
			;
		device_->want_kicks(true);
		add({text("3")}, {}, 3);
		EXPECT_TRUE(kick());
		EXPECT_FALSE(kick()) << "nothing new to tell";
	}
}

TEST_P(VirtqueueTest, KicksWhenABatchPassesTheEvent)
{
	make({.size = 8});
	device_->want_kicks(true);
	for (unsigned round = 0; round < 100; round++) {
		unsigned batch = round % 8 + 1;

		for (unsigned i = 0; i < batch; i++)
			add({text("x")}, {}, i);
		EXPECT_TRUE(kick()) << "round " << round;
		while (auto chain = device_->pop())
			device_->push(*chain, 0);
		while (get())
			;
	}
}

TEST_P(VirtqueueTest, IsSignalledOnlyWhenItWantsIt)
{
	for (bool event_idx : {false, true}) {
		make({.size = 4, .event_idx = event_idx});
		for (unsigned round = 0; round < 50; round++) {
			bool wanted = round % 3 == 0;

			add({text("x")}, {}, 1);
			kick();
			queue_->disable_cb();
			EXPECT_TRUE(!wanted || queue_->enable_cb());
			auto chain = device_->pop();
			ASSERT_TRUE(chain);
			device_->push(*chain, 0);
			EXPECT_EQ(device_->should_signal(), wanted) << "round " << round;
			EXPECT_TRUE(get());
		}
	}
}

TEST_P(VirtqueueTest, DoesNotSleepOverAUsedChain)
{
	make({.size = 4});
	add({text("x")}, {}, 1);
	kick();
	device_->push(*device_->pop(), 0);
	EXPECT_FALSE(queue_->enable_cb()) << "one is there already";
	EXPECT_TRUE(get());
	EXPECT_TRUE(queue_->enable_cb());
}

// Slots that no round has reached yet must not read as used.
TEST_P(VirtqueueTest, StartsInsideTheRing)
{
	make({.size = 8, .start = 5});
	for (Token token = 0; token < 3; token++)
		add({text("x")}, {}, token);
	kick();
	for (Token token = 0; token < 3; token++) {
		device_->push(*device_->pop(), 0);
		EXPECT_EQ(get()->token, token);
	}
	EXPECT_FALSE(get());
	EXPECT_TRUE(queue_->enable_cb());
	EXPECT_FALSE(device_->pop());
}

// Random chains, in and out of order, through many wraps of ring and 16-bit index.
TEST_P(VirtqueueTest, SurvivesManyRounds)
{
	for (uint16_t start : {uint16_t(0), uint16_t(5)}) {
		make({.size = 8,
		      .start = uint16_t(GetParam() == Layout::split ? 65530 + start : start)});
		std::mt19937 random(start);
		std::deque<DeviceChain> held;
		std::vector<Buffer> pieces = {text("a"), text("b"), text("c")};
		Token sent = 0, taken = 0;

		for (unsigned step = 0; step < 70000 * 3; step++) {
			unsigned length = random() % 3 + 1;

			if (random() % 2 && queue_->has_room(length)) {
				std::span<const Buffer> out(pieces.data(), length);
				ASSERT_TRUE(queue_->add_buf(out, {}, sent++));
			}
			if (random() % 2) {
				ASSERT_TRUE(queue_->kick());
			}
			while (auto chain = device_->pop())
				held.push_back(*chain);
			if (!held.empty() && random() % 2) {
				std::swap(held.front(), held[random() % held.size()]);
				device_->push(held.front(), 0);
				held.pop_front();
			}
			while (get())
				taken++;
		}
		EXPECT_GT(taken, 65536u);
		EXPECT_EQ(sent - taken, queue_->in_flight());
	}
}

TEST_P(VirtqueueTest, UnderstandsBatchesInOrder)
{
	make({.size = 8, .in_order = true});
	Token sent = 0, taken = 0;
	std::vector<Buffer> out = {text("x"), text("y")};

	for (unsigned round = 0; round < 50; round++) {
		std::vector<DeviceChain> chains;

		for (unsigned i = 0; i < round % 4 + 1; i++) {
			add(i % 2 ? std::vector<Buffer>() : out,
			    i % 2 ? std::vector{room(3)} : std::vector<Buffer>(), sent++);
		}
		kick();
		while (auto chain = device_->pop())
			chains.push_back(*chain);
		device_->push_batch(chains, 0);
		for (const DeviceChain &chain : chains) {
			auto used = get();
			ASSERT_TRUE(used);
			EXPECT_EQ(used->token, taken++);
			bool last = chain.id == chains.back().id;

			EXPECT_EQ(used->length, last ? 0 : chain.room());
		}
		EXPECT_FALSE(get());
	}
}

TEST_P(VirtqueueTest, DoesNotTrustTheDevice)
{
	make({.size = 4});
	add({text("x")}, {}, 1);
	kick();
	device_->push_nonsense(3, 0);
	EXPECT_NE(lie().find("not in flight"), std::string::npos);

	make({.size = 4});
	add({text("x")}, {}, 1);
	kick();
	device_->push_nonsense(4000, 0);
	EXPECT_NE(lie().find("not in flight"), std::string::npos);

	make({.size = 4});
	add({}, {room(10)}, 1);
	kick();
	auto chain = device_->pop();
	ASSERT_TRUE(chain);
	device_->push(*chain, 11);
	EXPECT_NE(lie().find("room for 10"), std::string::npos);
}

TEST_P(VirtqueueTest, KnowsWhereTheDeviceShouldBe)
{
	make({.size = 4});
	EXPECT_EQ(queue_->base(), GetParam() == Layout::split ? 0u : 0x80008000u);
	for (unsigned i = 0; i < 5; i++) {
		add({text("x")}, {}, 1);
		kick();
		device_->push(*device_->pop(), 0);
		EXPECT_TRUE(get());
	}
	EXPECT_EQ(queue_->base(), GetParam() == Layout::split ? 5u : 0x00010001u);
}

TEST_P(VirtqueueTest, RefusesRingsThatCannotBe)
{
	ASSERT_TRUE(memory_.add({MemoryKind::anon, 1 << 20}));
	for (unsigned size : {0u, 3u, 100u, 65536u}) {
		auto queue = Virtqueue::create(memory_, {.layout = GetParam(), .size = size});

		ASSERT_FALSE(queue) << size;
		EXPECT_EQ(queue.error().code, EINVAL);
	}
	auto queue = Virtqueue::create(memory_,
				       {.layout = GetParam(), .size = 32768, .indirect_max = 64});

	ASSERT_FALSE(queue);
	EXPECT_EQ(queue.error().code, ENOMEM);
}

INSTANTIATE_TEST_SUITE_P(Layouts, VirtqueueTest, testing::Values(Layout::split, Layout::packed),
			 [](auto &info) {
				 return info.param == Layout::split ? "split" : "packed";
			 });

// A used index that runs ahead is a split ring's lie alone.
TEST(SplitQueueTest, DoesNotTrustTheUsedIndex)
{
	GuestMemory memory;

	ASSERT_TRUE(memory.add({MemoryKind::anon, 1 << 20}));
	auto queue = SplitQueue::create(memory, {.size = 4});
	ASSERT_TRUE(queue);
	reinterpret_cast<vring_used *>(queue->address().device)->idx = 2;
	auto used = queue->get_buf();

	ASSERT_FALSE(used);
	EXPECT_EQ(used.error().code, EPROTO);
}

} // namespace

} // namespace ringtap::test
