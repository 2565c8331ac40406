// SPDX-License-Identifier: GPL-2.0-or-later
// TAP interfaces by /dev/net/tun; everything but the queues goes over rtnetlink.
#include "lib/tap.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

namespace ringtap {

namespace {

constexpr char tun_node[] = "/dev/net/tun";

std::string open_hint(int code)
{
	switch (code) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "load the tun module: modprobe tun";
	case EACCES:
	case EPERM:
		return "the node is usually mode 0666: chmod 0666 /dev/net/tun";
	default:
		return {};
	}
}

std::string attach_hint(int code, const std::string &name)
{
	switch (code) {
	case EPERM:
		return fmt::format("this needs CAP_NET_ADMIN, or a TAP that root made for you: "
				   "ip tuntap add dev {} mode tap vnet_hdr user $USER",
				   name);
	case EBUSY:
		return fmt::format("it exists, or another program has it open; see: ip -d link "
				   "show dev {}",
				   name);
	case E2BIG:
		return "it has no room for another queue";
	case EINVAL:
		return "it exists and is of another kind; choose another name";
	default:
		return {};
	}
}

int tun_flags(const TapOptions &options)
{
	int flags = IFF_TAP | IFF_NO_PI | int(options.more_flags);

	if (options.vnet_hdr)
		flags |= IFF_VNET_HDR;
	if (options.multi_queue || options.queues > 1)
		flags |= IFF_MULTI_QUEUE;
	return flags;
}

} // namespace

Result<Done> Tap::check_name(const std::string &name)
{
	auto bad = [](unsigned char c) { return c == '/' || c == ':' || std::isspace(c); };
	auto percent = std::count(name.begin(), name.end(), '%');

	if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
	    std::any_of(name.begin(), name.end(), bad))
		return fail(0, "use as an interface name", fmt::format("\"{}\"", name),
			    "give 1 to 15 characters without space, slash or colon");
	if (percent > 1 || (percent == 1 && name.find("%d") == std::string::npos))
		return fail(0, "use as an interface name", fmt::format("\"{}\"", name),
			    "at most one %d stands for a number");
	return Done{};
}

Result<Done> Tap::check_link(const Link &link, const TapOptions &options)
{
	const char *what = "use as the TAP";
	const char *header = options.vnet_hdr ? " vnet_hdr" : "";
	bool multi_queue = options.multi_queue || options.queues > 1;
	std::string again = fmt::format("ip link del {0} && ip tuntap add dev {0} mode tap{1}{2}",
					link.name, header, multi_queue ? " multi_queue" : "");

	if (!link.tun || !link.tun->tap)
		return fail(0, what, link.name,
			    link.kind.empty() || link.tun
				    ? "it is not a TAP; choose another name"
				    : fmt::format("it is a {}, not a TAP; choose another name",
						  link.kind));
	if (link.tun->vnet_hdr != options.vnet_hdr)
		return fail(0, what, link.name,
			    fmt::format("it was made with{} vnet_hdr; make it again: {}",
					link.tun->vnet_hdr ? "" : "out", again));
	if (multi_queue && !link.tun->multi_queue)
		return fail(
			0, what, link.name,
			fmt::format("it was made without multi_queue; make it again: {}", again));
	return Done{};
}

Result<Done> Tap::add_queue(int flags)
{
	Fd fd(::open(tun_node, O_RDWR | O_CLOEXEC | O_NONBLOCK));
	int code = errno;
	ifreq request{};

	if (!fd)
		return fail(code, "open", tun_node, open_hint(code));
	std::strncpy(request.ifr_name, name_.c_str(), IFNAMSIZ - 1);
	request.ifr_flags = static_cast<short>(flags);
	if (::ioctl(fd.get(), TUNSETIFF, &request) < 0) {
		code = errno;
		return fail(code, queues_.empty() ? "attach to TAP" : "add a queue to TAP", name_,
			    attach_hint(code, name_));
	}
	name_ = request.ifr_name;
	queues_.push_back(std::move(fd));
	return Done{};
}

Result<Done> Tap::configure(int flags, const TapOptions &options)
{
	while (queues() < options.queues)
		TRY(add_queue(flags));
	if (options.vnet_hdr_size)
		TRY(set_vnet_hdr_size(*options.vnet_hdr_size));
	if (options.sndbuf)
		TRY(set_sndbuf(*options.sndbuf));
	if (options.offloads)
		TRY(set_offloads(*options.offloads));
	if (options.persist)
		TRY(set_persist(true));
	return Done{};
}

Result<Tap> Tap::create(const std::string &name, const TapOptions &options)
{
	int flags = tun_flags(options);
	Tap tap;

	TRY(check_name(name));
	tap.name_ = name;
	TRY(tap.add_queue(flags | IFF_TUN_EXCL));
	TRY(tap.configure(flags, options));
	return tap;
}

Result<Tap> Tap::open(const std::string &name, const TapOptions &options)
{
	Link link = TRY(TRY(Rtnl::open()).find(name));
	TapOptions wanted = options;
	Tap tap;

	TRY(check_link(link, options));
	// One queue of a multi-queue TAP is attached as such.
	wanted.multi_queue = link.tun->multi_queue;
	tap.name_ = name;
	TRY(tap.configure(tun_flags(wanted), wanted));
	return tap;
}

int Tap::ifindex() const
{
	return static_cast<int>(::if_nametoindex(name_.c_str()));
}

Result<Done> Tap::set_int(unsigned long request, int value, const char *what)
{
	if (::ioctl(queues_.at(0).get(), request, &value) < 0)
		return fail(errno, fmt::format("set the {} to {} on TAP", what, value), name_);
	return Done{};
}

Result<Done> Tap::set_vnet_hdr_size(int size)
{
	return set_int(TUNSETVNETHDRSZ, size, "virtio-net header size");
}

Result<Done> Tap::set_sndbuf(int bytes)
{
	return set_int(TUNSETSNDBUF, bytes, "send buffer");
}

// These two take their argument by value.
Result<Done> Tap::set_offloads(unsigned flags)
{
	if (::ioctl(queues_.at(0).get(), TUNSETOFFLOAD, static_cast<unsigned long>(flags)) < 0)
		return fail(errno, fmt::format("set the offloads to {:#x} on TAP", flags), name_);
	return Done{};
}

Result<Done> Tap::set_persist(bool persist)
{
	if (::ioctl(queues_.at(0).get(), TUNSETPERSIST, static_cast<unsigned long>(persist)) < 0)
		return fail(errno, persist ? "make persistent TAP" : "make temporary TAP", name_);
	return Done{};
}

Result<Done> Tap::attach_queue(unsigned index, bool attach)
{
	ifreq request{};

	request.ifr_flags = attach ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
	if (::ioctl(queues_.at(index).get(), TUNSETQUEUE, &request) < 0)
		return fail(errno,
			    fmt::format("{} queue {} of TAP", attach ? "attach" : "detach", index),
			    name_);
	return Done{};
}

Result<Link> Tap::link() const
{
	return TRY(Rtnl::open()).find(name_);
}

// The setters leave alone what is right already: changing it would need privileges for nothing.
Result<Done> Tap::set_up()
{
	Rtnl rtnl = TRY(Rtnl::open());
	Link link = TRY(rtnl.find(name_));

	return link.up ? Done{} : rtnl.set_up(link);
}

Result<Done> Tap::set_mtu(unsigned mtu)
{
	Rtnl rtnl = TRY(Rtnl::open());
	Link link = TRY(rtnl.find(name_));

	return link.mtu == mtu ? Done{} : rtnl.set_mtu(link, mtu);
}

Result<Done> Tap::set_mac(const MacAddress &mac)
{
	Rtnl rtnl = TRY(Rtnl::open());
	Link link = TRY(rtnl.find(name_));

	return link.mac == mac ? Done{} : rtnl.set_mac(link, mac);
}

Result<Done> Tap::add_to_bridge(const std::string &bridge)
{
	Rtnl rtnl = TRY(Rtnl::open());
	Link link = TRY(rtnl.find(name_));
	Result<Link> master = rtnl.find(bridge);

	if (!master)
		return fail(
			master.error().code, "find the bridge", bridge,
			fmt::format("create it: ip link add {0} type bridge && ip link set {0} up",
				    bridge));
	if (master->kind != "bridge")
		return fail(0, "use as a bridge", bridge,
			    "it is not one; see: ip link show type bridge");
	if (link.master == master->index)
		return Done{};
	if (link.master)
		return fail(
			EBUSY, fmt::format("add to bridge {} the TAP", bridge), name_,
			fmt::format("it is in another one; take it out: ip link set {} nomaster",
				    name_));
	return rtnl.set_master(link, *master);
}

} // namespace ringtap
