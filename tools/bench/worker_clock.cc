// SPDX-License-Identifier: GPL-2.0-or-later
// Finds vhost workers in /proc and reads their schedstat.
#include "bench/worker_clock.h"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <sched.h>
#include <unistd.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_again = 50us;
constexpr auto patience = 10s;

Result<std::string> slurp(const std::string &path)
{
	std::ifstream file(path);
	std::ostringstream text;

	text << file.rdbuf();
	if (!file)
		return fail(errno, "read", path, "is the worker gone?");
	return text.str();
}

} // namespace

std::vector<WorkerClock::Worker> WorkerClock::list()
{
	std::string wanted = fmt::format("vhost-{}\n", ::getpid());
	std::vector<Worker> workers;
	std::error_code error;

	for (const char *where : {"/proc", "/proc/self/task"}) {
		for (const auto &entry : std::filesystem::directory_iterator(where, error)) {
			std::string name = entry.path().filename();
			int tid = 0;

			if (std::from_chars(name.data(), name.data() + name.size(), tid).ec !=
			    std::errc())
				continue;
			auto comm = slurp(entry.path() / "comm");

			if (comm && *comm == wanted)
				workers.push_back({tid, entry.path()});
		}
	}
	return workers;
}

Result<WorkerClock> WorkerClock::find()
{
	WorkerClock clock;

	clock.workers_ = list();
	if (clock.workers_.empty())
		return fail(ESRCH, "find", "the worker thread of the device",
			    "it should be called vhost-<pid>; is /proc mounted?");
	return clock;
}

Result<Done> WorkerClock::wait_for_none()
{
	auto deadline = Clock::now() + patience;

	while (!list().empty()) {
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
	for (const Worker &worker : workers_) {
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

	for (const Worker &worker : workers_) {
		std::string text = TRY(slurp(worker.directory + "/schedstat"));
		uint64_t value = 0;

		if (std::from_chars(text.data(), text.data() + text.size(), value).ec !=
		    std::errc())
			return fail(EPROTO, "understand", worker.directory + "/schedstat",
				    "the kernel needs CONFIG_SCHED_INFO");
		sum += value;
	}
	return sum;
}

// The state is the word behind the name, which is in parentheses.
Result<bool> WorkerClock::asleep() const
{
	for (const Worker &worker : workers_) {
		std::string text = TRY(slurp(worker.directory + "/stat"));
		size_t end = text.rfind(')');

		if (end == std::string::npos || end + 2 >= text.size())
			return fail(EPROTO, "understand", worker.directory + "/stat");
		if (text[end + 2] != 'S' && text[end + 2] != 'I')
			return false;
	}
	return true;
}

// A worker that is about to sleep already calls itself asleep: so its CPU time decides.
Result<Done> WorkerClock::settle() const
{
	auto deadline = Clock::now() + patience;
	uint64_t before = 0, now = TRY(nanoseconds());

	do {
		std::this_thread::sleep_for(look_again);
		before = std::exchange(now, TRY(nanoseconds()));
		if (before == now && TRY(asleep()))
			return Done{};
	} while (Clock::now() < deadline);
	return fail(ETIMEDOUT, "see", "the vhost worker fall asleep",
		    "nothing else may use its TAP meanwhile");
}

} // namespace ringtap
