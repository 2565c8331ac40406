// SPDX-License-Identifier: GPL-2.0-or-later
// Answers of generic netlink's own family and of the one beside it; system calls that lead here.
#include "fake_kernel.h"

#include <algorithm>
#include <cerrno>

#include <linux/genetlink.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringtap::testing_netlink {

namespace {

constexpr uint16_t family_id = 30;
constexpr uint32_t first_group = 5;

FakeKernel *the_kernel;

std::string string_of(const Attribute &attribute)
{
	std::string text(attribute.payload.begin(), attribute.payload.end());

	return text.substr(0, text.find('\0'));
}

} // namespace

FakeKernel::FakeKernel(FakeFamily family) : family_(std::move(family))
{
	the_kernel = this;
}

FakeKernel::~FakeKernel()
{
	the_kernel = nullptr;
}

FakeKernel *FakeKernel::current()
{
	return the_kernel;
}

ssize_t FakeKernel::send(const msghdr &message)
{
	Buffer datagram;

	for (size_t i = 0; i < message.msg_iovlen; i++) {
		auto *from = static_cast<const uint8_t *>(message.msg_iov[i].iov_base);

		datagram.insert(datagram.end(), from, from + message.msg_iov[i].iov_len);
	}

	auto requests = split_messages(datagram);

	for (const Message &request : requests.value())
		answer(request);
	return static_cast<ssize_t>(datagram.size());
}

ssize_t FakeKernel::receive(msghdr &message, int flags)
{
	// Nobody else will send anything: who waits, waits in vain.
	if (datagrams_.empty()) {
		errno = EAGAIN;
		return -1;
	}

	Buffer datagram = datagrams_.front();
	size_t at = 0;
	sockaddr_nl kernel{};

	kernel.nl_family = AF_NETLINK;
	if (!(flags & MSG_PEEK))
		datagrams_.pop_front();
	for (size_t i = 0; i < message.msg_iovlen; i++) {
		size_t part = std::min(message.msg_iov[i].iov_len, datagram.size() - at);

		std::copy_n(datagram.begin() + static_cast<ptrdiff_t>(at), part,
			    static_cast<uint8_t *>(message.msg_iov[i].iov_base));
		at += part;
	}
	if (message.msg_name && message.msg_namelen >= sizeof(kernel))
		std::memcpy(message.msg_name, &kernel, sizeof(kernel));
	message.msg_namelen = sizeof(kernel);
	message.msg_controllen = 0;
	message.msg_flags = at < datagram.size() ? MSG_TRUNC : 0;
	return static_cast<ssize_t>(flags & MSG_TRUNC ? datagram.size() : at);
}

void FakeKernel::answer(const Message &request)
{
	if (request.type == GENL_ID_CTRL)
		answer_control(request);
	else
		answer_dump(request);
}

// What CTRL_CMD_GETFAMILY tells.
Writer FakeKernel::description() const
{
	Writer groups, all;
	uint16_t number = 0;

	for (const std::string &name : family_.groups) {
		number++;
		groups.nest(number, Writer().u32(CTRL_ATTR_MCAST_GRP_ID, first_group + number)
					    .string(CTRL_ATTR_MCAST_GRP_NAME, name));
	}
	all.put<uint16_t>(CTRL_ATTR_FAMILY_ID, family_id)
		.string(CTRL_ATTR_FAMILY_NAME, family_.name)
		.u32(CTRL_ATTR_VERSION, family_.version);
	if (number)
		all.nest(CTRL_ATTR_MCAST_GROUPS, groups);
	return all;
}

void FakeKernel::answer_control(const Message &request)
{
	std::string name;
	auto generic_request = generic_message(request).value();
	bool good = for_each_attribute(generic_request.attributes, [&](const Attribute &attribute) {
			    if (attribute.type == CTRL_ATTR_FAMILY_NAME)
				    name = string_of(attribute);
			    return Result<Done>();
		    }).has_value();

	if (!good || name != family_.name) {
		datagrams_.push_back(error(request.sequence, -ENOENT));
		return;
	}
	datagrams_.push_back(
		generic(GENL_ID_CTRL, CTRL_CMD_NEWFAMILY, request.sequence, description(), 0));
	datagrams_.push_back(error(request.sequence, 0));
}

void FakeKernel::answer_dump(const Message &request)
{
	uint8_t command = generic_message(request).value().command;
	auto found = family_.records.find(command);

	if (request.type != family_id || found == family_.records.end()) {
		datagrams_.push_back(error(request.sequence, -EOPNOTSUPP));
		return;
	}
	for (const Writer &record : found->second)
		datagrams_.push_back(generic(family_id, command, request.sequence, record,
					     NLM_F_MULTI, family_.version));
	datagrams_.push_back(done(request.sequence));
}

} // namespace ringtap::testing_netlink

using ringtap::testing_netlink::FakeKernel;

// libnl and we find these before the C library's. The descriptors are of real sockets, which nothing
// is sent to.
extern "C" {

ssize_t sendmsg(int fd, const msghdr *message, int flags)
{
	if (FakeKernel *kernel = FakeKernel::current())
		return kernel->send(*message);
	return ::syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t recvmsg(int fd, msghdr *message, int flags)
{
	if (FakeKernel *kernel = FakeKernel::current())
		return kernel->receive(*message, flags);
	return ::syscall(SYS_recvmsg, fd, message, flags);
}

ssize_t recvfrom(int fd, void *to, size_t size, int flags, sockaddr *from, socklen_t *length)
{
	FakeKernel *kernel = FakeKernel::current();

	if (!kernel)
		return ::syscall(SYS_recvfrom, fd, to, size, flags, from, length);

	iovec room{to, size};
	msghdr message{};

	message.msg_name = from;
	message.msg_namelen = length ? *length : 0;
	message.msg_iov = &room;
	message.msg_iovlen = 1;

	ssize_t received = kernel->receive(message, flags);

	if (received >= 0 && length)
		*length = message.msg_namelen;
	return received;
}

ssize_t recv(int fd, void *to, size_t size, int flags)
{
	return ::recvfrom(fd, to, size, flags, nullptr, nullptr);
}

} // extern "C"
