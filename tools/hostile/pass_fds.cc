// SPDX-License-Identifier: GPL-2.0-or-later
// SCM_RIGHTS, unix(7).
#include "hostile/pass_fds.h"

#include <cstring>

#include <sys/socket.h>

namespace ringtap {

namespace {

union Control {
	cmsghdr header;
	char room[CMSG_SPACE(sizeof(TwoFds))];
};

msghdr message_with(iovec &iov, Control &control)
{
	msghdr message{};

	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = &control;
	message.msg_controllen = sizeof(control);
	return message;
}

} // namespace

Result<Done> pass_fds(int socket, const TwoFds &fds, pid_t number)
{
	Control control{};
	iovec iov{&number, sizeof(number)};
	msghdr message = message_with(iov, control);

	control.header = {CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS};
	std::memcpy(CMSG_DATA(&control.header), fds.data(), sizeof(fds));
	if (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
		return fail(errno, "pass", "descriptors");
	return Done{};
}

Result<TwoFds> receive_fds(int socket, pid_t *number)
{
	Control control{};
	pid_t ignored;
	iovec iov{number ? number : &ignored, sizeof(ignored)};
	msghdr message = message_with(iov, control);
	TwoFds fds{};

	if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != sizeof(ignored) ||
	    control.header.cmsg_len != CMSG_LEN(sizeof(fds)))
		return fail(errno, "receive", "descriptors");
	std::memcpy(fds.data(), CMSG_DATA(&control.header), sizeof(fds));
	return fds;
}

} // namespace ringtap
