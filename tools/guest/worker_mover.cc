// SPDX-License-Identifier: GPL-2.0-or-later
// Moves, frees, makes, and looks into /proc for who did the work.
#include "guest/worker_mover.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <unistd.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 20s;
constexpr auto look_again = 200us;
constexpr unsigned moves_a_round = 32;
constexpr unsigned rounds_a_hold = 4;
constexpr unsigned looks = 3;         // before a worker without a queue counts as serving
constexpr uint64_t busy_ns = 1000000; // of CPU time, to count as having served

std::vector<WorkerThread> threads()
{
	return worker_threads(::getpid());
}

} // namespace

WorkerMover::~WorkerMover()
{
	stop_ = true;
	if (thread_.joinable())
		thread_.join();
}

Result<std::unique_ptr<WorkerMover>> WorkerMover::start(const VhostDevice &device, Options options)
{
	std::unique_ptr<WorkerMover> mover(new WorkerMover(device, std::move(options)));

	TRY(mover->adopt());
	while (mover->workers_.size() < std::max(mover->options_.workers, 2u))
		mover->workers_.push_back(TRY(mover->make()));
	mover->thread_ = std::thread([self = mover.get()] {
		self->outcome_ = self->run();
		self->running_ = false;
	});
	return mover;
}

Result<Done> WorkerMover::finish()
{
	stop_ = true;
	if (thread_.joinable())
		thread_.join();
	return outcome_;
}

// What SET_OWNER made: threads were started in the order of their numbers.
Result<Done> WorkerMover::adopt()
{
	std::set<unsigned> ids;
	auto running = threads();

	for (unsigned queue = 0; queue < queues; queue++)
		ids.insert(TRY(device_.vring_worker(queue)));
	if (ids.size() != running.size())
		return fail(0, "find",
			    fmt::format("{} threads of the device, there are {}", ids.size(),
					running.size()));
	for (unsigned id : ids)
		workers_.push_back({id, running[workers_.size()]});
	for (unsigned queue = 0; queue < queues; queue++) {
		unsigned id = TRY(device_.vring_worker(queue));

		at_[queue] = std::ranges::find(workers_, id, &Worker::id) - workers_.begin();
	}
	return Done{};
}

Result<WorkerMover::Worker> WorkerMover::make()
{
	auto before = threads();
	unsigned id = TRY(device_.new_worker());
	auto after = threads();

	std::erase_if(after, [&](const WorkerThread &thread) {
		return std::ranges::find(before, thread) != before.end();
	});
	if (after.size() != 1)
		return fail(0, "see",
			    fmt::format("one new thread for worker {}, not {}", id, after.size()));
	counts_.made++;
	return Worker{id, after.front()};
}

// A thread of ours that has ended may be seen a little longer; while it goes, /proc may leave out
// others. So these and no others, before anything is concluded.
Result<Done> WorkerMover::wait_for_threads(size_t without) const
{
	auto deadline = Clock::now() + patience;
	std::vector<WorkerThread> wanted;

	for (size_t i = 0; i < workers_.size(); i++)
		if (i != without)
			wanted.push_back(workers_[i].thread);
	std::ranges::sort(wanted, {}, &WorkerThread::tid);
	for (auto found = threads(); found != wanted; found = threads()) {
		if (Clock::now() >= deadline)
			return fail(ETIMEDOUT, "see",
				    fmt::format("{} threads, there are {}", wanted.size(),
						found.size()));
		std::this_thread::sleep_for(look_again);
	}
	return Done{};
}

Result<Done> WorkerMover::move(unsigned queue, size_t to)
{
	if (at_[queue] == to)
		return Done{};
	TRY(device_.attach_vring_worker(queue, workers_[to].id));
	at_[queue] = to;
	counts_.moves++;
	return Done{};
}

// Both queues go round, in opposite directions.
Result<Done> WorkerMover::shuffle()
{
	size_t n = workers_.size();

	for (unsigned i = 0; i < moves_a_round; i++) {
		unsigned queue = i % queues;

		TRY(move(queue, (at_[queue] + (queue ? n - 1 : 1)) % n));
	}
	return Done{};
}

// Leave a queue's worker, free it at once, and have another.
Result<Done> WorkerMover::replace(unsigned queue)
{
	size_t victim = at_[queue], next = (victim + 1) % workers_.size();

	TRY(move(0, next));
	TRY(move(1, next));
	TRY(device_.free_worker(workers_[victim].id));
	counts_.freed++;
	TRY(wait_for_threads(victim));
	workers_[victim] = TRY(make());
	return wait_for_threads(workers_.size());
}

bool WorkerMover::has_queue(size_t worker) const
{
	return std::ranges::find(at_, worker) != std::end(at_);
}

// The CPU time of each worker, once those without a queue use none.
Result<std::vector<uint64_t>> WorkerMover::settled() const
{
	auto deadline = Clock::now() + patience;
	std::vector<uint64_t> times(workers_.size()), last;
	bool asleep = false;

	while (!asleep || times != last) {
		if (Clock::now() >= deadline)
			return fail(ETIMEDOUT, "see", "the workers without a queue fall asleep");
		last = times;
		asleep = true;
		std::this_thread::sleep_for(look_again);
		for (size_t i = 0; i < workers_.size(); i++) {
			if (has_queue(i))
				continue;
			asleep &= TRY(is_asleep(workers_[i].thread));
			times[i] = TRY(cpu_nanoseconds(workers_[i].thread));
		}
	}
	for (size_t i = 0; i < workers_.size(); i++)
		times[i] = TRY(cpu_nanoseconds(workers_[i].thread));
	return times;
}

// Every worker that has a busy queue uses the CPU.
Result<Done> WorkerMover::see_busy(const std::vector<uint64_t> &before) const
{
	auto deadline = Clock::now() + patience;

	for (unsigned queue : options_.busy) {
		const Worker &worker = workers_[at_[queue]];
		uint64_t until = before[at_[queue]] + busy_ns;

		while (TRY(cpu_nanoseconds(worker.thread)) < until && !stop_) {
			if (Clock::now() >= deadline)
				return fail(ETIMEDOUT, "see",
					    fmt::format("worker {} (thread {}) serve queue {}",
							worker.id, worker.thread.tid, queue));
			std::this_thread::sleep_for(look_again);
		}
	}
	return Done{};
}

// A worker without a queue that has used the CPU since, or how many workers there are.
Result<size_t> WorkerMover::find_used(const std::vector<uint64_t> &before) const
{
	for (size_t i = 0; i < workers_.size(); i++)
		if (!has_queue(i) && TRY(cpu_nanoseconds(workers_[i].thread)) != before[i])
			return i;
	return workers_.size();
}

// Held on these two, the queues are served by these two and by no other.
Result<Done> WorkerMover::hold(size_t rx, size_t tx)
{
	TRY(move(NetGuest::rx_index, rx));
	TRY(move(NetGuest::tx_index, tx));
	for (unsigned queue = 0; queue < queues; queue++) {
		unsigned id = workers_[at_[queue]].id;
		auto freed = device_.free_worker(id);

		if (TRY(device_.vring_worker(queue)) != id)
			return fail(0, "find", fmt::format("queue {} on worker {}", queue, id));
		if (freed || freed.error().code != EBUSY)
			return fail(freed ? 0 : freed.error().code, "get",
				    "EBUSY for freeing a worker that serves a queue");
	}

	// One that falls asleep calls itself asleep before it is: it may use the CPU once more.
	for (unsigned look = 1;; look++) {
		auto before = TRY(settled());

		TRY(see_busy(before));

		size_t used = TRY(find_used(before));

		if (used == workers_.size())
			break;
		if (look == looks)
			return fail(0, "find",
				    fmt::format("worker {} (thread {}) idle: it has no queue",
						workers_[used].id, workers_[used].thread.tid));
	}
	counts_.held += !stop_;
	return Done{};
}

Result<Done> WorkerMover::run()
{
	for (unsigned round = 0; counts_.moves < options_.moves && !stop_; round++) {
		size_t n = workers_.size(), first = round / rounds_a_hold % n;

		TRY(shuffle());
		TRY(replace(round % queues));
		if (round % rounds_a_hold == 0)
			TRY(hold(first, round / rounds_a_hold % 2 ? (first + 1) % n : first));
	}
	return Done{};
}

} // namespace ringtap
