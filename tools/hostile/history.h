// SPDX-License-Identifier: GPL-2.0-or-later
// What the tests named after vhost-net's bugs share.
#pragma once

#include "hostile/tests.h"

namespace ringtap {

// A call that must fail, and in this way.
[[nodiscard]] Result<Done> expect_errno(const Result<Done> &result, int code,
					const std::string &what);

void add_history_files(Tests &tests, const std::string &node);
void add_history_owners(Tests &tests, const std::string &node);

} // namespace ringtap
