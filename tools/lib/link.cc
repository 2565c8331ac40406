// SPDX-License-Identifier: GPL-2.0-or-later
// Network interfaces over rtnetlink, by libnl-route; what that library does not know of tun is read here.
#include "lib/link.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

namespace ringtap {

namespace {

struct PutLink {
	void operator()(rtnl_link *link) const { rtnl_link_put(link); }
};
using LinkPtr = std::unique_ptr<rtnl_link, PutLink>;

struct PutAddr {
	void operator()(nl_addr *addr) const { nl_addr_put(addr); }
};
using AddrPtr = std::unique_ptr<nl_addr, PutAddr>;

// libnl folds errno values into its own; the ones met here, back again.
int errno_of(int nl_error)
{
	switch (-nl_error) {
	case NLE_PERM:
		return EPERM;
	case NLE_NOACCESS:
		return EACCES;
	case NLE_OBJ_NOTFOUND:
	case NLE_NODEV:
		return ENODEV;
	case NLE_BUSY:
		return EBUSY;
	case NLE_EXIST:
		return EEXIST;
	case NLE_INVAL:
		return EINVAL;
	case NLE_RANGE:
		return ERANGE;
	case NLE_OPNOTSUPP:
		return EOPNOTSUPP;
	case NLE_NOMEM:
		return ENOMEM;
	default:
		return EIO;
	}
}

tl::unexpected<Error> nl_fail(int nl_error, std::string what, std::string on)
{
	int code = errno_of(nl_error);
	std::string hint;

	if (code == EPERM || code == EACCES)
		hint = "this needs CAP_NET_ADMIN: run it as root";
	else if (code == EIO)
		hint = fmt::format("netlink says: {}", nl_geterror(nl_error));
	return fail(code, std::move(what), std::move(on), std::move(hint));
}

Link to_link(rtnl_link *from)
{
	const char *kind = rtnl_link_get_type(from);
	nl_addr *address = rtnl_link_get_addr(from);
	Link link;

	link.index = rtnl_link_get_ifindex(from);
	link.name = rtnl_link_get_name(from);
	link.kind = kind ? kind : "";
	link.up = rtnl_link_get_flags(from) & IFF_UP;
	link.mtu = rtnl_link_get_mtu(from);
	link.master = rtnl_link_get_master(from);
	if (address && nl_addr_get_len(address) == link.mac.bytes.size())
		std::memcpy(link.mac.bytes.data(), nl_addr_get_binary_addr(address),
			    link.mac.bytes.size());
	return link;
}

bool flag_of(nlattr *attribute)
{
	return attribute && nla_get_u8(attribute);
}

unsigned number_of(nlattr *attribute)
{
	return attribute ? nla_get_u32(attribute) : 0;
}

// Called by libnl with the answer to RTM_GETLINK; arg is the optional TunInfo to fill.
int parse_tun(nl_msg *message, void *arg)
{
	auto *tun = static_cast<std::optional<TunInfo> *>(arg);
	nlattr *link[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *data[IFLA_TUN_MAX + 1];

	if (nlmsg_parse(nlmsg_hdr(message), sizeof(ifinfomsg), link, IFLA_MAX, nullptr) < 0 ||
	    !link[IFLA_LINKINFO] ||
	    nla_parse_nested(info, IFLA_INFO_MAX, link[IFLA_LINKINFO], nullptr) < 0 ||
	    !info[IFLA_INFO_DATA] ||
	    nla_parse_nested(data, IFLA_TUN_MAX, info[IFLA_INFO_DATA], nullptr) < 0)
		return NL_OK;
	if (!data[IFLA_TUN_TYPE])
		return NL_OK;
	*tun = TunInfo{
		.tap = nla_get_u8(data[IFLA_TUN_TYPE]) == IFF_TAP,
		.vnet_hdr = flag_of(data[IFLA_TUN_VNET_HDR]),
		.multi_queue = flag_of(data[IFLA_TUN_MULTI_QUEUE]),
		.persist = flag_of(data[IFLA_TUN_PERSIST]),
		.queues = number_of(data[IFLA_TUN_NUM_QUEUES]) +
			  number_of(data[IFLA_TUN_NUM_DISABLED_QUEUES]),
	};
	return NL_OK;
}

} // namespace

void Rtnl::Close::operator()(nl_sock *socket) const
{
	nl_socket_free(socket);
}

Result<Rtnl> Rtnl::open()
{
	Rtnl rtnl(nl_socket_alloc());

	if (!rtnl.socket_)
		return fail(ENOMEM, "open", "a netlink socket");
	if (int error = nl_connect(rtnl.socket_.get(), NETLINK_ROUTE); error < 0)
		return nl_fail(error, "open", "a netlink socket");
	return rtnl;
}

Result<Link> Rtnl::find(const std::string &name)
{
	rtnl_link *found = nullptr;
	int error = rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &found);

	if (error < 0)
		return nl_fail(error, "find the network interface", name);
	LinkPtr owned(found);
	Link link = to_link(found);

	if (link.kind == "tun")
		link.tun = TRY(tun_info(link));
	return link;
}

Result<std::optional<TunInfo>> Rtnl::tun_info(const Link &link)
{
	ifinfomsg query{};
	std::optional<TunInfo> tun;
	int error;

	query.ifi_index = link.index;
	error = nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, parse_tun, &tun);
	if (error >= 0)
		error = nl_send_simple(socket_.get(), RTM_GETLINK, NLM_F_ACK, &query,
				       sizeof(query));
	if (error >= 0)
		error = nl_recvmsgs_default(socket_.get());
	if (error >= 0)
		error = nl_wait_for_ack(socket_.get());
	nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
	if (error < 0)
		return nl_fail(error, "ask for the TAP settings of", link.name);
	return tun;
}

Result<Done> Rtnl::change(const Link &link, rtnl_link *changes, const char *what)
{
	LinkPtr original(rtnl_link_alloc()), owned(changes);

	if (!original || !changes)
		return fail(ENOMEM, what, link.name);
	rtnl_link_set_ifindex(original.get(), link.index);
	if (int error = rtnl_link_change(socket_.get(), original.get(), changes, 0); error < 0)
		return nl_fail(error, what, link.name);
	return Done{};
}

Result<Done> Rtnl::set_up(const Link &link, bool up)
{
	rtnl_link *changes = rtnl_link_alloc();

	if (changes && up)
		rtnl_link_set_flags(changes, IFF_UP);
	else if (changes)
		rtnl_link_unset_flags(changes, IFF_UP);
	return change(link, changes, up ? "bring up" : "bring down");
}

Result<Done> Rtnl::set_mtu(const Link &link, unsigned mtu)
{
	rtnl_link *changes = rtnl_link_alloc();

	if (changes)
		rtnl_link_set_mtu(changes, mtu);
	return change(link, changes, fmt::format("set the MTU to {} on", mtu).c_str());
}

Result<Done> Rtnl::set_mac(const Link &link, const MacAddress &mac)
{
	AddrPtr address(nl_addr_build(AF_LLC, mac.bytes.data(), mac.bytes.size()));
	rtnl_link *changes = rtnl_link_alloc();

	if (changes && address)
		rtnl_link_set_addr(changes, address.get());
	return change(link, changes, fmt::format("set the address {} on", mac.text()).c_str());
}

Result<Done> Rtnl::set_master(const Link &link, const Link &master)
{
	int error = rtnl_link_enslave_ifindex(socket_.get(), master.index, link.index);

	if (error < 0)
		return nl_fail(error, fmt::format("add to bridge {}", master.name), link.name);
	return Done{};
}

Result<Done> Rtnl::set_netns(const Link &link, int pid)
{
	rtnl_link *changes = rtnl_link_alloc();

	if (changes)
		rtnl_link_set_ns_pid(changes, pid);
	return change(link, changes,
		      fmt::format("move to the network namespace of process {}", pid).c_str());
}

Result<Done> Rtnl::add_bridge(const std::string &name)
{
	LinkPtr bridge(rtnl_link_alloc());

	if (!bridge || rtnl_link_set_type(bridge.get(), "bridge") < 0)
		return fail(ENOMEM, "create the bridge", name);
	rtnl_link_set_name(bridge.get(), name.c_str());
	if (int error = rtnl_link_add(socket_.get(), bridge.get(), NLM_F_CREATE | NLM_F_EXCL);
	    error < 0)
		return nl_fail(error, "create the bridge", name);
	return Done{};
}

Result<Done> Rtnl::remove(const Link &link)
{
	LinkPtr named(rtnl_link_alloc());

	if (!named)
		return fail(ENOMEM, "remove", link.name);
	rtnl_link_set_ifindex(named.get(), link.index);
	if (int error = rtnl_link_delete(socket_.get(), named.get()); error < 0)
		return nl_fail(error, "remove", link.name);
	return Done{};
}

} // namespace ringtap
