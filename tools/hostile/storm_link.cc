// SPDX-License-Identifier: GPL-2.0-or-later
// A message about an interface, sent and forgotten.
#include "hostile/storm_link.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringtap {

void storm_link(uint16_t type, int ifindex)
{
	struct {
		nlmsghdr header;
		ifinfomsg info;
		rtattr attribute;
		uint32_t pid;
	} message{};
	int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	message.header.nlmsg_len = sizeof(message);
	message.header.nlmsg_type = type;
	message.header.nlmsg_flags = NLM_F_REQUEST;
	message.info.ifi_index = ifindex;
	message.attribute = {RTA_LENGTH(sizeof(uint32_t)), IFLA_NET_NS_PID};
	message.pid = uint32_t(::getppid());
	(void)::send(fd, &message, sizeof(message), MSG_DONTWAIT);
	::close(fd);
}

} // namespace ringtap
