// SPDX-License-Identifier: GPL-2.0-or-later
// Checks of the kernel: its version, the modules, and whether it lets one in.
#include <cstdio>

#include <fmt/format.h>

#include "lib/readiness.h"

namespace ringtap::check {

namespace {

// Debian's kernels that every commit is built for and tested on.
constexpr char tested_series[] = "6.1, 6.12 and 7.3";

// What the kernel demands of a module before it lets it in.
struct Gate {
	bool closed = false;   // no module at all may be loaded any more
	bool enforced = false; // only signed ones
	std::string lockdown;  // "none", "integrity", "confidentiality", or unknown
	bool secure_boot = false;
};

// "none [integrity] confidentiality" has the one in force in brackets.
std::string lockdown_of(const Host &host)
{
	std::string line = host.line("/sys/kernel/security/lockdown").value_or("");
	size_t from = line.find('['), to = line.find(']');

	if (from == std::string::npos || to == std::string::npos)
		return "unknown (no securityfs)";
	return line.substr(from + 1, to - from - 1);
}

Gate gate_of(const Host &host)
{
	// Four bytes of attributes, then the value.
	auto variable = host.text("/sys/firmware/efi/efivars/"
				  "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
	Gate gate;

	gate.closed = host.line("/proc/sys/kernel/modules_disabled") == "1";
	gate.lockdown = lockdown_of(host);
	gate.enforced = host.line("/sys/module/module/parameters/sig_enforce") == "Y" ||
			gate.lockdown == "integrity" || gate.lockdown == "confidentiality";
	gate.secure_boot = variable && variable->size() == 5 && variable->back() == 1;
	return gate;
}

bool is_signed(const Host &host, const std::string &file)
{
	return host.text(file).value_or("").ends_with("~Module signature appended~\n");
}

bool is_compressed(const std::string &file)
{
	return !file.ends_with(".ko");
}

} // namespace

Answer kernel(const Host &host)
{
	int major = 0, minor = 0;
	std::string found = fmt::format("Linux {} on {}", host.release, host.machine);

	if (std::sscanf(host.release.c_str(), "%d.%d", &major, &minor) != 2)
		return Finding{"kernel", Verdict::warn, found, "its version makes no sense here"};
	if (major < 6 || (major == 6 && minor < 1))
		return Finding{"kernel", Verdict::fail, found, "boot Linux 6.1 or later"};
	if (!host.exists("/proc/modules"))
		return Finding{"kernel", Verdict::fail, found + ", without loadable modules",
			       "boot a kernel with CONFIG_MODULES, such as the distribution's"};
	if (host.machine != "x86_64")
		return Finding{"kernel", Verdict::warn, found,
			       "none known: ringtap is tested on x86_64 alone"};
	if (major > 7 || (major == 7 && minor > 3))
		return Finding{"kernel", Verdict::warn, found,
			       fmt::format("none known: the tested kernels are {}", tested_series)};
	return Finding{"kernel", Verdict::ok, found, {}};
}

Answer module(const Host &host)
{
	std::string version = host.line("/sys/module/ringtap/version").value_or("unknown");
	std::string file = host.module_file("ringtap");

	switch (host.module("ringtap")) {
	case ModuleState::loaded:
		if (auto state = host.line("/sys/module/ringtap/initstate"); state != "live")
			return Finding{"module", Verdict::fail,
				       fmt::format("ringtap is {}", state.value_or("half loaded")),
				       "see the kernel log: dmesg | grep ringtap"};
		return Finding{"module",
			       Verdict::ok,
			       fmt::format("ringtap is loaded, version {}", version),
			       {}};
	case ModuleState::builtin:
		return Finding{"module", Verdict::ok, "ringtap is built into the kernel", {}};
	case ModuleState::installed:
		return Finding{"module", Verdict::fail,
			       fmt::format("ringtap is installed, not loaded: {}", file),
			       "modprobe ringtap"};
	case ModuleState::missing:
		break;
	}
	return Finding{"module", Verdict::fail,
		       fmt::format("ringtap is not installed for {}", host.release),
		       "in its source tree: make && make install && modprobe ringtap; or insmod "
		       "the ringtap.ko that make names"};
}

Answer dependencies(const Host &host)
{
	std::string found, missing;

	for (const char *name : {"tun", "tap", "vhost_iotlb"}) {
		const char *state = "loaded";

		switch (host.module(name)) {
		case ModuleState::missing:
			missing += fmt::format("{}{}", missing.empty() ? "" : ", ", name);
			state = "missing";
			break;
		case ModuleState::installed:
			state = "installed";
			break;
		case ModuleState::builtin:
			state = "built in";
			break;
		case ModuleState::loaded:
			break;
		}
		found += fmt::format("{}{} {}", found.empty() ? "" : ", ", name, state);
	}
	if (missing.empty())
		return Finding{"dependencies", Verdict::ok, found, {}};
	return Finding{
		"dependencies", Verdict::fail, found,
		fmt::format("install the kernel's modules ({}); after that: depmod", missing)};
}

Answer stock(const Host &host)
{
	bool loaded = host.module("vhost_net") == ModuleState::loaded;
	bool ours = host.parameter("ringtap", "node") == "vhost-net";

	if (ours)
		return Finding{
			"stock", Verdict::ok, "ringtap serves /dev/vhost-net in its place", {}};
	if (!loaded)
		return Finding{"stock", Verdict::ok, "vhost_net is not loaded", {}};
	if (host.configured("ringtap", "node") == "vhost-net")
		return Finding{"stock", Verdict::fail,
			       "vhost_net is loaded, and modprobe.d gives its node to ringtap",
			       "modprobe -r vhost_net; keep it out: echo blacklist vhost_net > "
			       "/etc/modprobe.d/ringtap-instead.conf"};
	return Finding{"stock",
		       Verdict::ok,
		       "vhost_net is loaded too and keeps /dev/vhost-net; both can be used",
		       {}};
}

Answer signing(const Host &host)
{
	std::string file = host.module_file("ringtap");
	bool inside = host.module("ringtap") == ModuleState::loaded ||
		      host.module("ringtap") == ModuleState::builtin;
	Gate gate = gate_of(host);
	std::string found = fmt::format("module signatures {}, lockdown {}, Secure Boot {}",
					gate.enforced ? "enforced" : "not enforced", gate.lockdown,
					gate.secure_boot ? "on" : "off or unknown");

	if (inside)
		return Finding{"signing", Verdict::ok, found, {}};
	if (gate.closed)
		return Finding{"signing", Verdict::fail, "no module can be loaded until a reboot",
			       "load it at boot: echo ringtap > /etc/modules-load.d/ringtap.conf"};
	if (!gate.enforced)
		return Finding{"signing", Verdict::ok, found, {}};
	if (!file.empty() && is_compressed(file))
		return Finding{"signing", Verdict::warn, found,
			       "see that it is signed by a key the kernel knows: modinfo ringtap"};
	if (!file.empty() && is_signed(host, file))
		return Finding{"signing", Verdict::warn, found + "; the module is signed",
			       "if it is refused, enrol the key: mokutil --import KEY.der"};
	return Finding{
		"signing", Verdict::fail, found + "; the module is not signed",
		"sign it (scripts/sign-file sha256 KEY.priv KEY.der ringtap.ko; DKMS does so "
		"by itself) and enrol the key: mokutil --import KEY.der"};
}

Answer regions(const Host &host)
{
	constexpr unsigned long most = 65535;
	auto text = host.parameter("vhost", "max_mem_regions");
	unsigned long value = text ? std::strtoul(text->c_str(), nullptr, 10) : 0;

	if (!text)
		return Finding{"regions",
			       Verdict::ok,
			       "vhost is not loaded: programs use up to 64 memory regions",
			       {}};
	if (value > most)
		return Finding{
			"regions", Verdict::warn,
			fmt::format("vhost's max_mem_regions is {}; ringtap takes {}", value, most),
			fmt::format("echo options vhost max_mem_regions={} > "
				    "/etc/modprobe.d/vhost.conf",
				    most)};
	return Finding{"regions",
		       Verdict::ok,
		       fmt::format("vhost's max_mem_regions is {}; ringtap takes {}", value, most),
		       {}};
}

} // namespace ringtap::check
