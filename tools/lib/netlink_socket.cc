// SPDX-License-Identifier: GPL-2.0-or-later
// Opening, options and recvmsg(2) of netlink sockets.
#include "lib/netlink_socket.h"

#include <cerrno>
#include <fstream>

#include <fmt/format.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace ringtap {

namespace {

// No answer of the kernel takes that long; a reader must not hang where one is lost.
constexpr timeval patience{10, 0};
// Room for a burst of events while nobody reads.
constexpr int event_buffer = 1 << 20;

std::optional<std::string> module_version()
{
	std::ifstream initstate("/sys/module/ringtap/initstate");
	std::string version;

	if (!initstate)
		return std::nullopt;
	std::ifstream("/sys/module/ringtap/version") >> version;
	return version.empty() ? "of an unknown version" : version;
}

tl::unexpected<Error> nl_fail(int nl_error, std::string what, std::string on)
{
	// libnl has numbers of its own; errno is what led to them.
	return fail(nl_error == -NLE_NOMEM ? ENOMEM : 0, std::move(what), std::move(on),
		    fmt::format("netlink says: {}", nl_geterror(nl_error)));
}

Result<Done> set_option(int fd, int level, int option, const void *value, socklen_t size)
{
	if (::setsockopt(fd, level, option, value, size) < 0)
		return fail(errno, "set up", "a netlink socket");
	return Done{};
}

} // namespace

void CloseNlSocket::operator()(nl_sock *socket) const
{
	nl_socket_free(socket);
}

std::string family_hint(const std::optional<std::string> &version)
{
	if (version)
		return fmt::format("ringtap {} is loaded, and too old to tell of itself: load the "
				   "module that came with this tool",
				   *version);
	return "load the module: modprobe ringtap, or insmod ringtap.ko where it is not installed";
}

std::string old_module_hint()
{
	return fmt::format("the module, ringtap {}, is too old for that: load the one that came "
			   "with this tool",
			   module_version().value_or("of an unknown version"));
}

Result<NlFamily> open_family()
{
	NlSocket socket(nl_socket_alloc());
	int on = 1;

	if (!socket)
		return fail(ENOMEM, "open", "a netlink socket");
	if (int error = genl_connect(socket.get()); error < 0)
		return nl_fail(error, "open", "a netlink socket");

	int fd = nl_socket_get_fd(socket.get());
	int family = genl_ctrl_resolve(socket.get(), RINGTAP_FAMILY_NAME);

	if (family == -NLE_OBJ_NOTFOUND)
		return fail(ENOENT, "find the netlink family", RINGTAP_FAMILY_NAME,
			    family_hint(module_version()));
	if (family < 0)
		return nl_fail(family, "find the netlink family", RINGTAP_FAMILY_NAME);
	TRY(set_option(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)));
	TRY(set_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)));
	TRY(set_option(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	return NlFamily{std::move(socket), static_cast<uint16_t>(family)};
}

Result<Done> join_events(nl_sock *socket)
{
	int group = genl_ctrl_resolve_grp(socket, RINGTAP_FAMILY_NAME, RINGTAP_MCGRP_EVENTS);
	int control = genl_ctrl_resolve_grp(socket, "nlctrl", "notify");
	int size = event_buffer;

	if (group == -NLE_OBJ_NOTFOUND)
		return fail(EOPNOTSUPP, "find the events of", "the netlink family ringtap",
			    old_module_hint());
	if (group < 0)
		return nl_fail(group, "find the events of", "the netlink family ringtap");
	// Families come and go in this group; without it, an unload goes unnoticed.
	if (control >= 0)
		nl_socket_add_membership(socket, control);
	// More than net.core.rmem_max only the privileged get.
	if (::setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
			 sizeof(size)) < 0)
		::setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (int error = nl_socket_add_membership(socket, group); error < 0)
		return nl_fail(error, "listen to", "the events of ringtap");
	return Done{};
}

Result<std::optional<std::vector<uint8_t>>> receive(nl_sock *socket, bool wait)
{
	int fd = nl_socket_get_fd(socket), flags = wait ? 0 : MSG_DONTWAIT;
	std::vector<uint8_t> datagram;

	for (;;) {
		// The size first: MSG_TRUNC has it told even where there is no room.
		ssize_t size = ::recv(fd, nullptr, 0, flags | MSG_PEEK | MSG_TRUNC);
		sockaddr_nl from{};
		socklen_t length = sizeof(from);

		if (size >= 0) {
			datagram.resize(static_cast<size_t>(size));
			size = ::recvfrom(fd, datagram.data(), datagram.size(), flags | MSG_TRUNC,
					  reinterpret_cast<sockaddr *>(&from), &length);
		}
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno == EAGAIN && !wait)
			return std::optional<std::vector<uint8_t>>();
		if (size < 0)
			return fail(errno == EAGAIN ? ETIMEDOUT : errno, "hear from", "the kernel");
		if (static_cast<size_t>(size) > datagram.size())
			return malformed("a netlink datagram", "it grew while it was read");
		datagram.resize(static_cast<size_t>(size));
		// Port 0 is the kernel; who else may send to us is root.
		if (from.nl_pid == 0)
			return std::optional(std::move(datagram));
	}
}

} // namespace ringtap
