// SPDX-License-Identifier: GPL-2.0-or-later
// A network namespace of our own, so that test traffic meets nothing else.
#pragma once

#include "lib/result.h"

namespace ringtap {

// Move this process into a new network namespace, without IPv6 in it, so that an interface there
// sends nothing by itself. Works unprivileged where user namespaces are allowed.
[[nodiscard]] Result<Done> enter_new_netns();

} // namespace ringtap
