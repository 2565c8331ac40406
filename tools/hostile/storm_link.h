// SPDX-License-Identifier: GPL-2.0-or-later
// What a storm tells the kernel about interfaces.
#pragma once

#include <cstdint>

namespace ringtap {

// RTM_DELLINK, or RTM_NEWLINK that moves the interface to the network namespace of the caller's parent.
void storm_link(uint16_t type, int ifindex);

} // namespace ringtap
