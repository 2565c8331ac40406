// SPDX-License-Identifier: GPL-2.0-or-later
// Checks of what surrounds the module: device nodes, the user's rights and limits, QEMU, libvirt.
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <linux/capability.h>

#include "lib/readiness.h"

namespace ringtap::check {

namespace {

// "mode 0660, group kvm", or nothing where it cannot be seen.
std::string ownership(const Host &host, const std::string &path)
{
	auto st = host.status(path);

	return st ? fmt::format("mode {:04o}, group {}", st->st_mode & 07777,
				host.group_name(st->st_gid))
		  : "";
}

std::string with_ownership(const Host &host, const std::string &path, const std::string &text)
{
	std::string owner = ownership(host, path);

	return owner.empty() ? fmt::format("{} {}", path, text)
			     : fmt::format("{} {} ({})", path, text, owner);
}

// "cannot open X: why" without the hint, which becomes the fix.
std::string words(Error error)
{
	error.hint.clear();
	return error.message();
}

std::string rlimit_text(rlim_t limit, const char *unit = "")
{
	return limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit) + unit;
}

bool has_capability(const Host &host, int capability)
{
	return host.capabilities >> capability & 1;
}

std::string kvm_fix(const Host &host, int code)
{
	bool intel = false, amd = false;

	if (code == EACCES)
		return "join the group that may open it, and log in again: usermod -aG kvm $USER";
	for (const auto &line : host.lines("/proc/cpuinfo"))
		if (line.starts_with("flags")) {
			std::string flags = line + " ";

			intel = flags.find(" vmx ") != std::string::npos;
			amd = flags.find(" svm ") != std::string::npos;
			break;
		}
	if (intel || amd)
		return fmt::format("modprobe {}", intel ? "kvm_intel" : "kvm_amd");
	return "the processor shows neither vmx nor svm: switch virtualisation on in the firmware, "
	       "or "
	       "nested virtualisation in the hypervisor underneath";
}

// What is left of the control group's number of tasks, where it has one.
std::optional<long> tasks_left(const Host &host)
{
	for (const auto &line : host.lines("/proc/self/cgroup")) {
		if (!line.starts_with("0::"))
			continue;
		std::string group = "/sys/fs/cgroup" + line.substr(3);
		auto most = host.line(group + "/pids.max"),
		     now = host.line(group + "/pids.current");

		if (most && now && *most != "max")
			return std::strtol(most->c_str(), nullptr, 10) -
			       std::strtol(now->c_str(), nullptr, 10);
	}
	return std::nullopt;
}

std::optional<std::string> find_qemu(const Host &host)
{
	std::string redhat = "/usr/libexec/qemu-kvm";
	auto found = host.program("qemu-system-" + host.machine);

	return found || !host.exists(redhat) ? found : redhat;
}

} // namespace

Answer node(const Host &host, const std::string &path)
{
	Result<Done> opened = host.open_vhost(host.root + path);

	if (!opened)
		return Finding{"node", Verdict::fail, words(opened.error()), opened.error().hint};
	auto st = host.status(path);
	std::string found = with_ownership(host, path, "opens");

	if (st && st->st_mode & 0002)
		return Finding{"node", Verdict::warn, found,
			       fmt::format("keep strangers out: chmod 0660 {}", path)};
	if (st && st->st_gid == 0)
		return Finding{
			"node", Verdict::warn, found,
			fmt::format("root alone can use it; install ringtap's udev rule, or: "
				    "chgrp kvm {0} && chmod 0660 {0}",
				    path)};
	return Finding{"node", Verdict::ok, found, {}};
}

Answer tun(const Host &host)
{
	const char *path = "/dev/net/tun";
	Result<Done> opened = host.open_node(host.root + path);

	if (opened)
		return Finding{"tun", Verdict::ok, with_ownership(host, path, "opens"), {}};
	return Finding{"tun", Verdict::fail, words(opened.error()),
		       opened.error().code == EACCES ? "chmod 0666 /dev/net/tun" : "modprobe tun"};
}

Answer kvm(const Host &host)
{
	const char *path = "/dev/kvm";
	Result<Done> opened = host.open_node(host.root + path);

	if (opened)
		return Finding{"kvm", Verdict::ok, with_ownership(host, path, "opens"), {}};
	return Finding{"kvm", Verdict::fail, words(opened.error()),
		       kvm_fix(host, opened.error().code)};
}

Answer group(const Host &host)
{
	auto kvm = host.group("kvm");

	if (!kvm)
		return Finding{"group", Verdict::warn, "there is no group kvm",
			       "groupadd --system kvm; the udev rules give it the nodes"};
	if (host.uid == 0)
		return Finding{"group", Verdict::ok, "root needs no group", {}};
	if (host.in_group(*kvm))
		return Finding{"group", Verdict::ok, "member of kvm", {}};
	return Finding{"group", Verdict::warn, "not a member of kvm, which owns the nodes",
		       "usermod -aG kvm $USER, and log in again"};
}

Answer privileges(const Host &host)
{
	if (has_capability(host, CAP_NET_ADMIN))
		return Finding{"privileges", Verdict::ok, "CAP_NET_ADMIN: may create TAPs", {}};
	return Finding{"privileges", Verdict::warn, "no CAP_NET_ADMIN: may not create TAPs",
		       "run as root, or have root make one: ip tuntap add dev NAME mode tap "
		       "vnet_hdr user $USER && ip link set NAME up"};
}

Answer files(const Host &host)
{
	constexpr rlim_t enough = 1024; // QEMU opens some hundred
	std::string found = fmt::format("RLIMIT_NOFILE is {}", rlimit_text(host.files));

	if (host.files >= enough)
		return Finding{"files", Verdict::ok, found, {}};
	return Finding{"files", Verdict::warn, found, fmt::format("ulimit -n {}", enough)};
}

Answer threads(const Host &host)
{
	constexpr rlim_t enough = 512;
	constexpr long enough_left = 16;
	bool exempt = host.uid == 0 || has_capability(host, CAP_SYS_RESOURCE);
	auto left = tasks_left(host);
	std::string found = fmt::format("RLIMIT_NPROC is {}, pids.max leaves {}",
					rlimit_text(host.threads),
					left ? std::to_string(*left) : "any number");

	if (left && *left < enough_left)
		return Finding{"threads", Verdict::warn, found,
			       "raise pids.max (systemd: TasksMax=) of the control group"};
	if (host.threads < enough && !exempt)
		return Finding{"threads", Verdict::warn, found,
			       fmt::format("ulimit -u {}: workers count as the owner's", enough)};
	return Finding{"threads", Verdict::ok, found, {}};
}

Answer memory(const Host &host)
{
	return Finding{"memory",
		       Verdict::ok,
		       fmt::format("RLIMIT_MEMLOCK is {}: rings are not held against it",
				   rlimit_text(host.locked, " bytes")),
		       {}};
}

Answer qemu(const Host &host)
{
	auto program = find_qemu(host);
	int major = 0, minor = 0;

	if (!program)
		return Finding{"qemu", Verdict::warn,
			       fmt::format("no qemu-system-{} in PATH", host.machine),
			       "ringtap run needs it: apt-get install qemu-system-x86"};
	Result<std::string> version = host.version_of(host.root + *program);
	if (!version)
		return Finding{"qemu", Verdict::fail, words(version.error()), "install it again"};
	std::string found = fmt::format("{}: {}", *program, *version);
	size_t at = version->find("version ");

	if (at == std::string::npos ||
	    std::sscanf(version->c_str() + at, "version %d.%d", &major, &minor) != 2)
		return Finding{"qemu", Verdict::warn, found, "its version makes no sense here"};
	if (major < 7 || (major == 7 && minor < 2))
		return Finding{"qemu", Verdict::warn, found,
			       "older than the tested ones: use 7.2 or later"};
	return Finding{"qemu", Verdict::ok, found, {}};
}

Answer apparmor(const Host &host, const std::string &path)
{
	const std::string base = "/etc/apparmor.d/", name = "abstractions/libvirt-qemu";
	const std::string site = "local/" + name, directory = name + ".d";
	auto profile = host.text(base + name);

	if (!profile || host.line("/sys/module/apparmor/parameters/enabled") != "Y")
		return std::nullopt;
	// The site's file, and ours where either includes it. libvirt itself allows stock's node.
	std::string rules = *profile + host.text(base + site).value_or("");
	if (rules.find('<' + directory) != std::string::npos)
		rules += host.text(base + directory + "/ringtap").value_or("");
	if (path == "/dev/vhost-net" || rules.find(path) != std::string::npos)
		return Finding{"apparmor",
			       Verdict::ok,
			       fmt::format("libvirt's guests may use {}", path),
			       {}};
	std::string fix = fmt::format("echo '  {} rw,' >> {}{}", path, base, site);
	if (profile->find('<' + site) == std::string::npos)
		fix = fmt::format("mkdir -p {0}{1} && echo '  {2} rw,' >> {0}{1}/ringtap", base,
				  directory, path);
	return Finding{"apparmor", Verdict::warn,
		       fmt::format("no rule lets libvirt's guests use {}", path), fix};
}

} // namespace ringtap::check
