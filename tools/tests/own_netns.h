// SPDX-License-Identifier: GPL-2.0-or-later
// OwnNetns: tests with real TAPs, in a network namespace where no name is taken.
#pragma once

#include <cerrno>
#include <cstring>

#include <sched.h>

#include <gtest/gtest.h>

#include "lib/tap.h"

namespace ringtap {

// Skips its tests where the machine does not let us have such a namespace, or a TAP in it.
class OwnNetns : public testing::Test {
protected:
	void SetUp() override
	{
		if (::unshare(CLONE_NEWNET) < 0)
			GTEST_SKIP() << "no network namespace of our own: " << std::strerror(errno);
		if (auto tap = Tap::create("probe%d", {}); !tap)
			GTEST_SKIP() << tap.error().message();
	}
};

} // namespace ringtap
