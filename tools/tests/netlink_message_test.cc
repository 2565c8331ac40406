// SPDX-License-Identifier: GPL-2.0-or-later
// Answers of generic netlink: complete ones, refusals, interrupted dumps, and what is no answer.
#include <gtest/gtest.h>
#include <linux/genetlink.h>

#include "lib/netlink.h"
#include "lib/netlink_socket.h"
#include "netlink_bytes.h"

namespace ringtap {
namespace {

using namespace testing_netlink;

constexpr uint16_t family = 30;
constexpr uint32_t sequence = 77;

class NetlinkReply : public testing::Test {
protected:
	std::vector<uint32_t> ids;
	Reply reply{family, RINGTAP_CMD_DEVICE_GET, sequence, [this](Bytes attributes) {
			    return parse_device(attributes).map([this](const NlDevice &device) {
				    ids.push_back(device.id);
				    return Done{};
			    });
		    }};

	static Buffer device(uint32_t id, uint16_t flags = NLM_F_MULTI)
	{
		return generic(family, RINGTAP_CMD_DEVICE_GET, sequence,
			       Writer().u32(RINGTAP_A_DEVICE_ID, id), flags);
	}
	static Buffer concat(std::initializer_list<Buffer> parts)
	{
		Buffer all;

		for (const Buffer &part : parts)
			all = all + part;
		return all;
	}
};

TEST_F(NetlinkReply, IsCompleteAtItsEnd)
{
	EXPECT_EQ(reply.take(concat({device(1), device(2)})), false);
	EXPECT_EQ(reply.take(device(3)), false);
	EXPECT_EQ(reply.take(done(sequence)), true);
	EXPECT_EQ(ids, (std::vector<uint32_t>{1, 2, 3}));
	EXPECT_FALSE(reply.interrupted());
}

TEST_F(NetlinkReply, IsCompleteWithAnAcknowledgement)
{
	EXPECT_EQ(reply.take(concat({device(1, 0), error(sequence, 0)})), true);
	EXPECT_EQ(ids, (std::vector<uint32_t>{1}));
}

TEST_F(NetlinkReply, NoticesAnInterruptedDump)
{
	EXPECT_EQ(reply.take(device(1)), false);
	EXPECT_EQ(reply.take(device(2, NLM_F_MULTI | NLM_F_DUMP_INTR)), false);
	EXPECT_TRUE(reply.interrupted());
	EXPECT_EQ(reply.take(done(sequence)), true);
	EXPECT_TRUE(reply.interrupted());
}

TEST_F(NetlinkReply, NoticesAnInterruptionThatItsEndTells)
{
	EXPECT_EQ(reply.take(message(NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, sequence, {})),
		  true);
	EXPECT_TRUE(reply.interrupted());
}

TEST_F(NetlinkReply, PassesOverWhatIsOfOthers)
{
	Buffer foreign_family = generic(family + 1, RINGTAP_CMD_DEVICE_GET, sequence,
					Writer().u32(RINGTAP_A_DEVICE_ID, 8));
	Buffer foreign_command = generic(family, RINGTAP_CMD_QUEUE_GET, sequence,
					 Writer().u32(RINGTAP_A_DEVICE_ID, 8));

	EXPECT_EQ(reply.take(concat({foreign_family, foreign_command,
				     message(NLMSG_NOOP, 0, sequence, {}), device(1)})),
		  false);
	// The end of an earlier dump that nobody read to its end.
	EXPECT_EQ(reply.take(concat({done(sequence - 1, -EINVAL), done(sequence)})), true);
	EXPECT_EQ(ids, (std::vector<uint32_t>{1}));
}

TEST_F(NetlinkReply, GivesTheKernelsWords)
{
	for (bool capped : {true, false}) {
		auto answer = reply.take(error(sequence, -ENODEV, "no such device", capped));

		ASSERT_FALSE(answer);
		EXPECT_EQ(answer.error().code, ENODEV);
		EXPECT_NE(answer.error().message().find("no such device"), std::string::npos);
	}

	auto end = reply.take(done(sequence, -EPERM, "not yours"));

	ASSERT_FALSE(end);
	EXPECT_EQ(end.error().code, EPERM);
	EXPECT_NE(end.error().message().find("not yours"), std::string::npos);
}

TEST_F(NetlinkReply, IsAnErrorWithoutWordsToo)
{
	auto answer = reply.take(error(sequence, -EOPNOTSUPP));

	ASSERT_FALSE(answer);
	EXPECT_EQ(answer.error().code, EOPNOTSUPP);
	EXPECT_EQ(answer.error().hint, "");
}

TEST_F(NetlinkReply, DoesNotBelieveAnErrorNumberThatIsNone)
{
	auto answer = reply.take(error(sequence, INT32_MIN));

	ASSERT_FALSE(answer);
	EXPECT_EQ(answer.error().code, EPROTO);
}

TEST_F(NetlinkReply, IsRefusedWhereTheKernelRanOutOfRoom)
{
	auto answer = reply.take(message(NLMSG_OVERRUN, 0, sequence, {}));

	ASSERT_FALSE(answer);
	EXPECT_EQ(answer.error().code, ENOBUFS);
}

TEST_F(NetlinkReply, IsRefusedWhenItIsCutShort)
{
	for (const Buffer &whole : {device(1), error(sequence, -ENODEV, "no such device", false),
				    error(sequence, -ENODEV, "no such device")})
		for (size_t length = 1; length < whole.size(); length++) {
			Buffer cut(whole.begin(), whole.begin() + length);
			auto answer = reply.take(cut);

			ASSERT_FALSE(answer) << length;
			EXPECT_EQ(answer.error().code, EBADMSG);
		}
}

// The message is whole, what is in it is not.
TEST_F(NetlinkReply, TakesPayloadsOfAnyLength)
{
	Buffer payload = error(sequence, -ENODEV, "no such device", false);

	payload.erase(payload.begin(), payload.begin() + sizeof(nlmsghdr));
	for (uint16_t type : {uint16_t{NLMSG_ERROR}, uint16_t{NLMSG_DONE}})
		for (uint16_t flags : {0, NLM_F_ACK_TLVS, NLM_F_ACK_TLVS | NLM_F_CAPPED})
			for (size_t length = 0; length <= payload.size(); length++) {
				Buffer cut(payload.begin(), payload.begin() + length);
				auto answer = reply.take(message(type, flags, sequence, cut));

				if (length < sizeof(int)) {
					EXPECT_EQ(answer.has_value(),
						  type == NLMSG_DONE && length == 0);
				} else {
					EXPECT_EQ(answer.error().code, ENODEV);
				}
			}
	for (size_t length = 0; length < GENL_HDRLEN; length++)
		EXPECT_FALSE(reply.take(message(family, 0, sequence, Buffer(length))));
}

TEST_F(NetlinkReply, DoesNotBelieveLengthsThatEndNowhere)
{
	for (uint32_t length : {0u, 1u, 15u, 1000u, 0xfffffffdu, 0xffffffffu}) {
		Buffer bytes = device(1);

		std::memcpy(bytes.data(), &length, sizeof(length));
		EXPECT_FALSE(reply.take(bytes)) << length;
	}
	// The quoted request of an error too is of any length it likes.
	for (uint32_t length : {0u, 1u, 1000u, 0xfffffffdu, 0xffffffffu}) {
		Buffer bytes = error(sequence, -ENODEV, "no such device", false);

		std::memcpy(bytes.data() + sizeof(nlmsghdr) + sizeof(int), &length, sizeof(length));
		auto answer = reply.take(bytes);

		ASSERT_FALSE(answer);
		EXPECT_EQ(answer.error().code, ENODEV);
	}
}

Buffer event(uint8_t command, const Writer &attributes)
{
	return generic(family, command, 0, attributes, 0);
}

TEST(NetlinkNews, AreEventsInTheirOrder)
{
	auto all = parse_news(event(RINGTAP_CMD_DEVICE_OPEN, full_event()) +
				      event(RINGTAP_CMD_TAP_GONE, full_event()),
			      family);

	ASSERT_EQ(all.size(), 2u);
	EXPECT_EQ(all[0]->event->command, RINGTAP_CMD_DEVICE_OPEN);
	EXPECT_EQ(all[1]->event->command, RINGTAP_CMD_TAP_GONE);
	EXPECT_EQ(all[1]->what, NlNews::What::event);
}

TEST(NetlinkNews, TellWhatANewerModuleSends)
{
	auto all = parse_news(event(99, full_event()), family);

	ASSERT_EQ(all.size(), 1u);
	EXPECT_EQ(all[0]->what, NlNews::What::unknown);
	EXPECT_EQ(all[0]->command, 99);
	EXPECT_FALSE(all[0]->event);
}

// One that makes no sense does not take the others with it.
TEST(NetlinkNews, GoOnAfterOneThatMakesNoSense)
{
	auto all = parse_news(event(RINGTAP_CMD_ATTACH, Writer().u32(RINGTAP_A_EVENT_QUEUE, 1)) +
				      event(RINGTAP_CMD_DETACH, full_event()),
			      family);

	ASSERT_EQ(all.size(), 2u);
	EXPECT_FALSE(all[0]);
	EXPECT_TRUE(all[1]);
}

TEST(NetlinkNews, TellThatTheModuleIsUnloaded)
{
	auto control = [](uint8_t command, uint16_t id) {
		return generic(GENL_ID_CTRL, command, 0,
			       Writer().string(CTRL_ATTR_FAMILY_NAME, "ringtap")
				       .put<uint16_t>(CTRL_ATTR_FAMILY_ID, id),
			       0);
	};
	auto all = parse_news(control(CTRL_CMD_DELFAMILY, family + 1) +
				      control(CTRL_CMD_NEWFAMILY, family) +
				      control(CTRL_CMD_DELFAMILY, family),
			      family);

	ASSERT_EQ(all.size(), 1u);
	EXPECT_EQ(all[0]->what, NlNews::What::unloaded);
}

TEST(NetlinkNews, TellWhatTheKernelLeftOut)
{
	auto all = parse_news(message(NLMSG_OVERRUN, 0, 0, {}), family);

	ASSERT_EQ(all.size(), 1u);
	EXPECT_EQ(all[0]->what, NlNews::What::lost);
	EXPECT_TRUE(parse_news(message(family + 1, 0, 0, Buffer(3)), family).empty());
}

TEST(NetlinkNews, AreRefusedWhenCutShort)
{
	Buffer whole = event(RINGTAP_CMD_RING_ERROR, full_event());

	for (size_t length = 1; length < whole.size(); length++) {
		auto all = parse_news(Buffer(whole.begin(), whole.begin() + length), family);

		ASSERT_EQ(all.size(), 1u);
		EXPECT_FALSE(all[0]) << length;
	}
}

TEST(NetlinkFamily, SaysWhatToDoWhereItIsNotThere)
{
	EXPECT_NE(family_hint(std::nullopt).find("insmod ringtap.ko"), std::string::npos);
	EXPECT_NE(family_hint("0.0.1").find("ringtap 0.0.1 is loaded, and too old"),
		  std::string::npos);
}

} // namespace
} // namespace ringtap
