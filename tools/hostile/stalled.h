// SPDX-License-Identifier: GPL-2.0-or-later
// What tests of pages that a worker waits for have in common.
#pragma once

#include "hostile/late_page.h"
#include "hostile/tests.h"

namespace ringtap {

// Where in the lying queue's buffer pages come late, and how long something is given to begin.
constexpr size_t late_offset = 64 << 10;
constexpr size_t another_offset = 72 << 10;
constexpr int moment_ms = 50;

[[nodiscard]] Result<LatePage> late_buffer(const Rig &rig, const PageSource &source = {},
					   size_t offset = late_offset);
// The worker at a buffer that is not there.
[[nodiscard]] Result<Done> stall(Rig &rig, LatePage &page);

// "a page comes late, in a FUSE file"
[[nodiscard]] std::string stalled_name(const RigOptions &options, const std::string &name,
				       const PageSource &source);

// Owners that end, or close, while their worker waits.
void add_stalled_owners(Tests &tests, const RigOptions &options, const PageSource &source);

} // namespace ringtap
