// SPDX-License-Identifier: GPL-2.0-or-later
// unshare(2) for the network.
#include "lib/netns.h"

#include <sched.h>
#include <unistd.h>

#include "lib/fd.h"

namespace ringtap {

Result<Done> enter_new_netns()
{
	if (::unshare(CLONE_NEWNET) < 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return fail(errno, "create", "a network namespace",
			    "run as root, or name a TAP of this namespace");

	// A kernel without IPv6 has no such file, and nothing to turn off.
	for (const char *scope : {"all", "default"}) {
		auto file = Fd::open(std::string("/proc/sys/net/ipv6/conf/") + scope +
					     "/disable_ipv6",
				     O_WRONLY);

		if (file && ::write(file->get(), "1", 1) != 1)
			return fail(errno, "turn off", "IPv6 in the new network namespace");
	}
	return Done{};
}

} // namespace ringtap
