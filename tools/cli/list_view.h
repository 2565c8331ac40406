// SPDX-License-Identifier: GPL-2.0-or-later
// What ringtap list prints: a line per device, with rates between two looks at them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/json_view.h"
#include "lib/netlink.h"

namespace ringtap {

// Per second, of one queue.
struct Rate {
	double packets = 0, bytes = 0, drops = 0;
};

// One device of the list.
struct ListRow {
	NlDevice device = {};
	std::optional<std::string> vm = {};   // its name
	std::string layout = {};              // "split", "packed", "mixed"; empty where not known
	std::optional<Rate> rx = {}, tx = {}; // as the guest sees it
	std::optional<uint64_t> interval =
		{}; // nanoseconds between the looks, where there is a rate
};

// Finds the VM's name by the pid of the device's owner.
using FindVm = std::function<std::optional<std::string>(unsigned pid)>;

// Rows of the later look, by id; rates of devices that were in the earlier one as well.
[[nodiscard]] std::vector<ListRow> list_rows(const std::optional<NlSnapshot> &earlier,
					     const NlSnapshot &later, const FindVm &find_vm);

[[nodiscard]] std::string list_text(const std::vector<ListRow> &rows);
[[nodiscard]] Json list_json(const std::vector<ListRow> &rows, uint64_t time);

// How the rings of a device are laid out: as those of its queues that run are, or else as was
// negotiated.
[[nodiscard]] std::string layout_of(const NlDeviceTree &tree);

} // namespace ringtap
