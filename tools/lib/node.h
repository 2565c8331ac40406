// SPDX-License-Identifier: GPL-2.0-or-later
// Opens a vhost-net device node, and says what is in the way when that fails.
#pragma once

#include <string>

#include "lib/fd.h"
#include "lib/result.h"

namespace ringtap {

inline constexpr char default_node[] = "/dev/vhost-ringtap";

// Close-on-exec, read and write, and proven to answer vhost ioctls. Each open is a device of its own.
[[nodiscard]] Result<Fd> open_node(const std::string &path);

// What to do where opening a node failed with an errno value; empty where nobody knows.
[[nodiscard]] std::string node_hint(const std::string &path, int code);

} // namespace ringtap
