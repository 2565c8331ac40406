// SPDX-License-Identifier: GPL-2.0-or-later
// Feature names, ioctls in words, and errors that say what failed, on what and what to do.
#include "lib/vhost.h"

#include <gtest/gtest.h>

#include "lib/eventfd.h"

namespace ringtap::test {

namespace {

TEST(FeatureSetTest, HoldsBitsOfBothWords)
{
	FeatureSet set{VIRTIO_F_VERSION_1, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO};

	EXPECT_EQ(set.low(), 1ull << 32);
	EXPECT_EQ(set.high(), 1ull << 3);
	EXPECT_EQ(set.list(), (std::vector<unsigned>{32, 67}));
	EXPECT_EQ(set.text(), "F_VERSION_1 NET_F_HOST_UDP_TUNNEL_GSO");
	EXPECT_EQ(set.without(FeatureSet{67}).list(), std::vector<unsigned>{32});
	EXPECT_FALSE(set.has(128));
	EXPECT_EQ(FeatureSet().text(), "none");
	EXPECT_EQ(FeatureSet{127}.text(), "bit127");
}

TEST(FeatureSetTest, FindsABitByAnyOfItsNames)
{
	for (const char *name :
	     {"RING_PACKED", "ring_packed", "VIRTIO_F_RING_PACKED", "34", "bit34"})
		EXPECT_EQ(feature_by_name(name), 34u) << name;
	EXPECT_EQ(feature_by_name("MRG_RXBUF"), unsigned(VIRTIO_NET_F_MRG_RXBUF));
	EXPECT_EQ(feature_by_name("log_all"), unsigned(VHOST_F_LOG_ALL));
	for (const char *name : {"", "PACKED_RING", "128", "-1", "34x"})
		EXPECT_EQ(feature_by_name(name), std::nullopt) << name;
}

TEST(FeatureSetTest, KnowsEveryBitOnce)
{
	for (auto table : {known_features(), known_backend_features()})
		for (size_t i = 1; i < table.size(); i++)
			EXPECT_LT(table[i - 1].bit, table[i].bit) << table[i].name;
	EXPECT_EQ(backend_features_text(1 << 1 | 1ull << 40), "IOTLB_MSG_V2 bit40");
}

TEST(WordsTest, SayWhatAnIoctlIsAbout)
{
	EXPECT_EQ(words_of_features(1ull << 34), "0x400000000 = F_RING_PACKED");
	EXPECT_EQ(words_of_vring_fd({1, -1}), "queue 1, unbind");
	EXPECT_EQ(words_of_vring_fd({0, 9}), "queue 0, fd 9");
	EXPECT_EQ(words_of_vring_num({1, 256}), "queue 1, 256 descriptors");
	EXPECT_EQ(words_of_vring_addr({.index = 1,
				       .flags = 1,
				       .desc_user_addr = 0x1000,
				       .used_user_addr = 0x3000,
				       .avail_user_addr = 0x2000,
				       .log_guest_addr = 0x4000}),
		  "queue 1, descriptors 0x1000, driver area 0x2000, device area 0x3000, "
		  "log at guest 0x4000");
}

TEST(ErrorTest, ReadsAsASentence)
{
	EXPECT_EQ((Error{ENOENT, "open", "/dev/x", "load it"}.message()),
		  "cannot open /dev/x: No such file or directory (ENOENT); load it");
	EXPECT_EQ((Error{0, "verify", "frame 3", ""}.message()), "cannot verify frame 3");
	EXPECT_NE((Error{99999, "do", "this", ""}.message()).find("99999"), std::string::npos);
}

TEST(VhostDeviceTest, SaysWhichNodeIsMissing)
{
	auto device = VhostDevice::open("/nonexistent/vhost-net");

	ASSERT_FALSE(device);
	EXPECT_EQ(device.error().message(),
		  "cannot open /nonexistent/vhost-net: No such file or directory (ENOENT); load "
		  "the module: modprobe vhost_net");
}

// /dev/null opens, and knows none of the ioctls.
TEST(VhostDeviceTest, TellsTheTraceAndTheCallerAboutErrors)
{
	std::vector<std::string> traced;
	auto device = VhostDevice::open("/dev/null", [&](const char *name, const std::string &words,
							 int error) {
		traced.push_back(std::string(name) + "|" + words + "|" + std::to_string(error));
	});

	ASSERT_TRUE(device);
	auto num = device->set_vring_num(1, 128);

	ASSERT_FALSE(num);
	EXPECT_EQ(num.error().code, ENOTTY);
	EXPECT_EQ(num.error().what, "VHOST_SET_VRING_NUM (queue 1, 128 descriptors)");
	EXPECT_EQ(num.error().on, "on /dev/null");
	EXPECT_FALSE(device->set_owner());
	EXPECT_FALSE(device->features());
	EXPECT_EQ(traced, (std::vector<std::string>{
				  "VHOST_SET_VRING_NUM|queue 1, 128 descriptors|25",
				  "VHOST_SET_OWNER||25",
				  "VHOST_GET_FEATURES_ARRAY||25",
				  "VHOST_GET_FEATURES||25",
			  }));
}

TEST(VhostDeviceTest, KnowsWhatToDoAboutCommonErrors)
{
	EXPECT_NE(vhost_hint(VHOST_SET_OWNER, EBUSY), vhost_hint(VHOST_SET_VRING_NUM, EBUSY));
	EXPECT_NE(vhost_hint(VHOST_SET_FEATURES, EOPNOTSUPP), "");
	EXPECT_EQ(vhost_hint(VHOST_SET_VRING_NUM, EXFULL), "");
}

TEST(EventFdTest, CountsSignalsUntilTheyAreTaken)
{
	auto event = EventFd::create();

	ASSERT_TRUE(event);
	EXPECT_FALSE(event->wait(0).value());
	EXPECT_EQ(event->drain().value(), 0u);
	ASSERT_TRUE(event->signal());
	ASSERT_TRUE(event->signal());
	EXPECT_TRUE(event->wait(0).value());
	EXPECT_EQ(event->drain().value(), 2u);
	EXPECT_FALSE(event->wait(0).value());
}

TEST(FdTest, HasOneOwner)
{
	Fd first = Fd::open("/dev/null", O_RDONLY).value();
	int number = first.get();
	Fd second = std::move(first);

	EXPECT_EQ(first.get(), -1);
	EXPECT_EQ(second.get(), number);
	second.reset();
	EXPECT_EQ(::fcntl(number, F_GETFD), -1);
	EXPECT_EQ(Fd::open("/nonexistent", O_RDONLY, "make it").error().hint, "make it");
}

} // namespace

} // namespace ringtap::test
