// SPDX-License-Identifier: GPL-2.0-or-later
// Finds out what a vhost-net node offers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/features.h"
#include "lib/result.h"

namespace ringtap {

// An ioctl that not every kernel's node has.
struct IoctlSupport {
	std::string_view name;
	std::string_view meaning;
	bool supported = false;
};

struct NodeOffer {
	std::string node;
	FeatureSet features;
	uint64_t backend_features = 0;
	std::vector<IoctlSupport> ioctls; // the same ones, in the same order, for every node
};

// Opens the node, becomes its owner for a moment and asks. Nothing else is touched.
[[nodiscard]] Result<NodeOffer> probe_node(const std::string &path);

} // namespace ringtap
