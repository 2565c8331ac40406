// SPDX-License-Identifier: GPL-2.0-or-later
// eventfd(2) with errors as values.
#include "lib/eventfd.h"

#include <poll.h>
#include <sys/eventfd.h>

namespace ringtap {

Result<EventFd> EventFd::create()
{
	Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

	if (!fd)
		return fail(errno, "create", "an eventfd",
			    "raise the limit of open files (ulimit -n)");
	return EventFd(std::move(fd));
}

Result<Done> EventFd::signal() const
{
	uint64_t one = 1;

	// A full counter (EAGAIN) is a signal nobody took yet: as good as a new one.
	if (::write(fd_.get(), &one, sizeof(one)) < 0 && errno != EAGAIN)
		return fail(errno, "signal", "an eventfd");
	return Done{};
}

Result<uint64_t> EventFd::drain() const
{
	uint64_t count = 0;

	if (::read(fd_.get(), &count, sizeof(count)) < 0 && errno != EAGAIN)
		return fail(errno, "read", "an eventfd");
	return count;
}

Result<bool> EventFd::wait(int timeout_ms) const
{
	pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};
	int ready = ::poll(&poll, 1, timeout_ms);

	if (ready < 0 && errno != EINTR)
		return fail(errno, "wait for", "an eventfd");
	return ready > 0;
}

} // namespace ringtap
