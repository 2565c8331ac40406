// SPDX-License-Identifier: GPL-2.0-or-later
// Checks and errors that both ring layouts share.
#include "guest/ring.h"

#include <fmt/format.h>

namespace ringtap {

Result<Done> check_queue_options(const QueueOptions &options)
{
	if (!std::has_single_bit(options.size) || options.size > 32768)
		return fail(EINVAL, "make", fmt::format("a ring of {} descriptors", options.size),
			    "use a power of two up to 32768 (virtio 2.7, 2.8)");
	if (options.layout == Layout::packed && options.start >= options.size)
		return fail(EINVAL, "start", fmt::format("a packed ring at slot {}", options.start),
			    "use a slot below the ring size");
	return Done{};
}

Result<Done> check_chain(std::span<const Buffer> out, std::span<const Buffer> in)
{
	if (out.empty() && in.empty())
		return fail(EINVAL, "add", "a chain without buffers", "give it at least one");
	return Done{};
}

tl::unexpected<Error> ring_full(unsigned wanted, unsigned free)
{
	return fail(ENOSPC, "add",
		    fmt::format("a chain of {} descriptors to a ring with {} free", wanted, free),
		    "take used buffers back first (get_buf)");
}

tl::unexpected<Error> device_lied(const char *layout, const std::string &how)
{
	return fail(EPROTO, "trust", fmt::format("the device on a {} ring: {}", layout, how),
		    "this is a bug of the device (the vhost module)");
}

} // namespace ringtap
