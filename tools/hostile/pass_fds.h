// SPDX-License-Identifier: GPL-2.0-or-later
// Descriptors on their way through a socket.
#pragma once

#include <array>

#include <sys/types.h>

#include "lib/result.h"

namespace ringtap {

using TwoFds = std::array<int, 2>;

// Two open files and a number, in one message; the descriptors stay the caller's.
[[nodiscard]] Result<Done> pass_fds(int socket, const TwoFds &fds, pid_t number = 0);
// The same, with descriptors of our own, close-on-exec; the number goes to *number if wanted.
[[nodiscard]] Result<TwoFds> receive_fds(int socket, pid_t *number = nullptr);

} // namespace ringtap
