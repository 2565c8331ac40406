// SPDX-License-Identifier: GPL-2.0-or-later
// The tests of backends, by what they are about; and what runs one.
#pragma once

#include "hostile/pair.h"
#include "hostile/tests.h"

namespace ringtap {

void add_kinds(Tests &tests, const std::string &node);
void add_tap_changes(Tests &tests, const std::string &node);
void add_pressure(Tests &tests, const std::string &node);
void add_filters(Tests &tests, const std::string &node);

// What a device is to be given, and what it may be asked on top of that.
struct BackendCase {
	PairOptions pair;
	WireOptions wire;
};

// Between attaching both queues and close(), after which the device is gone.
using PairTest = Result<Done> (*)(Pair &pair, Wire &wire);
[[nodiscard]] Result<Done> on_pair(const BackendCase &backend, PairTest test);

// "split, a macvtap: name", behind "stock, " for any other node than ours.
[[nodiscard]] std::string backend_test_name(const BackendCase &backend, const char *name);
void add_backend_test(Tests &tests, const BackendCase &backend, const char *name, PairTest test);

// A flag of TUNSETIFF that the kernel has, or ENOTSUP.
[[nodiscard]] Result<Done> need_tun_flag(unsigned flag, const char *name);

} // namespace ringtap
