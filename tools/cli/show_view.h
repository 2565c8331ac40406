// SPDX-License-Identifier: GPL-2.0-or-later
// What ringtap show prints: everything about a device, in words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/json_view.h"
#include "lib/netlink.h"

namespace ringtap {

// One device to show.
struct ShowItem {
	NlDeviceTree tree;
	std::optional<std::string> vm = {}; // its VM's name
};

// The devices that a name means: an id, or the interface of one or several. Without a name, the
// only one there is. ENODEV where none fits.
[[nodiscard]] Result<std::vector<NlDeviceTree>> find_devices(const NlSnapshot &snapshot,
							     const std::string &name);

// now is a time of CLOCK_BOOTTIME, for how long things have been so.
[[nodiscard]] std::string show_text(const std::vector<ShowItem> &items, uint64_t now);
[[nodiscard]] Json show_json(const std::vector<ShowItem> &items, uint64_t now);

} // namespace ringtap
