// SPDX-License-Identifier: GPL-2.0-or-later
// The virtio-net guest: headers, merged buffers, devices that break the rules, and test frames.
#include "guest/net.h"

#include <cstring>

#include <gtest/gtest.h>

#include "device_side.h"
#include "guest/test_frame.h"

namespace ringtap::test {

namespace {

class NetGuestTest : public testing::TestWithParam<Layout> {
protected:
	void make(NetOptions options)
	{
		options.queue.layout = GetParam();
		NetGuest::Needs needs = NetGuest::memory_needed(options);
		ASSERT_TRUE(memory_.add({MemoryKind::anon, needs.rings}));
		ASSERT_TRUE(memory_.add({MemoryKind::anon, needs.buffers}));
		auto guest = NetGuest::create(memory_, options);
		ASSERT_TRUE(guest) << guest.error().message();
		guest_.emplace(std::move(*guest));
		rx_ = make_device(memory_, guest_->rx().address(), options.queue);
		tx_ = make_device(memory_, guest_->tx().address(), options.queue);
		ASSERT_TRUE(guest_->fill());
		ASSERT_TRUE(guest_->rx().kick());
	}

	// Deliver a frame as a device would, into as many buffers as it says.
	void deliver(const std::string &frame, unsigned num_buffers)
	{
		virtio_net_hdr_v1 header{};
		header.num_buffers = num_buffers;
		std::string bytes(reinterpret_cast<char *>(&header), guest_->header_size());

		for (bytes += frame; !bytes.empty();) {
			auto chain = rx_->pop();
			ASSERT_TRUE(chain);
			uint32_t length = rx_->write(*chain, bytes);
			bytes.erase(0, length);
			rx_->push(*chain, length);
		}
	}

	std::string receive()
	{
		auto frame = guest_->receive();
		EXPECT_TRUE(frame) << frame.error().message();
		if (!frame || !*frame)
			return "nothing";
		return {(*frame)->bytes.begin(), (*frame)->bytes.end()};
	}

	std::string lie()
	{
		auto frame = guest_->receive();
		EXPECT_FALSE(frame);
		return frame ? "" : frame.error().message();
	}

	static std::span<const uint8_t> bytes(const std::string &text)
	{
		return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
	}

	GuestMemory memory_;
	std::optional<NetGuest> guest_;
	std::unique_ptr<DeviceSide> rx_, tx_;
};

TEST_P(NetGuestTest, PutsTheHeaderInFront)
{
	make({.pieces = 3});
	Offload offload{VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, 54, 1448, 34, 16};
	virtio_net_hdr_v1 header;

	ASSERT_TRUE(guest_->send(offload, bytes("some frame")).value());
	ASSERT_TRUE(guest_->tx().kick());
	auto chain = tx_->pop();

	ASSERT_TRUE(chain);
	EXPECT_EQ(chain->descriptors, 3u);
	ASSERT_EQ(chain->readable.size(), sizeof(header) + 10);
	EXPECT_EQ(chain->readable.substr(sizeof(header)), "some frame");
	std::memcpy(&header, chain->readable.data(), sizeof(header));
	EXPECT_EQ(header.flags, offload.flags);
	EXPECT_EQ(header.gso_size, 1448);
	EXPECT_EQ(header.csum_offset, 16);
	EXPECT_EQ(header.num_buffers, 0) << "5.1.6.2.1";
	EXPECT_EQ(guest_->reap().value(), 0u);
	tx_->push(*chain, 0);
	EXPECT_EQ(guest_->reap().value(), 1u);
}

// What the module takes, and the header: longer than 16 bits can count.
TEST_P(NetGuestTest, SendsTheLongestFrame)
{
	constexpr unsigned longest = FrameStream::longest(FrameStream::Direction::to_tap);
	FrameStream stream({FrameStream::Direction::to_tap, longest, false});

	make({.queue = {.size = 4}, .frame_max = longest, .pieces = 2});
	ASSERT_EQ(longest, 65557u);
	ASSERT_TRUE(guest_->send({}, stream.make(7).bytes).value());
	ASSERT_TRUE(guest_->tx().kick());
	auto chain = tx_->pop();

	ASSERT_TRUE(chain);
	EXPECT_EQ(stream.check({}, bytes(chain->readable.substr(guest_->header_size()))).value(),
		  7u);
	EXPECT_EQ(guest_->send({}, std::vector<uint8_t>(longest + 1)).error().code, EMSGSIZE);
}

TEST_P(NetGuestTest, HasNoRoomUntilReaped)
{
	make({.queue = {.size = 4}, .pieces = 2});
	EXPECT_TRUE(guest_->send({}, bytes("1")).value());
	EXPECT_TRUE(guest_->send({}, bytes("2")).value());
	EXPECT_FALSE(guest_->send({}, bytes("3")).value());
	ASSERT_TRUE(guest_->tx().kick());
	tx_->push(*tx_->pop(), 0);
	EXPECT_EQ(guest_->reap().value(), 1u);
	EXPECT_TRUE(guest_->send({}, bytes("3")).value());
	EXPECT_EQ(guest_->send({}, std::vector<uint8_t>(1515)).error().code, EMSGSIZE);
}

TEST_P(NetGuestTest, ReceivesIntoOneBufferOrSeveral)
{
	make({.queue = {.size = 16}, .frame_max = 5000, .buffer_size = 1000});
	for (unsigned round = 0; round < 20; round++) {
		std::string frame(round * 200 + 14, char('a' + round));

		deliver(frame, (frame.size() + 12 + 999) / 1000);
		EXPECT_EQ(receive(), frame);
		EXPECT_EQ(receive(), "nothing");
		ASSERT_GT(guest_->fill().value(), 0u);
		ASSERT_TRUE(guest_->rx().kick());
	}
}

TEST_P(NetGuestTest, ReceivesWithoutMergeableBuffers)
{
	make({.mergeable = false, .pieces = 2});
	deliver("a frame", 1);
	EXPECT_EQ(receive(), "a frame");
}

TEST_P(NetGuestTest, SeesADeviceThatBreaksTheRules)
{
	make({.frame_max = 5000, .buffer_size = 1000});
	deliver("no buffers at all", 0);
	EXPECT_NE(lie().find("a frame of 0 buffers"), std::string::npos);

	make({.frame_max = 5000, .buffer_size = 1000});
	deliver(std::string(1500, 'x'), 3);
	EXPECT_NE(lie().find("the frame goes on in the next"), std::string::npos);

	make({.frame_max = 5000, .buffer_size = 1000});
	deliver(std::string(1988, 'x'), 3);
	EXPECT_NE(lie().find("2 of the 3 buffers"), std::string::npos);

	make({});
	auto chain = rx_->pop();
	rx_->push(*chain, 11);
	EXPECT_NE(lie().find("less than the header"), std::string::npos);
}

TEST_P(NetGuestTest, NegotiatesWhatItUses)
{
	NetOptions options{.queue = {.layout = GetParam(), .in_order = true, .indirect_max = 8}};
	FeatureSet set = NetGuest::features(options);

	EXPECT_EQ(set.has(VIRTIO_F_RING_PACKED), GetParam() == Layout::packed);
	for (unsigned bit : {VIRTIO_F_VERSION_1, VIRTIO_F_IN_ORDER, VIRTIO_RING_F_INDIRECT_DESC,
			     VIRTIO_RING_F_EVENT_IDX, VIRTIO_NET_F_MRG_RXBUF})
		EXPECT_TRUE(set.has(bit)) << bit;
	EXPECT_TRUE(NetGuest::features(
			    {.queue = {.event_idx = false}, .mergeable = false, .legacy = true})
			    .empty());
}

INSTANTIATE_TEST_SUITE_P(Layouts, NetGuestTest, testing::Values(Layout::split, Layout::packed),
			 [](auto &info) {
				 return info.param == Layout::split ? "split" : "packed";
			 });

TEST(NetGuestLegacyTest, HasAShortHeaderInADescriptorOfItsOwn)
{
	NetOptions options{.mergeable = false, .legacy = true, .pieces = 2};
	NetGuest::Needs needs = NetGuest::memory_needed(options);
	GuestMemory memory;

	ASSERT_TRUE(memory.add({MemoryKind::anon, needs.rings + needs.buffers}));
	auto guest = NetGuest::create(memory, options);
	ASSERT_TRUE(guest);
	EXPECT_EQ(guest->header_size(), 10u);
	ASSERT_TRUE(guest->send({}, std::vector<uint8_t>(60)).value());
	EXPECT_EQ(reinterpret_cast<vring_desc *>(guest->tx().address().desc)[0].len, 10u);
}

class FrameStreamTest : public testing::TestWithParam<bool> {
protected:
	FrameStream stream_{{FrameStream::Direction::to_tap, 100, GetParam()}};
};

TEST_P(FrameStreamTest, RecognizesItsFramesAndNoOthers)
{
	FrameStream other({FrameStream::Direction::to_guest, 100, GetParam()});

	for (uint64_t sequence : {0, 1, 15, 1000000}) {
		FrameStream::Frame frame = stream_.make(sequence);
		std::vector<uint8_t> copy(frame.bytes.begin(), frame.bytes.end());

		EXPECT_TRUE(stream_.ours(copy));
		EXPECT_FALSE(other.ours(copy));
		EXPECT_EQ(stream_.check(frame.offload, copy).value(), sequence);
		EXPECT_FALSE(other.check(frame.offload, copy));
	}
	EXPECT_FALSE(stream_.ours(std::vector<uint8_t>(13)));
}

TEST_P(FrameStreamTest, SeesEveryChangedByte)
{
	FrameStream::Frame frame = stream_.make(4);
	Offload offload = frame.offload;
	std::vector<uint8_t> copy(frame.bytes.begin(), frame.bytes.end());

	for (size_t i = 0; i < copy.size(); i++) {
		copy[i] ^= 0x10;
		EXPECT_FALSE(stream_.check(offload, copy)) << "byte " << i;
		copy[i] ^= 0x10;
	}
	copy.push_back(0);
	EXPECT_FALSE(stream_.check(offload, copy)) << "a byte too many";
	copy.pop_back();
	copy.pop_back();
	EXPECT_FALSE(stream_.check(offload, copy)) << "a byte too few";
}

TEST_P(FrameStreamTest, SeesChangedOffloads)
{
	FrameStream::Frame frame = stream_.make(1);
	Offload offload = frame.offload;
	std::vector<uint8_t> copy(frame.bytes.begin(), frame.bytes.end());

	EXPECT_EQ(offload.gso_type != 0, GetParam());
	EXPECT_TRUE(stream_.check(offload, copy));
	offload.gso_size++;
	EXPECT_FALSE(stream_.check(offload, copy));
	offload = frame.offload;
	offload.flags ^= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	EXPECT_FALSE(stream_.check(offload, copy));
}

INSTANTIATE_TEST_SUITE_P(Offloads, FrameStreamTest, testing::Bool(),
			 [](auto &info) { return info.param ? "tcp" : "plain"; });

} // namespace

} // namespace ringtap::test
