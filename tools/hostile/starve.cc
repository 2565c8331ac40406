// SPDX-License-Identifier: GPL-2.0-or-later
// A loop of real-time priority, and a thread that looks where another one sleeps.
#include "hostile/starve.h"

#include <chrono>
#include <fstream>

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(3);

int last_cpu(const cpu_set_t &set)
{
	int cpu = CPU_SETSIZE - 1;

	while (cpu >= 0 && !CPU_ISSET(cpu, &set))
		cpu--;
	return cpu;
}

} // namespace

Result<std::unique_ptr<Starved>> Starved::start(int tid)
{
	std::unique_ptr<Starved> self(new Starved);
	cpu_set_t ours, theirs;

	if (::sched_getaffinity(0, sizeof(ours), &ours) < 0)
		return fail(errno, "get", "our processors");
	self->before_ = ours;
	if (CPU_COUNT(&ours) < 2)
		return fail(ENOTSUP, "starve", "a thread", "needs two processors");

	int cpu = last_cpu(ours);

	CPU_CLR(cpu, &ours);
	CPU_ZERO(&theirs);
	CPU_SET(cpu, &theirs);
	if (::sched_setaffinity(0, sizeof(ours), &ours) < 0 ||
	    ::sched_setaffinity(tid, sizeof(theirs), &theirs) < 0)
		return fail(errno, "bind", fmt::format("thread {} to processor {}", tid, cpu));
	self->spinner_ = std::thread([self = self.get(), theirs] {
		sched_param parameters{.sched_priority = 1};

		if (::sched_setaffinity(0, sizeof(theirs), &theirs) < 0 ||
		    ::sched_setscheduler(0, SCHED_FIFO, &parameters) < 0)
			self->error_ = errno;
		self->spinning_ = true;
		while (!self->stop_ && !self->error_)
			;
	});
	while (!self->spinning_)
		::poll(nullptr, 0, 1);
	if (self->error_)
		return fail(ENOTSUP, "starve", "a thread", "no real-time scheduling here");
	return self;
}

Starved::~Starved()
{
	stop_ = true;
	if (spinner_.joinable())
		spinner_.join();
	if (watcher_.joinable())
		watcher_.join();
	::sched_setaffinity(0, sizeof(before_), &before_);
}

void Starved::release_when_in(const std::string &function)
{
	watcher_ = std::thread([this, function, tid = ::gettid()] {
		auto deadline = Clock::now() + patience;

		while (!stop_ && Clock::now() < deadline) {
			std::ifstream file(fmt::format("/proc/self/task/{}/wchan", tid));
			std::string where;

			if (file >> where && where.find(function) != std::string::npos)
				break;
			::poll(nullptr, 0, 1);
		}
		stop_ = true;
	});
}

} // namespace ringtap
