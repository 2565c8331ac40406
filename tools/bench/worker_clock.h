// SPDX-License-Identifier: GPL-2.0-or-later
// WorkerClock: the CPU time of the kernel threads that serve this process's vhost devices.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/result.h"
#include "lib/worker_threads.h"

namespace ringtap {

// All threads named vhost-<our pid>, as they are after SET_OWNER: kernel threads of their own, or
// (since 6.4) threads of this process.
class WorkerClock {
public:
	[[nodiscard]] static Result<WorkerClock> find();

	// Wait until none is left of a device that was closed: threads of this process end later.
	[[nodiscard]] static Result<Done> wait_for_none();

	[[nodiscard]] size_t workers() const { return workers_.size(); }

	// Keep the workers on one processor, at default priority.
	[[nodiscard]] Result<Done> pin(int cpu) const;

	// CPU time of all workers so far. Exact only for workers that sleep.
	[[nodiscard]] Result<uint64_t> nanoseconds() const;

	// Wait until every worker sleeps and has stopped using CPU time; ETIMEDOUT if none does. By
	// yielding: the caller shares the workers' processor, and gives way to them (GiveWay).
	[[nodiscard]] Result<Done> settle() const;

private:
	[[nodiscard]] Result<bool> asleep() const;

	std::vector<WorkerThread> workers_;
};

} // namespace ringtap
