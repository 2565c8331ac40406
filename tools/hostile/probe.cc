// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the module's netlink family, /dev/kmsg and an interface's statistics.
#include "hostile/probe.h"

#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <netlink/route/link.h>

#include "hostile/tests.h"
#include "lib/netlink.h"
#include "lib/netlink_names.h"

namespace ringtap {

namespace {

bool company = false;

// In the network namespace that we were started in: from the tests' own, a device without a TAP
// is not seen.
std::optional<Netlink> &netlink()
{
	static std::optional<Netlink> netlink;

	return netlink;
}

template <class T>
void put(std::map<std::string, std::string> &values, const std::string &name,
	 const std::optional<T> &value)
{
	if (value)
		values[name] = fmt::format("{}", *value);
}

void put_stats(std::map<std::string, std::string> &values, const std::string &queue,
	       const NlStats &stats)
{
	for (const NlName &counter : counters())
		put(values, fmt::format("{}.{}", queue, counter.name), stats.counts[counter.value]);
	for (const NlErrorCount &error : stats.errors)
		values[fmt::format("{}.error_{}", queue,
				   name_or_number(ring_errors(), error.kind))] =
			std::to_string(error.count);
}

void put_queue(std::map<std::string, std::string> &values, const NlQueue &queue)
{
	std::string name = queue_name(queue.index);
	auto put_word = [&](const char *key, std::span<const NlName> table,
			    const std::optional<uint32_t> &value) {
		if (value)
			values[name + key] = name_or_number(table, *value);
	};

	put_word(".state", queue_states(), queue.state);
	put_word(".backend", backends(), queue.backend);
	put_word(".layout", layouts(), queue.layout);
	put(values, name + ".size", queue.size);
	put(values, name + ".last_avail", queue.last_avail);
	put(values, name + ".last_used", queue.last_used);
	if (queue.mapped)
		values[name + ".access"] = *queue.mapped ? "mapped" : "user";
	if (queue.fault_kind)
		values[name + ".fault"] = fmt::format(
			"{} index {} descriptor {}",
			name_or_number(ring_errors(), *queue.fault_kind),
			queue.fault_index.value_or(0), queue.fault_desc.value_or(0));
	if (queue.stats)
		put_stats(values, name, *queue.stats);
}

} // namespace

Result<Done> DeviceStats::open()
{
	netlink() = TRY(Netlink::open());
	return Done{};
}

// The device that this process owns; nothing where there is none.
static Result<std::optional<NlDevice>> find_own()
{
	if (!netlink())
		TRY(DeviceStats::open());
	for (const NlDevice &device : TRY(netlink()->devices()))
		if (device.owner_pid == static_cast<uint32_t>(::getpid()))
			return std::optional(device);
	return std::optional<NlDevice>();
}

Result<DeviceStats> DeviceStats::read()
{
	std::optional<NlDevice> device = TRY(find_own());
	DeviceStats stats;

	if (!device)
		return fail(ENOENT, "find our device in", "what ringtap.ko tells");
	stats.id_ = std::to_string(device->id);
	for (uint32_t queue = 0; queue < device->queues.value_or(0); queue++)
		put_queue(stats.values_, TRY(netlink()->queue(device->id, queue)));
	return stats;
}

Result<Done> DeviceStats::expect_none()
{
	if (TRY(find_own()))
		return fail(EEXIST, "see", "the device gone after close()");
	return Done{};
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

void have_company()
{
	company = true;
}

bool has_company()
{
	return company;
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

Result<uint64_t> kilobytes(const std::string &file, const std::string &name)
{
	std::ifstream in(file);
	std::string word;
	uint64_t value;

	while (in >> word)
		if (word == name + ":" && in >> value)
			return value << 10;
	return fail(0, "find", name + " in " + file);
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
