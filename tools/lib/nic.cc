// SPDX-License-Identifier: GPL-2.0-or-later
// Opens, or foretells, the TAP and the vhost descriptors of one card.
#include "lib/nic.h"

#include <fstream>

#include <fmt/format.h>

namespace ringtap {

namespace {

MacAddress mac_for(const NicOptions &options, const std::string &tap)
{
	std::string machine;

	if (options.mac)
		return *options.mac;
	std::ifstream("/etc/machine-id") >> machine;
	return MacAddress::derive(machine, tap);
}

bool is_pattern(const std::string &name)
{
	return name.find('%') != std::string::npos;
}

// The TAP to open, if there is one of that name.
Result<std::optional<Link>> existing(Rtnl &rtnl, const std::string &name)
{
	if (is_pattern(name))
		return std::nullopt;
	Result<Link> link = rtnl.find(name);

	if (!link && link.error().code != ENODEV)
		return fail(link.error());
	return link ? std::optional(*link) : std::nullopt;
}

// The name that the kernel will choose for a pattern: the one with the lowest free number.
Result<std::string> foretell_name(Rtnl &rtnl, const std::string &pattern)
{
	constexpr int most = 32768;

	for (int i = 0; i < most; i++) {
		std::string name = pattern;

		name.replace(name.find("%d"), 2, std::to_string(i));
		Result<Link> link = rtnl.find(name);

		if (!link && link.error().code == ENODEV)
			return name;
		if (!link)
			return fail(link.error());
	}
	return fail(ENFILE, "find a free name for TAP", pattern);
}

// The kernel hands out the lowest free number, and Nic::open() opens nothing else meanwhile.
std::vector<int> foretell_fds(int from, unsigned count)
{
	std::vector<int> fds;

	for (int fd = from; fds.size() < count; fd++)
		if (::fcntl(fd, F_GETFD) < 0)
			fds.push_back(fd);
	return fds;
}

Result<Done> check_options(const NicOptions &options)
{
	constexpr unsigned most_queues = 256; // of the tun driver

	TRY(Tap::check_name(options.tap));
	if (options.queues < 1 || options.queues > most_queues)
		return fail(0, "use as the number of queue pairs", std::to_string(options.queues),
			    fmt::format("give 1 to {}", most_queues));
	return Done{};
}

Result<Tap> open_tap(const NicOptions &options)
{
	std::optional<Link> link;
	TapOptions wanted{.queues = options.queues};

	{
		Rtnl rtnl = TRY(Rtnl::open());

		link = TRY(existing(rtnl, options.tap));
	}
	return link ? Tap::open(options.tap, wanted) : Tap::create(options.tap, wanted);
}

std::vector<int> numbers(const std::vector<Fd> &fds)
{
	std::vector<int> list;

	list.reserve(fds.size());
	for (const auto &fd : fds)
		list.push_back(fd.get());
	return list;
}

} // namespace

Result<NicPlan> NicPlan::make(const NicOptions &options)
{
	constexpr int after_stdio = 3;
	NicPlan plan;

	TRY(check_options(options));
	Rtnl rtnl = TRY(Rtnl::open());
	std::optional<Link> link = TRY(existing(rtnl, options.tap));

	if (link)
		TRY(Tap::check_link(*link, {.queues = options.queues}));
	plan.create = !link;
	plan.tap = is_pattern(options.tap) ? TRY(foretell_name(rtnl, options.tap)) : options.tap;
	plan.mac = mac_for(options, plan.tap);
	{
		// Its descriptor must not count as taken.
		Rtnl closed = std::move(rtnl);
	}
	plan.vhost_fds = foretell_fds(after_stdio, options.queues);
	plan.tap_fds = foretell_fds(plan.vhost_fds.back() + 1, options.queues);
	return plan;
}

Result<Nic> Nic::open(const NicOptions &options)
{
	std::vector<Fd> vhost;

	TRY(check_options(options));
	// The node first: it is what is missing most often, and leaves nothing behind.
	for (unsigned i = 0; i < options.queues; i++)
		vhost.push_back(TRY(open_node(options.node)));
	Tap tap = TRY(open_tap(options));

	if (options.bridge)
		TRY(tap.add_to_bridge(*options.bridge));
	if (options.mtu)
		TRY(tap.set_mtu(*options.mtu));
	TRY(tap.set_up());
	MacAddress mac = mac_for(options, tap.name());

	return Nic(std::move(tap), std::move(vhost), mac);
}

std::vector<int> Nic::tap_fds() const
{
	std::vector<int> list;

	for (unsigned i = 0; i < tap_.queues(); i++)
		list.push_back(tap_.queue(i).get());
	return list;
}

std::vector<int> Nic::vhost_fds() const
{
	return numbers(vhost_);
}

Result<Done> Nic::keep_on_exec() const
{
	for (const auto &list : {tap_fds(), vhost_fds()})
		for (int fd : list)
			if (::fcntl(fd, F_SETFD, 0) < 0)
				return fail(errno, "keep open for QEMU the descriptor",
					    std::to_string(fd));
	return Done{};
}

} // namespace ringtap
