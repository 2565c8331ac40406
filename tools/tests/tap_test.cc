// SPDX-License-Identifier: GPL-2.0-or-later
// TAPs and links, on real ones in a network namespace of the test's own; MAC addresses and names without.
#include "lib/tap.h"

#include <climits>
#include <cstring>

#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "own_netns.h"

namespace ringtap {
namespace {

TEST(MacAddress, ReadsAndWritesTheUsualForm)
{
	auto mac = MacAddress::parse("52:54:00:AB:cd:0f");

	ASSERT_TRUE(mac);
	EXPECT_EQ(mac->text(), "52:54:00:ab:cd:0f");
	EXPECT_TRUE(mac->is_unicast());
}

TEST(MacAddress, RefusesAnythingElse)
{
	for (const char *text : {"", "52:54:00:12:34", "52:54:00:12:34:56:78", "52-54-00-12-34-56",
				 "52:54:00:12:34:5g", "5254.0012.3456xxxxx", "52:54:00:12:34:-1",
				 "52:54:00:12:34:5 ", ":52:54:00:12:34:5"})
		EXPECT_FALSE(MacAddress::parse(text)) << text;
}

TEST(MacAddress, KnowsGroupAddresses)
{
	EXPECT_FALSE(MacAddress::parse("01:00:5e:00:00:01")->is_unicast());
	EXPECT_FALSE(MacAddress{}.is_unicast());
}

TEST(MacAddress, DerivesTheSameForTheSameName)
{
	EXPECT_EQ(MacAddress::derive("host", "tap0"), MacAddress::derive("host", "tap0"));
	EXPECT_NE(MacAddress::derive("host", "tap0"), MacAddress::derive("host", "tap1"));
	EXPECT_NE(MacAddress::derive("ab", "c"), MacAddress::derive("a", "bc"));
	EXPECT_EQ(MacAddress::derive("host", "tap0").text().substr(0, 9), "52:54:00:");
	EXPECT_TRUE(MacAddress::derive("host", "tap0").is_unicast());
}

TEST(TapName, AcceptsInterfaceNamesAndOnePattern)
{
	for (const char *name : {"tap0", "vm%d", "a", "fifteen-letters"})
		EXPECT_TRUE(Tap::check_name(name)) << name;
	for (const char *name :
	     {"", ".", "..", "a/b", "a b", "a:b", "sixteen-letters-", "%d%d", "tap%", "tap%s"})
		EXPECT_FALSE(Tap::check_name(name)) << name;
}

Link tap_link(bool vnet_hdr, bool multi_queue)
{
	Link link;

	link.name = "tap0";
	link.kind = "tun";
	link.tun = TunInfo{.tap = true, .vnet_hdr = vnet_hdr, .multi_queue = multi_queue};
	return link;
}

TEST(TapLink, LackingAVnetHeaderIsRefusedWithTheWayOut)
{
	auto refused = Tap::check_link(tap_link(false, true), {.queues = 2});

	ASSERT_FALSE(refused);
	EXPECT_NE(refused.error().message().find("without vnet_hdr"), std::string::npos);
	EXPECT_NE(refused.error().hint.find("ip tuntap add dev tap0 mode tap vnet_hdr multi_queue"),
		  std::string::npos);
}

TEST(TapLink, OneQueueOnlyIsRefusedForSeveral)
{
	EXPECT_TRUE(Tap::check_link(tap_link(true, false), {.queues = 1}));
	EXPECT_TRUE(Tap::check_link(tap_link(true, true), {.queues = 1}));
	EXPECT_TRUE(Tap::check_link(tap_link(true, true), {.queues = 4}));
	EXPECT_FALSE(Tap::check_link(tap_link(true, false), {.queues = 2}));
}

TEST(TapLink, OtherInterfacesAreRefusedByWhatTheyAre)
{
	Link bridge, card, tun = tap_link(true, false);

	bridge.kind = "bridge";
	tun.tun->tap = false;
	EXPECT_NE(Tap::check_link(bridge, {}).error().hint.find("it is a bridge, not a TAP"),
		  std::string::npos);
	EXPECT_NE(Tap::check_link(card, {}).error().hint.find("it is not a TAP"),
		  std::string::npos);
	EXPECT_FALSE(Tap::check_link(tun, {}));
}

// Real interfaces, where the machine lets us have them.
class RealTap : public OwnNetns {
protected:
	static unsigned flags_of(const Tap &tap)
	{
		ifreq request{};

		EXPECT_EQ(::ioctl(tap.queue().get(), TUNGETIFF, &request), 0);
		return static_cast<unsigned short>(request.ifr_flags);
	}

	static int get_int(const Tap &tap, unsigned long request)
	{
		int value = -1;

		EXPECT_EQ(::ioctl(tap.queue().get(), request, &value), 0);
		return value;
	}
};

TEST_F(RealTap, IsMadeWithAVnetHeaderAndGoesWithItsDescriptor)
{
	{
		auto tap = Tap::create("tap%d", {});

		ASSERT_TRUE(tap) << tap.error().message();
		EXPECT_EQ(tap->name(), "tap0");
		EXPECT_NE(tap->ifindex(), 0);
		EXPECT_TRUE(flags_of(*tap) & IFF_VNET_HDR);
		EXPECT_FALSE(flags_of(*tap) & IFF_MULTI_QUEUE);
		EXPECT_EQ(::fcntl(tap->queue().get(), F_GETFD), FD_CLOEXEC);
	}
	EXPECT_EQ(Rtnl::open()->find("tap0").error().code, ENODEV);
}

TEST_F(RealTap, HasOneDescriptorPerQueue)
{
	auto tap = Tap::create("mq0", {.queues = 4});

	ASSERT_TRUE(tap) << tap.error().message();
	EXPECT_EQ(tap->queues(), 4u);
	auto link = tap->link();
	ASSERT_TRUE(link && link->tun);
	EXPECT_TRUE(link->tun->tap && link->tun->vnet_hdr && link->tun->multi_queue);
	EXPECT_EQ(link->tun->queues, 4u);
	EXPECT_TRUE(tap->attach_queue(3, false));
	EXPECT_TRUE(tap->attach_queue(3, true));
	EXPECT_FALSE(tap->attach_queue(3, true)) << "attached twice";
}

TEST_F(RealTap, TakesTheSettingsItIsGiven)
{
	auto tap = Tap::create(
		"set0",
		{.vnet_hdr_size = 12, .sndbuf = 100000, .offloads = TUN_F_CSUM | TUN_F_TSO4});

	ASSERT_TRUE(tap) << tap.error().message();
	EXPECT_EQ(get_int(*tap, TUNGETVNETHDRSZ), 12);
	EXPECT_EQ(get_int(*tap, TUNGETSNDBUF), 100000);
	EXPECT_FALSE(tap->set_vnet_hdr_size(3)) << "shorter than a header";
	EXPECT_FALSE(tap->set_offloads(TUN_F_TSO4)) << "segmentation needs checksums";

	auto plain = Tap::create("set1", {});
	ASSERT_TRUE(plain);
	EXPECT_EQ(get_int(*plain, TUNGETSNDBUF), INT_MAX);
}

TEST_F(RealTap, ThatExistsIsNotMadeAgain)
{
	auto first = Tap::create("twice0", {});
	auto second = Tap::create("twice0", {});

	ASSERT_TRUE(first);
	ASSERT_FALSE(second);
	EXPECT_EQ(second.error().code, EBUSY);
	EXPECT_NE(second.error().message().find("twice0"), std::string::npos);
	EXPECT_EQ(Tap::open("twice0", {}).error().code, EBUSY) << "its one queue is taken";
}

TEST_F(RealTap, ThatPersistsIsOpenedAgain)
{
	ASSERT_TRUE(Tap::create("keep0", {.queues = 2, .persist = true}));
	for (unsigned queues : {1u, 2u}) {
		auto tap = Tap::open("keep0", {.queues = queues});

		ASSERT_TRUE(tap) << tap.error().message();
		EXPECT_EQ(tap->queues(), queues);
		EXPECT_TRUE(flags_of(*tap) & IFF_MULTI_QUEUE);
		EXPECT_TRUE(flags_of(*tap) & IFF_PERSIST);
	}
	ASSERT_TRUE(Tap::open("keep0", {})->set_persist(false));
	EXPECT_EQ(Tap::open("keep0", {}).error().code, ENODEV);
}

TEST_F(RealTap, WithoutAVnetHeaderKeepsItsSettingWhenRefused)
{
	ASSERT_TRUE(Tap::create("bare0", {.vnet_hdr = false, .persist = true}));
	EXPECT_FALSE(Tap::open("bare0", {}));
	auto link = Rtnl::open()->find("bare0");
	ASSERT_TRUE(link && link->tun);
	EXPECT_FALSE(link->tun->vnet_hdr);
}

TEST_F(RealTap, LinkIsBroughtUpAndSized)
{
	auto tap = Tap::create("link0", {});
	auto mac = *MacAddress::parse("52:54:00:00:00:01");

	ASSERT_TRUE(tap);
	EXPECT_FALSE(tap->link()->up);
	ASSERT_TRUE(tap->set_mac(mac));
	ASSERT_TRUE(tap->set_mtu(9000));
	ASSERT_TRUE(tap->set_up());
	ASSERT_TRUE(tap->set_up()) << "a second time";
	EXPECT_TRUE(tap->link()->up);
	EXPECT_EQ(tap->link()->mtu, 9000u);
	EXPECT_EQ(tap->link()->mac, mac);
	EXPECT_EQ(tap->set_mtu(70000).error().code, EINVAL);
}

TEST_F(RealTap, JoinsABridgeButOnlyOne)
{
	auto rtnl = Rtnl::open();
	auto tap = Tap::create("port0", {});

	ASSERT_TRUE(rtnl && tap);
	if (auto made = rtnl->add_bridge("br0"); !made)
		GTEST_SKIP() << made.error().message();
	ASSERT_TRUE(rtnl->add_bridge("br1"));
	ASSERT_TRUE(tap->add_to_bridge("br0"));
	ASSERT_TRUE(tap->add_to_bridge("br0")) << "a second time";
	EXPECT_EQ(tap->link()->master, rtnl->find("br0")->index);
	EXPECT_EQ(tap->add_to_bridge("br1").error().code, EBUSY);
	EXPECT_FALSE(tap->add_to_bridge("lo"));
	EXPECT_NE(tap->add_to_bridge("br9").error().hint.find("ip link add br9 type bridge"),
		  std::string::npos);
}

} // namespace
} // namespace ringtap
