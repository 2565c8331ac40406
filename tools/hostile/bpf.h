// SPDX-License-Identifier: GPL-2.0-or-later
// Socket filters, of both kinds of BPF: one answer for the frames of a type, all others pass.
#pragma once

#include <cstdint>
#include <vector>

#include <linux/filter.h>

#include "lib/fd.h"

namespace ringtap {

struct FilterRule {
	uint16_t ethertype = 0; // 0: all frames
	unsigned answer = 0;    // how many bytes are kept, or a queue's number
};

// The old kind, for SO_ATTACH_FILTER and TUNATTACHFILTER.
[[nodiscard]] std::vector<sock_filter> classic_filter(const FilterRule &rule);

// The new kind. ENOTSUP without BPF.
[[nodiscard]] Result<Fd> load_filter(const FilterRule &rule);

enum class TunProgram { filter, steering };

// Give a TAP a program; an empty descriptor takes it away.
[[nodiscard]] Result<Done> set_tun_program(const Fd &tap, TunProgram which, const Fd &program);

// All of a TAP's packets to one of its queues, as far as it has so many.
[[nodiscard]] Result<Done> steer_tap(const Fd &tap, unsigned queue);

} // namespace ringtap
