// SPDX-License-Identifier: GPL-2.0-or-later
// Adds up, pins and waits for the workers of our own devices.
#include "bench/worker_clock.h"

#include <chrono>
#include <thread>

#include <sched.h>
#include <unistd.h>

namespace ringtap {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_again = 50us;
constexpr auto patience = 10s;

} // namespace

Result<WorkerClock> WorkerClock::find()
{
	WorkerClock clock;

	clock.workers_ = worker_threads(::getpid());
	if (clock.workers_.empty())
		return fail(ESRCH, "find", "the worker thread of the device",
			    "it should be called vhost-<pid>; is /proc mounted?");
	return clock;
}

Result<Done> WorkerClock::wait_for_none()
{
	auto deadline = Clock::now() + patience;

	while (!worker_threads(::getpid()).empty()) {
		if (Clock::now() >= deadline)
			return fail(ETIMEDOUT, "see", "the worker of a closed device end");
		std::this_thread::sleep_for(look_again);
	}
	return Done{};
}

Result<Done> WorkerClock::pin(int cpu) const
{
	sched_param parameters{};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	for (const WorkerThread &worker : workers_) {
		// A thread of ours has inherited our real-time class.
		if (::sched_setscheduler(worker.tid, SCHED_OTHER, &parameters) < 0)
			return fail(errno, "set the priority of", worker.directory, "run as root");
		if (::sched_setaffinity(worker.tid, sizeof(set), &set) < 0)
			return fail(errno, "set the processor of", worker.directory, "run as root");
	}
	return Done{};
}

Result<uint64_t> WorkerClock::nanoseconds() const
{
	uint64_t sum = 0;

	for (const WorkerThread &worker : workers_)
		sum += TRY(cpu_nanoseconds(worker));
	return sum;
}

Result<bool> WorkerClock::asleep() const
{
	for (const WorkerThread &worker : workers_)
		if (!TRY(is_asleep(worker)))
			return false;
	return true;
}

// A worker that is about to sleep already calls itself asleep: so its CPU time decides.
Result<Done> WorkerClock::settle() const
{
	auto deadline = Clock::now() + patience;
	uint64_t before = 0, now = TRY(nanoseconds());

	do {
		::sched_yield();
		before = std::exchange(now, TRY(nanoseconds()));
		if (before == now && TRY(asleep()))
			return Done{};
	} while (Clock::now() < deadline);
	return fail(ETIMEDOUT, "see", "the vhost worker fall asleep",
		    "nothing else may use its TAP meanwhile");
}

} // namespace ringtap
