// SPDX-License-Identifier: GPL-2.0-or-later
// What /proc, /sys, /etc and /lib/modules tell about a machine.
#include "lib/host.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/node.h"
#include "lib/shell.h"

namespace ringtap {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(const std::string &text, char at)
{
	std::vector<std::string> parts;
	std::istringstream in(text);

	for (std::string part; std::getline(in, part, at);)
		parts.push_back(part);
	return parts;
}

Result<Done> open_any(const std::string &path)
{
	TRY(Fd::open(path, O_RDWR));
	return Done{};
}

Result<Done> open_vhost_node(const std::string &path)
{
	TRY(open_node(path));
	return Done{};
}

Result<std::string> run_version(const std::string &path)
{
	std::array<char, 256> buffer;
	std::unique_ptr<FILE, int (*)(FILE *)> pipe(
		::popen((shell_quote(path) + " --version 2>/dev/null").c_str(), "re"), ::pclose);

	if (!pipe || !std::fgets(buffer.data(), buffer.size(), pipe.get()))
		return fail(errno, "ask for the version of", path, "does it start at all?");
	std::string line(buffer.data());
	while (!line.empty() && line.back() == '\n')
		line.pop_back();
	return line;
}

uint64_t effective_capabilities(const Host &host)
{
	const std::string key = "CapEff:";

	for (const auto &line : host.lines("/proc/self/status"))
		if (line.starts_with(key))
			return std::strtoull(line.c_str() + key.size(), nullptr, 16);
	return 0;
}

rlim_t soft_limit(__rlimit_resource_t resource)
{
	rlimit limit{};

	return ::getrlimit(resource, &limit) < 0 ? RLIM_INFINITY : limit.rlim_cur;
}

// "kernel/drivers/net/tun.ko.xz: ..." is a line of modules.dep, up to the colon one of modules.builtin.
bool names_module(const std::string &file, std::string name)
{
	std::string base = file.substr(file.rfind('/') + 1);

	base = base.substr(0, base.find(".ko"));
	std::replace(base.begin(), base.end(), '-', '_');
	std::replace(name.begin(), name.end(), '-', '_');
	return base == name;
}

} // namespace

Host Host::here()
{
	const char *path = std::getenv("PATH");
	std::array<gid_t, 1024> groups;
	int count = ::getgroups(groups.size(), groups.data());
	utsname name{};
	Host host;

	::uname(&name);
	host.release = name.release;
	host.machine = name.machine;
	host.path = path ? path : "/usr/bin:/bin";
	host.uid = ::geteuid();
	host.groups.assign(groups.data(), groups.data() + std::max(count, 0));
	host.groups.push_back(::getegid());
	host.capabilities = effective_capabilities(host);
	host.files = soft_limit(RLIMIT_NOFILE);
	host.threads = soft_limit(RLIMIT_NPROC);
	host.locked = soft_limit(RLIMIT_MEMLOCK);
	host.open_node = open_any;
	host.open_vhost = open_vhost_node;
	host.version_of = run_version;
	return host;
}

bool Host::exists(const std::string &path) const
{
	return status(path).has_value();
}

std::optional<struct stat> Host::status(const std::string &path) const
{
	struct stat st;

	if (::stat((root + path).c_str(), &st) < 0)
		return std::nullopt;
	return st;
}

std::optional<std::string> Host::line(const std::string &path) const
{
	std::ifstream in(root + path);
	std::string first;

	if (!std::getline(in, first))
		return std::nullopt;
	return first;
}

std::vector<std::string> Host::lines(const std::string &path) const
{
	return split(text(path).value_or(""), '\n');
}

std::optional<std::string> Host::text(const std::string &path) const
{
	std::ifstream in(root + path, std::ios::binary);
	std::ostringstream out;

	if (!in)
		return std::nullopt;
	out << in.rdbuf();
	return out.str();
}

std::string Host::module_file(const std::string &name) const
{
	std::string directory = "/lib/modules/" + release + "/";

	for (const auto &line : lines(directory + "modules.dep")) {
		std::string file = line.substr(0, line.find(':'));

		if (names_module(file, name))
			return file.front() == '/' ? file : directory + file;
	}
	return {};
}

ModuleState Host::module(const std::string &name) const
{
	// Of those in /sys/module only the loadable ones have a state.
	if (exists("/sys/module/" + name + "/initstate"))
		return ModuleState::loaded;
	if (exists("/sys/module/" + name))
		return ModuleState::builtin;
	for (const auto &line : lines("/lib/modules/" + release + "/modules.builtin"))
		if (names_module(line, name))
			return ModuleState::builtin;
	return module_file(name).empty() ? ModuleState::missing : ModuleState::installed;
}

std::optional<std::string> Host::parameter(const std::string &module, const std::string &name) const
{
	return line("/sys/module/" + module + "/parameters/" + name);
}

std::optional<std::string> Host::configured(const std::string &module,
					    const std::string &name) const
{
	std::optional<std::string> value;
	std::vector<std::string> files;
	std::error_code error;

	for (const auto &entry : fs::directory_iterator(root + "/etc/modprobe.d", error))
		if (entry.path().extension() == ".conf")
			files.push_back("/etc/modprobe.d/" + entry.path().filename().string());
	std::sort(files.begin(), files.end());
	for (const auto &file : files)
		for (const auto &line : lines(file)) {
			std::istringstream words(line);
			std::string word, of;

			if (!(words >> word >> of) || word != "options" || of != module)
				continue;
			while (words >> word)
				if (word.starts_with(name + "="))
					value = word.substr(name.size() + 1);
		}
	return value;
}

std::optional<gid_t> Host::group(const std::string &name) const
{
	for (const auto &line : lines("/etc/group")) {
		auto fields = split(line, ':');

		if (fields.size() >= 3 && fields[0] == name)
			return static_cast<gid_t>(std::strtoul(fields[2].c_str(), nullptr, 10));
	}
	return std::nullopt;
}

std::string Host::group_name(gid_t gid) const
{
	for (const auto &line : lines("/etc/group")) {
		auto fields = split(line, ':');

		if (fields.size() >= 3 && fields[2] == std::to_string(gid))
			return fields[0];
	}
	return std::to_string(gid);
}

bool Host::in_group(gid_t gid) const
{
	return std::find(groups.begin(), groups.end(), gid) != groups.end();
}

std::optional<std::string> Host::program(const std::string &name) const
{
	for (const auto &directory : split(path, ':')) {
		auto found = find_program(fmt::format("{}{}/{}", root, directory, name), "");

		if (!directory.empty() && found)
			return found->substr(root.size());
	}
	return std::nullopt;
}

} // namespace ringtap
