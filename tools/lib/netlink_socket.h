// SPDX-License-Identifier: GPL-2.0-or-later
// Sockets of generic netlink: opened by libnl, read here, so that no length is taken on trust.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/netlink.h"

namespace ringtap {

struct NlFamily {
	NlSocket socket;
	uint16_t id = 0;
};

// Connects, and looks the family ringtap up. ENOENT where it is not there, with what to do.
[[nodiscard]] Result<NlFamily> open_family();

// What to do where the family is not there. version: of the module that is loaded, empty where
// none is.
[[nodiscard]] std::string family_hint(const std::optional<std::string> &version);

// What to do where the module that is loaded lacks what it was asked for.
[[nodiscard]] std::string old_module_hint();

// Hears of the groups that events come from. EOPNOTSUPP where the module has none.
[[nodiscard]] Result<Done> join_events(nl_sock *socket);

// The next datagram from the kernel; nothing where none is there and wait is false. ENOBUFS where
// the kernel had to leave some out.
[[nodiscard]] Result<std::optional<std::vector<uint8_t>>> receive(nl_sock *socket, bool wait);

} // namespace ringtap
