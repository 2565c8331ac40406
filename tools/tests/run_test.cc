// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap run: the QEMU command line it makes, what it refuses, and the plan behind --dry-run.
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lib/nic.h"
#include "lib/qemu.h"
#include "lib/shell.h"
#include "own_netns.h"

namespace ringtap {
namespace {

using Words = std::vector<std::string>;

struct Output {
	int status;
	std::string text;
};

// Standard output and error of a shell command.
Output shell(const std::string &command)
{
	Output out{-1, {}};
	std::array<char, 4096> buffer;
	// what the caller of the test left open must not shift the numbers that are expected
	const std::string closed = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ";
	FILE *pipe = ::popen((closed + command + " 2>&1").c_str(), "r");

	if (!pipe)
		return out;
	while (size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
		out.text.append(buffer.data(), n);
	int status = ::pclose(pipe);
	out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return out;
}

TEST(ShellQuote, ComesBackFromAShellUnchanged)
{
	for (const std::string &word :
	     {std::string(""), std::string("plain"), std::string("two words"),
	      std::string("it's 'quoted'"), std::string("$HOME `id` \"x\" \\ ! * ? ~"),
	      std::string("a\nb\t;&|<>(){}#"), std::string("-netdev=tap,fds=3:4"),
	      std::string("gr\xc3\xbc\xc3\x9f")})
		EXPECT_EQ(shell("printf %s " + shell_quote(word)).text, word);
}

TEST(ShellQuote, LeavesPlainWordsBare)
{
	EXPECT_EQ(shell_join({"qemu", "-m", "1G", "-append", "a b", "tap,fds=3:4,x=ringtap%d"}),
		  "qemu -m 1G -append 'a b' tap,fds=3:4,x=ringtap%d");
	EXPECT_EQ(shell_quote(""), "''");
}

TEST(FindProgram, LooksAlongThePathAsExecvpDoes)
{
	EXPECT_EQ(*find_program("sh", "/nonexistent:/bin"), "/bin/sh");
	EXPECT_EQ(*find_program("/bin/sh", ""), "/bin/sh");
	EXPECT_FALSE(find_program("sh", "/nonexistent"));
	EXPECT_FALSE(find_program("", "/bin"));
	EXPECT_FALSE(find_program("/etc/passwd", "")) << "not executable";
	EXPECT_FALSE(find_program("/bin", "")) << "a directory";
}

QemuNic nic_of(size_t pairs)
{
	QemuNic nic;

	nic.mac = *MacAddress::parse("52:54:00:12:34:56");
	for (int i = 0; i < static_cast<int>(pairs); i++) {
		nic.vhost_fds.push_back(3 + i);
		nic.tap_fds.push_back(3 + static_cast<int>(pairs) + i);
	}
	return nic;
}

TEST(QemuCommand, GetsTheCardAtItsEnd)
{
	EXPECT_EQ(*qemu_command({"qemu", "-m", "1G"}, nic_of(1)),
		  (Words{"qemu", "-m", "1G", "-netdev",
			 "tap,id=ringtap0,fds=4,vhost=on,vhostforce=on,vhostfds=3", "-device",
			 "virtio-net-pci,netdev=ringtap0,id=ringtap0-nic,mac=52:54:00:12:34:56"}));
}

TEST(QemuCommand, HasOneDescriptorAndTwoVectorsPerPair)
{
	auto words = *qemu_command({"qemu"}, nic_of(3));

	EXPECT_EQ(words[2], "tap,id=ringtap0,fds=6:7:8,vhost=on,vhostforce=on,vhostfds=3:4:5");
	EXPECT_EQ(words[4], "virtio-net-pci,netdev=ringtap0,id=ringtap0-nic,"
			    "mac=52:54:00:12:34:56,mq=on,vectors=8");
}

// Every combination of pairs, device, mtu and options has the parts that belong to it, and no others.
class QemuCommandParts : public testing::TestWithParam<std::tuple<size_t, bool, bool, bool, bool>> {
};

TEST_P(QemuCommandParts, AreThereWhenAskedForAndOnlyThen)
{
	auto [pairs, device, mtu, device_opts, netdev_opts] = GetParam();
	QemuNic nic = nic_of(pairs);

	nic.device = device;
	if (mtu)
		nic.mtu = 9000;
	if (device_opts)
		nic.device_opts = "packed=on,rx_queue_size=1024";
	if (netdev_opts)
		nic.netdev_opts = "poll-us=50";
	auto words = qemu_command({"qemu", "-S"}, nic);
	ASSERT_TRUE(words) << words.error().message();
	ASSERT_EQ(words->size(), device ? 6u : 4u);
	EXPECT_EQ(words->at(2), "-netdev");
	EXPECT_EQ(words->at(3).ends_with(",poll-us=50"), netdev_opts);
	if (!device)
		return;
	const std::string &value = words->at(5);
	auto has = [&](const char *part) { return value.find(part) != std::string::npos; };

	EXPECT_EQ(words->at(4), "-device");
	EXPECT_EQ(has(",mq=on,vectors="), pairs > 1);
	EXPECT_EQ(has(",host_mtu=9000"), mtu);
	EXPECT_EQ(value.ends_with(",packed=on,rx_queue_size=1024"), device_opts);
}

INSTANTIATE_TEST_SUITE_P(All, QemuCommandParts,
			 testing::Combine(testing::Values(1, 2, 8), testing::Bool(),
					  testing::Bool(), testing::Bool(), testing::Bool()));

TEST(QemuCommand, LeavesPropertiesToTheUserWhoGivesThem)
{
	QemuNic nic = nic_of(2);

	nic.mtu = 1400;
	nic.device_opts = "id=eth0,vectors=0,host_mtu=1500";
	EXPECT_EQ(qemu_command({"qemu"}, nic)->back(),
		  "virtio-net-pci,netdev=ringtap0,mac=52:54:00:12:34:56,mq=on,"
		  "id=eth0,vectors=0,host_mtu=1500");
}

TEST(QemuCommand, RefusesOptionsThatContradictTheCard)
{
	for (const char *opts : {"vhost=off", "fds=9", "poll-us=5,vhostforce=off", "script=no",
				 "queues=2", "id=x", "ifname=tap0", "vhostfd=3"}) {
		QemuNic nic = nic_of(1);

		nic.netdev_opts = opts;
		EXPECT_FALSE(qemu_command({"qemu"}, nic)) << opts;
	}
	for (const char *opts : {"netdev=x", "mac=52:54:00:00:00:01", "packed=on,mac=0"}) {
		QemuNic nic = nic_of(1);

		nic.device_opts = opts;
		EXPECT_FALSE(qemu_command({"qemu"}, nic)) << opts;
	}
}

TEST(QemuCommand, RefusesAnIdThatIsTaken)
{
	QemuNic nic = nic_of(1);

	for (const Words &command :
	     {Words{"qemu", "-netdev", "user,id=ringtap0"},
	      Words{"qemu", "--netdev", "id=ringtap0,type=user"},
	      Words{"qemu", "-netdev", R"({"type":"user", "id": "ringtap0"})"}})
		EXPECT_NE(qemu_command(command, nic).error().hint.find("--id"), std::string::npos);
	EXPECT_TRUE(qemu_command({"qemu", "-netdev", "user,id=ringtap01"}, nic));
	EXPECT_TRUE(qemu_command({"qemu", "-drive", "id=ringtap0"}, nic));
	EXPECT_TRUE(qemu_command({"qemu", "-netdev"}, nic)) << "QEMU's to complain about";
}

TEST(QemuCommand, RefusesASecondDeviceOnTheNetdev)
{
	QemuNic nic = nic_of(1);
	Words command{"qemu", "-device", "virtio-net-pci,netdev=ringtap0"};
	auto refused = qemu_command(command, nic);

	ASSERT_FALSE(refused);
	EXPECT_NE(refused.error().hint.find("--no-device"), std::string::npos);
	nic.device = false;
	EXPECT_TRUE(qemu_command(command, nic));
}

TEST(QemuCommand, RefusesWhatQemuWouldMisread)
{
	QemuNic bad_id = nic_of(1), group_mac = nic_of(1), uneven = nic_of(2);

	EXPECT_FALSE(qemu_command({}, nic_of(1)));
	for (const char *id : {"", "0x", "a,b", "a b", "_a"}) {
		bad_id.id = id;
		EXPECT_FALSE(qemu_command({"qemu"}, bad_id)) << id;
	}
	group_mac.mac = *MacAddress::parse("53:54:00:12:34:56");
	EXPECT_FALSE(qemu_command({"qemu"}, group_mac));
	uneven.vhost_fds.pop_back();
	EXPECT_FALSE(qemu_command({"qemu"}, uneven));
}

TEST(Node, ThatIsMissingIsNamedWithTheWayToIt)
{
	std::string message = open_node("/dev/vhost-nowhere").error().message();

	EXPECT_NE(message.find("/dev/vhost-nowhere"), std::string::npos);
	EXPECT_NE(message.find("ENOENT"), std::string::npos);
	EXPECT_NE(message.find("modprobe ringtap"), std::string::npos);
	EXPECT_NE(node_hint("/dev/vhost-net", ENOENT).find("modprobe vhost_net"),
		  std::string::npos);
}

TEST(Node, ThatIsNotVhostIsRefused)
{
	auto fd = open_node("/dev/null");

	ASSERT_FALSE(fd);
	EXPECT_EQ(fd.error().code, ENOTTY);
}

// Looking for the hint must not lose the error that it is about.
TEST(Node, ThatIsClosedToUsSaysSo)
{
	auto path = std::filesystem::temp_directory_path() / "ringtap-run-test-closed";
	int status = -1;

	if (::geteuid() != 0)
		GTEST_SKIP() << "becoming somebody else needs root";
	std::ofstream(path).close();
	std::filesystem::permissions(path, std::filesystem::perms{0600});
	pid_t child = ::fork();
	if (child == 0)
		::_exit(::setuid(65534) == 0 ? open_node(path).error().code : 255);
	EXPECT_EQ(::waitpid(child, &status, 0), child);
	std::filesystem::remove(path);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), EACCES);
}

TEST(Node, ThatIsClosedToUsNamesTheGroup)
{
	auto path = std::filesystem::temp_directory_path() / "ringtap-run-test-node";

	std::ofstream(path).close();
	std::filesystem::permissions(path, std::filesystem::perms{0600});
	EXPECT_NE(node_hint(path, EACCES).find("udev rule"), std::string::npos);
	std::filesystem::remove(path);
}

class Plan : public OwnNetns {};

TEST_F(Plan, TellsTheNameThatTheKernelWouldChoose)
{
	auto first = NicPlan::make({.tap = "vm%d"});

	ASSERT_TRUE(first) << first.error().message();
	EXPECT_EQ(first->tap, "vm0");
	EXPECT_TRUE(first->create);
	auto taken = Tap::create("vm%d", {});
	EXPECT_EQ(taken->name(), "vm0");
	EXPECT_EQ(NicPlan::make({.tap = "vm%d"})->tap, "vm1");
}

TEST_F(Plan, TellsTheDescriptorsThatWouldBeOpened)
{
	auto plan = NicPlan::make({.queues = 3});
	std::vector<Fd> opened;

	ASSERT_TRUE(plan);
	for (const auto &list : {plan->vhost_fds, plan->tap_fds})
		for (int fd : list) {
			opened.emplace_back(::open("/dev/null", O_RDONLY));
			EXPECT_EQ(opened.back().get(), fd);
		}
	EXPECT_EQ(opened.size(), 6u);
}

TEST_F(Plan, ChangesNothing)
{
	ASSERT_TRUE(NicPlan::make({.tap = "none0", .bridge = "br0", .mtu = 9000}));
	EXPECT_EQ(Rtnl::open()->find("none0").error().code, ENODEV);
}

TEST_F(Plan, RefusesATapThatDoesNotDo)
{
	ASSERT_TRUE(Tap::create("bare0", {.vnet_hdr = false, .persist = true}));
	ASSERT_TRUE(Tap::create("good0", {.persist = true}));
	EXPECT_FALSE(NicPlan::make({.tap = "bare0"}));
	EXPECT_FALSE(NicPlan::make({.tap = "good0", .queues = 2}));
	EXPECT_FALSE(NicPlan::make({.tap = "lo"}));
	auto good = NicPlan::make({.tap = "good0"});
	ASSERT_TRUE(good);
	EXPECT_FALSE(good->create);
}

TEST_F(Plan, RefusesCountsThatNoTapHas)
{
	EXPECT_FALSE(NicPlan::make({.queues = 0}));
	EXPECT_TRUE(NicPlan::make({.queues = 256}));
	EXPECT_FALSE(NicPlan::make({.queues = 257}));
}

TEST_F(Plan, OfAMacIsStableAndDiffersByTap)
{
	auto one = NicPlan::make({.tap = "a0"}), again = NicPlan::make({.tap = "a0"});
	auto given = NicPlan::make({.mac = MacAddress::parse("52:54:00:00:00:07").value()});

	EXPECT_EQ(one->mac, again->mac);
	EXPECT_NE(one->mac, NicPlan::make({.tap = "a1"})->mac);
	EXPECT_EQ(given->mac.text(), "52:54:00:00:00:07");
}

TEST_F(Plan, MakesNoTapWhereTheNodeCannotBeHad)
{
	auto nic = Nic::open({.node = "/dev/null", .tap = "left0"});

	ASSERT_FALSE(nic);
	EXPECT_EQ(nic.error().on, "/dev/null");
	EXPECT_EQ(Rtnl::open()->find("left0").error().code, ENODEV);
}

// The tool itself, where it was built beside this test.
class RunCommand : public Plan {
protected:
	void SetUp() override
	{
		tool_ = std::filesystem::read_symlink("/proc/self/exe").replace_filename("ringtap");
		if (!std::filesystem::exists(tool_))
			GTEST_SKIP() << tool_ << " is not built";
		Plan::SetUp();
	}

	Output run(const std::string &arguments) const
	{
		return shell(shell_quote(tool_) + " run " + arguments);
	}

	std::filesystem::path tool_;
};

TEST_F(RunCommand, DryPrintsALineForTheShell)
{
	auto out = run("--dry-run --mac 52:54:00:00:00:01 -- qemu-system-x86_64 -append 'a b' -S");

	EXPECT_EQ(out.status, 0);
	EXPECT_EQ(out.text,
		  "qemu-system-x86_64 -append 'a b' -S -netdev "
		  "tap,id=ringtap0,fds=4,vhost=on,vhostforce=on,vhostfds=3 -device "
		  "virtio-net-pci,netdev=ringtap0,id=ringtap0-nic,mac=52:54:00:00:00:01\n");
}

TEST_F(RunCommand, DryPrintsJson)
{
	auto out = run("--dry-run --json --queues 2 --bridge br0 --tap vm7 --mtu 1400 -- qemu");
	auto json = nlohmann::json::parse(out.text, nullptr, false);

	ASSERT_EQ(out.status, 0) << out.text;
	ASSERT_TRUE(json.is_object()) << out.text;
	EXPECT_EQ(json["command"].size(), 5u);
	EXPECT_EQ(json["tap"],
		  (nlohmann::json{{"name", "vm7"}, {"create", true}, {"bridge", "br0"}}));
	EXPECT_EQ(json["queues"], 2);
	EXPECT_EQ(json["mtu"], 1400);
	EXPECT_EQ(json["tap_fds"], (nlohmann::json{5, 6}));
	EXPECT_EQ(json["vhost_fds"], (nlohmann::json{3, 4}));
}

TEST_F(RunCommand, NestsForASecondCard)
{
	std::string inner = shell_quote(tool_) + " run --dry-run --id b -- qemu -S";
	auto out = run("--dry-run --id a -- " + inner);

	ASSERT_EQ(out.status, 0) << out.text;
	auto second = shell(out.text.substr(0, out.text.find('\n')));
	EXPECT_EQ(second.status, 0);
	EXPECT_NE(second.text.find("-netdev tap,id=a,"), std::string::npos) << second.text;
	EXPECT_NE(second.text.find("-netdev tap,id=b,"), std::string::npos) << second.text;
}

TEST_F(RunCommand, FailsWithoutANodeAndNeverFallsBack)
{
	auto out = run("--node /dev/vhost-nowhere -- true");

	EXPECT_EQ(out.status, 1);
	EXPECT_NE(out.text.find("cannot open /dev/vhost-nowhere"), std::string::npos) << out.text;
}

TEST_F(RunCommand, LooksForQemuBeforeItTouchesAnything)
{
	auto out = run("--node /dev/vhost-nowhere -- no-such-qemu");

	EXPECT_EQ(out.status, 1);
	EXPECT_NE(out.text.find("no-such-qemu"), std::string::npos) << out.text;
}

TEST_F(RunCommand, TellsUsageErrorsApart)
{
	EXPECT_EQ(run("").status, 2) << "no command";
	EXPECT_EQ(run("--json -- qemu").status, 2);
	EXPECT_EQ(run("--dry-run --mtu 67 -- qemu").status, 2);
	EXPECT_EQ(run("--dry-run --mac nonsense -- qemu").status, 2);
}

} // namespace
} // namespace ringtap
