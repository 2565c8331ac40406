// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap check: each finding on hosts made of a directory, good ones and bad ones.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

#include "lib/readiness.h"

namespace ringtap {
namespace {

namespace fs = std::filesystem;

constexpr gid_t kvm_gid = 108;
constexpr char release[] = "6.1.0-40-amd64";

// A directory that stands for a host on which everything is in order; each test breaks one thing.
class Check : public testing::Test {
protected:
	void SetUp() override
	{
		std::string pattern = fs::temp_directory_path() / "ringtap-check-XXXXXX";

		ASSERT_TRUE(::mkdtemp(pattern.data()));
		root_ = pattern;
		put_files();
		host_.root = root_;
		host_.release = release;
		host_.machine = "x86_64";
		host_.path = "/usr/local/bin:/usr/bin";
		host_.uid = 1000;
		host_.groups = {1000, kvm_gid};
		host_.capabilities = 1ull << CAP_NET_ADMIN;
		host_.open_node = host_.open_vhost = [](const std::string &) { return Done{}; };
		host_.version_of = [](const std::string &) {
			return "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)";
		};
	}

	void TearDown() override { fs::remove_all(root_); }

	void put_files()
	{
		put("/proc/modules", "ringtap 65536 0 - Live\n");
		put("/proc/sys/kernel/modules_disabled", "0\n");
		put("/etc/group", "root:x:0:\nkvm:x:108:ann\n");
		put("/dev/vhost-ringtap", "");
		put("/usr/bin/qemu-system-x86_64", "#!/bin/sh\n");
		fs::permissions(root_ / "usr/bin/qemu-system-x86_64", fs::perms{0755});
		put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
		put("/sys/module/ringtap/version", "0.1.0\n");
		for (const char *name : {"ringtap", "tun", "tap", "vhost_iotlb"})
			load(name);
	}

	void put(const std::string &path, const std::string &text)
	{
		fs::create_directories((root_ / path.substr(1)).parent_path());
		std::ofstream(root_ / path.substr(1)) << text;
	}

	void load(const std::string &name) { put("/sys/module/" + name + "/initstate", "live\n"); }
	void unload(const std::string &name) { fs::remove_all(root_ / "sys/module" / name); }
	void install(const std::string &files)
	{
		put(std::string("/lib/modules/") + release + "/modules.dep", files);
	}

	static std::function<Result<Done>(const std::string &)> failing(int code,
									std::string hint = {})
	{
		return [=](const std::string &path) { return fail(code, "open", path, hint); };
	}

	static void expect(const check::Answer &answer, Verdict verdict, const std::string &found,
			   const std::string &fix = {})
	{
		ASSERT_TRUE(answer);
		EXPECT_STREQ(verdict_name(answer->verdict), verdict_name(verdict)) << answer->found;
		EXPECT_NE(answer->found.find(found), std::string::npos) << answer->found;
		EXPECT_NE(answer->fix.find(fix), std::string::npos) << answer->fix;
		EXPECT_EQ(answer->fix.empty(), verdict == Verdict::ok) << answer->fix;
	}

	fs::path root_;
	Host host_;
};

TEST_F(Check, OfAGoodHostFindsItReady)
{
	Readiness readiness = Readiness::of(host_);

	EXPECT_TRUE(readiness.ready());
	for (const auto &finding : readiness.findings) {
		EXPECT_NE(finding.verdict, Verdict::fail) << finding.name << ": " << finding.found;
		EXPECT_FALSE(finding.found.empty()) << finding.name;
	}
	EXPECT_EQ(readiness.findings.size(), 15u) << "all but apparmor, which is not there";
}

TEST_F(Check, OneFailureIsEnoughAndWarningsAreNot)
{
	host_.capabilities = 0;
	EXPECT_TRUE(Readiness::of(host_).ready());
	EXPECT_GE(Readiness::of(host_).count(Verdict::warn), 1u);
	host_.open_node = failing(ENOENT);
	EXPECT_FALSE(Readiness::of(host_).ready());
	EXPECT_EQ(Readiness::of(host_).count(Verdict::fail), 2u) << "kvm and tun";
}

TEST_F(Check, KernelByItsVersion)
{
	for (const char *good : {"6.1.0-40-amd64", "6.12.48+deb12-amd64", "7.3.4+deb13-amd64"}) {
		host_.release = good;
		expect(check::kernel(host_), Verdict::ok, good);
	}
	for (const char *old : {"5.10.0-30-amd64", "6.0.12", "4.19"}) {
		host_.release = old;
		expect(check::kernel(host_), Verdict::fail, old, "6.1 or later");
	}
	for (const char *unknown : {"7.4.0", "8.0-rc1", "next"}) {
		host_.release = unknown;
		expect(check::kernel(host_), Verdict::warn, unknown);
	}
}

TEST_F(Check, KernelByMachineAndModules)
{
	host_.machine = "aarch64";
	expect(check::kernel(host_), Verdict::warn, "aarch64");
	fs::remove(root_ / "proc/modules");
	expect(check::kernel(host_), Verdict::fail, "without loadable modules", "CONFIG_MODULES");
}

TEST_F(Check, ModuleLoadedInstalledOrMissing)
{
	expect(check::module(host_), Verdict::ok, "version 0.1.0");
	put("/sys/module/ringtap/initstate", "going\n");
	expect(check::module(host_), Verdict::fail, "going", "dmesg");
	unload("ringtap");
	expect(check::module(host_), Verdict::fail, "not installed", "make install");
	install("updates/dkms/ringtap.ko.xz: kernel/drivers/vhost/vhost_iotlb.ko\n");
	expect(check::module(host_), Verdict::fail,
	       "/lib/modules/6.1.0-40-amd64/updates/dkms/ringtap.ko.xz", "modprobe ringtap");
	install("extra/not-ringtap.ko:\nextra/ringtap2.ko:\n");
	expect(check::module(host_), Verdict::fail, "not installed");
}

TEST_F(Check, DependenciesInEveryState)
{
	expect(check::dependencies(host_), Verdict::ok,
	       "tun loaded, tap loaded, vhost_iotlb loaded");
	for (const char *name : {"tun", "tap", "vhost_iotlb"})
		unload(name);
	install("kernel/drivers/net/tun.ko.xz:\nkernel/drivers/vhost/vhost-iotlb.ko:\n");
	put(std::string("/lib/modules/") + release + "/modules.builtin",
	    "kernel/drivers/net/tap.ko\n");
	expect(check::dependencies(host_), Verdict::ok,
	       "tun installed, tap built in, vhost_iotlb installed");
	install("kernel/drivers/net/tun.ko.xz:\n");
	expect(check::dependencies(host_), Verdict::fail, "vhost_iotlb missing", "(vhost_iotlb)");
}

TEST_F(Check, StockBesideOursAndInItsWay)
{
	expect(check::stock(host_), Verdict::ok, "not loaded");
	load("vhost_net");
	expect(check::stock(host_), Verdict::ok, "both can be used");
	put("/etc/modprobe.d/other.conf", "# options ringtap node=vhost-net\noptions tun x=1\n");
	expect(check::stock(host_), Verdict::ok, "both can be used");
	put("/etc/modprobe.d/ringtap.conf", "options ringtap workers=1 node=vhost-net\n");
	expect(check::stock(host_), Verdict::fail, "vhost_net is loaded", "modprobe -r vhost_net");
	unload("vhost_net");
	put("/sys/module/ringtap/parameters/node", "vhost-net\n");
	expect(check::stock(host_), Verdict::ok, "ringtap serves /dev/vhost-net");
}

TEST_F(Check, SigningMattersUntilTheModuleIsIn)
{
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	expect(check::signing(host_), Verdict::ok, "lockdown integrity");
	unload("ringtap");
	expect(check::signing(host_), Verdict::fail, "not signed", "mokutil --import");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	expect(check::signing(host_), Verdict::ok, "not enforced, lockdown none");
	put("/sys/module/module/parameters/sig_enforce", "Y\n");
	expect(check::signing(host_), Verdict::fail, "signatures enforced");
}

TEST_F(Check, SigningLooksAtTheInstalledFile)
{
	const std::string file = std::string("/lib/modules/") + release + "/updates/ringtap.ko";

	unload("ringtap");
	put("/sys/module/module/parameters/sig_enforce", "Y\n");
	install("updates/ringtap.ko:\n");
	put(file, "ELF");
	expect(check::signing(host_), Verdict::fail, "not signed");
	put(file, "ELF~Module signature appended~\n");
	expect(check::signing(host_), Verdict::warn, "is signed", "mokutil");
	install("updates/ringtap.ko.zst:\n");
	expect(check::signing(host_), Verdict::warn, "enforced", "modinfo ringtap");
}

TEST_F(Check, SigningKnowsADoorThatIsShut)
{
	put("/proc/sys/kernel/modules_disabled", "1\n");
	expect(check::signing(host_), Verdict::ok, "");
	unload("ringtap");
	expect(check::signing(host_), Verdict::fail, "until a reboot", "/etc/modules-load.d");
}

TEST_F(Check, SigningReadsSecureBoot)
{
	const std::string variable = "/sys/firmware/efi/efivars/"
				     "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

	expect(check::signing(host_), Verdict::ok, "Secure Boot off");
	put(variable, std::string("\x06\0\0\0\0", 5));
	expect(check::signing(host_), Verdict::ok, "Secure Boot off");
	put(variable, std::string("\x06\0\0\0\1", 5));
	expect(check::signing(host_), Verdict::ok, "Secure Boot on");
}

TEST_F(Check, RegionsAgainstWhatProgramsRead)
{
	expect(check::regions(host_), Verdict::ok, "up to 64");
	put("/sys/module/vhost/parameters/max_mem_regions", "509\n");
	expect(check::regions(host_), Verdict::ok, "509");
	put("/sys/module/vhost/parameters/max_mem_regions", "65536\n");
	expect(check::regions(host_), Verdict::warn, "65536", "max_mem_regions=65535");
}

TEST_F(Check, NodeThatDoesNotOpenPassesOnTheReason)
{
	host_.open_vhost = failing(EACCES, "join the club");
	expect(check::node(host_, "/dev/vhost-ringtap"), Verdict::fail, "EACCES", "join the club");
	EXPECT_EQ(check::node(host_, "/dev/x")->found.find("join"), std::string::npos)
		<< "the hint is said once";
}

TEST_F(Check, NodeByWhoOwnsIt)
{
	const std::string path = "/dev/vhost-ringtap";

	fs::permissions(root_ / "dev/vhost-ringtap", fs::perms{0666});
	expect(check::node(host_, path), Verdict::warn, "mode 0666", "chmod 0660");
	fs::permissions(root_ / "dev/vhost-ringtap", fs::perms{0660});
	if (::chown((root_ / "dev/vhost-ringtap").c_str(), 0, 0) < 0)
		GTEST_SKIP() << "files of other groups need root";
	expect(check::node(host_, path), Verdict::warn, "group root", "udev rule");
	ASSERT_EQ(::chown((root_ / "dev/vhost-ringtap").c_str(), 0, kvm_gid), 0);
	expect(check::node(host_, path), Verdict::ok, "group kvm");
}

TEST_F(Check, NodeIsTheOneThatTheModuleServes)
{
	std::string asked;

	host_.open_vhost = [&](const std::string &path) {
		asked = path;
		return Done{};
	};
	(void)Readiness::of(host_);
	EXPECT_EQ(asked, root_.string() + "/dev/vhost-ringtap");
	put("/sys/module/ringtap/parameters/node", "vhost-net\n");
	(void)Readiness::of(host_);
	EXPECT_EQ(asked, root_.string() + "/dev/vhost-net");
	(void)Readiness::of(host_, "/dev/mine");
	EXPECT_EQ(asked, root_.string() + "/dev/mine");
}

TEST_F(Check, TunByWhyItDoesNotOpen)
{
	expect(check::tun(host_), Verdict::ok, "/dev/net/tun opens");
	host_.open_node = failing(ENOENT);
	expect(check::tun(host_), Verdict::fail, "ENOENT", "modprobe tun");
	host_.open_node = failing(EACCES);
	expect(check::tun(host_), Verdict::fail, "EACCES", "chmod");
}

TEST_F(Check, KvmByWhyItDoesNotOpen)
{
	expect(check::kvm(host_), Verdict::ok, "/dev/kvm opens");
	host_.open_node = failing(EACCES);
	expect(check::kvm(host_), Verdict::fail, "EACCES", "usermod -aG kvm");
	host_.open_node = failing(ENOENT);
	put("/proc/cpuinfo", "processor : 0\nflags\t\t: fpu sse svm\n");
	expect(check::kvm(host_), Verdict::fail, "ENOENT", "modprobe kvm_amd");
	put("/proc/cpuinfo", "flags : fpu vmx sse\n");
	expect(check::kvm(host_), Verdict::fail, "ENOENT", "modprobe kvm_intel");
	put("/proc/cpuinfo", "flags : fpu svm_lock avmx\n");
	expect(check::kvm(host_), Verdict::fail, "ENOENT", "firmware");
}

TEST_F(Check, GroupOfTheNodes)
{
	expect(check::group(host_), Verdict::ok, "member of kvm");
	host_.groups = {1000};
	expect(check::group(host_), Verdict::warn, "not a member", "usermod");
	host_.uid = 0;
	expect(check::group(host_), Verdict::ok, "root");
	put("/etc/group", "root:x:0:\nkvmx:x:108:\n");
	expect(check::group(host_), Verdict::warn, "no group kvm", "groupadd");
}

TEST_F(Check, PrivilegesToMakeTaps)
{
	expect(check::privileges(host_), Verdict::ok, "CAP_NET_ADMIN");
	host_.capabilities = ~(1ull << CAP_NET_ADMIN);
	expect(check::privileges(host_), Verdict::warn, "no CAP_NET_ADMIN", "vnet_hdr");
}

TEST_F(Check, LimitsOfFilesAndThreads)
{
	expect(check::files(host_), Verdict::ok, "unlimited");
	host_.files = 256;
	expect(check::files(host_), Verdict::warn, "256", "ulimit -n");
	expect(check::threads(host_), Verdict::ok, "any number");
	host_.threads = 100;
	expect(check::threads(host_), Verdict::warn, "100", "ulimit -u");
	host_.capabilities |= 1ull << CAP_SYS_RESOURCE;
	expect(check::threads(host_), Verdict::ok, "100");
	host_.locked = 0;
	expect(check::memory(host_), Verdict::ok, "RLIMIT_MEMLOCK is 0 bytes");
}

TEST_F(Check, ThreadsOfTheControlGroup)
{
	put("/proc/self/cgroup", "0::/user.slice/me\n");
	put("/sys/fs/cgroup/user.slice/me/pids.current", "990\n");
	put("/sys/fs/cgroup/user.slice/me/pids.max", "max\n");
	expect(check::threads(host_), Verdict::ok, "any number");
	put("/sys/fs/cgroup/user.slice/me/pids.max", "1000\n");
	expect(check::threads(host_), Verdict::warn, "leaves 10", "TasksMax");
	put("/sys/fs/cgroup/user.slice/me/pids.max", "2000\n");
	expect(check::threads(host_), Verdict::ok, "leaves 1010");
}

TEST_F(Check, QemuByItsVersion)
{
	auto answers = [&](const std::string &text) {
		host_.version_of = [=](const std::string &) { return text; };
		return check::qemu(host_);
	};

	expect(check::qemu(host_), Verdict::ok, "/usr/bin/qemu-system-x86_64: QEMU emulator");
	expect(answers("QEMU emulator version 10.0.2"), Verdict::ok, "10.0.2");
	expect(answers("QEMU emulator version 5.2.0"), Verdict::warn, "5.2.0", "7.2 or later");
	expect(answers("what?"), Verdict::warn, "what?", "no sense");
	host_.version_of = [](const std::string &path) { return fail(0, "start", path); };
	expect(check::qemu(host_), Verdict::fail, "cannot start", "install");
	fs::remove(root_ / "usr/bin/qemu-system-x86_64");
	expect(check::qemu(host_), Verdict::warn, "no qemu-system-x86_64", "apt-get install");
}

TEST_F(Check, AppArmorWhereLibvirtIsConfined)
{
	const std::string path = "/dev/vhost-ringtap", base = "/etc/apparmor.d/";
	const std::string abstraction = base + "abstractions/libvirt-qemu";
	const std::string site = base + "local/abstractions/libvirt-qemu";

	EXPECT_FALSE(check::apparmor(host_, path)) << "no libvirt here";
	put(abstraction, "  #include <local/abstractions/libvirt-qemu>\n");
	EXPECT_FALSE(check::apparmor(host_, path)) << "no AppArmor here";
	put("/sys/module/apparmor/parameters/enabled", "Y\n");
	expect(check::apparmor(host_, path), Verdict::warn, "no rule", "rw,' >> " + site);
	expect(check::apparmor(host_, "/dev/vhost-net"), Verdict::ok, "may use");
	put(site, "  /dev/vhost-ringtap rw,\n");
	expect(check::apparmor(host_, path), Verdict::ok, "may use");
}

TEST_F(Check, AppArmorKnowsOurRuleOnlyWhereItIsIncluded)
{
	const std::string path = "/dev/vhost-ringtap", base = "/etc/apparmor.d/";
	const std::string abstraction = base + "abstractions/libvirt-qemu";
	const std::string site = base + "local/abstractions/libvirt-qemu";

	put("/sys/module/apparmor/parameters/enabled", "Y\n");
	put(abstraction, "  #include <local/abstractions/libvirt-qemu>\n");
	put(abstraction + ".d/ringtap", "  /dev/vhost-ringtap rw,\n");
	expect(check::apparmor(host_, path), Verdict::warn, "no rule", site);
	put(site, "include if exists <abstractions/libvirt-qemu.d/ringtap>\n");
	expect(check::apparmor(host_, path), Verdict::ok, "may use");
	put(site, "");
	put(abstraction, "  include if exists <abstractions/libvirt-qemu.d>\n");
	expect(check::apparmor(host_, path), Verdict::ok, "may use");
	put(abstraction + ".d/ringtap", "");
	expect(check::apparmor(host_, path), Verdict::warn, "no rule",
	       "mkdir -p " + abstraction + ".d");
}

TEST_F(Check, OfThisMachineAnswersEverything)
{
	Readiness readiness = Readiness::of(Host::here(), "/dev/vhost-nowhere");

	EXPECT_GE(readiness.findings.size(), 15u);
	EXPECT_FALSE(readiness.ready());
	for (const auto &finding : readiness.findings)
		EXPECT_EQ(finding.fix.empty(), finding.verdict == Verdict::ok) << finding.name;
}

} // namespace
} // namespace ringtap
