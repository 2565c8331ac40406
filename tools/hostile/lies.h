// SPDX-License-Identifier: GPL-2.0-or-later
// The lies that are in a file of their own.
#pragma once

#include "hostile/tests.h"

namespace ringtap {

// Those that a queue has to go on after.
void add_harmless_lies(Tests &tests, const std::string &node);

} // namespace ringtap
