// SPDX-License-Identifier: GPL-2.0-or-later
// WorkerThread: a kernel thread that serves a vhost device, as /proc shows it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/result.h"

namespace ringtap {

struct WorkerThread {
	int tid = 0;
	std::string directory = {}; // in /proc

	bool operator==(const WorkerThread &) const = default;
};

// All threads named vhost-<owner>, by tid: kernel threads of their own, or (since 6.4) threads of
// the owner.
[[nodiscard]] std::vector<WorkerThread> worker_threads(int owner);
// The same of these directories only.
[[nodiscard]] std::vector<WorkerThread> worker_threads_in(
	const std::vector<std::string> &directories, int owner);

// CPU time so far. Exact only for a thread that sleeps.
[[nodiscard]] Result<uint64_t> cpu_nanoseconds(const WorkerThread &thread);

// A thread that is about to sleep already calls itself asleep.
[[nodiscard]] Result<bool> is_asleep(const WorkerThread &thread);

} // namespace ringtap
