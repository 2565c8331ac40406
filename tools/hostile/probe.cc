// SPDX-License-Identifier: GPL-2.0-or-later
// Reads debugfs, /dev/kmsg and an interface's statistics.
#include "hostile/probe.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <netlink/route/link.h>

namespace ringtap {

namespace {

constexpr const char *debugfs = "/sys/kernel/debug/ringtap";

std::map<std::string, std::string> read_values(const std::filesystem::path &path)
{
	std::map<std::string, std::string> values;
	std::ifstream file(path);
	std::string name, rest;

	while (file >> name && std::getline(file, rest))
		values[name] = rest.empty() ? "" : rest.substr(1);
	return values;
}

} // namespace

Result<DeviceStats> DeviceStats::read()
{
	std::error_code error;

	for (const auto &entry : std::filesystem::directory_iterator(debugfs, error)) {
		DeviceStats stats;

		stats.id_ = entry.path().filename();
		stats.values_ = read_values(entry.path() / "stats");
		if (stats.text("device.owner") == std::to_string(::getpid()))
			return stats;
	}
	return fail(ENOENT, "find our device in", debugfs, "is debugfs mounted?");
}

std::string DeviceStats::text(const std::string &name) const
{
	auto found = values_.find(name);

	return found == values_.end() ? "" : found->second;
}

uint64_t DeviceStats::count(const std::string &name) const
{
	return std::strtoull(text(name).c_str(), nullptr, 10);
}

uint64_t DeviceStats::sum(const std::string &prefix) const
{
	uint64_t sum = 0;

	for (auto &[name, value] : values_)
		if (name.starts_with(prefix))
			sum += std::strtoull(value.c_str(), nullptr, 10);
	return sum;
}

Result<KernelLog> KernelLog::from_now()
{
	Fd fd = TRY(Fd::open("/dev/kmsg", O_RDONLY | O_NONBLOCK));

	if (::lseek(fd.get(), 0, SEEK_END) < 0)
		return fail(errno, "go to the end of", "/dev/kmsg");
	return KernelLog(std::move(fd));
}

std::vector<std::string> KernelLog::lines_with(const std::string &text) const
{
	std::vector<std::string> lines;
	char buffer[8192];
	ssize_t got;

	// One record a read; EPIPE says that older ones were overwritten.
	while ((got = ::read(fd_.get(), buffer, sizeof(buffer))) > 0 || errno == EPIPE) {
		std::string line(buffer, got > 0 ? got : 0);

		if (got > 0 && line.find(text) != std::string::npos)
			lines.push_back(line.substr(line.find(';') + 1));
		errno = 0;
	}
	return lines;
}

Result<LinkCounts> link_counts(const std::string &name)
{
	std::unique_ptr<nl_sock, decltype(&nl_socket_free)> socket(nl_socket_alloc(),
								   nl_socket_free);
	rtnl_link *link = nullptr;

	if (!socket || nl_connect(socket.get(), NETLINK_ROUTE) < 0 ||
	    rtnl_link_get_kernel(socket.get(), 0, name.c_str(), &link) < 0)
		return fail(ENODEV, "read the counters of", name);

	auto get = [link](rtnl_link_stat_id_t id) { return rtnl_link_get_stat(link, id); };
	LinkCounts counts{get(RTNL_LINK_RX_PACKETS),   get(RTNL_LINK_TX_PACKETS),
			  get(RTNL_LINK_RX_BYTES),     get(RTNL_LINK_TX_BYTES),
			  get(RTNL_LINK_RX_FRAME_ERR), get(RTNL_LINK_RX_DROPPED),
			  get(RTNL_LINK_TX_DROPPED)};

	rtnl_link_put(link);
	return counts;
}

Result<Done> run_command(const std::string &command)
{
	if (std::system(command.c_str()) != 0)
		return fail(0, "run", command);
	return Done{};
}

} // namespace ringtap
