// SPDX-License-Identifier: GPL-2.0-or-later
// WorkerMover: moves the queues of a device from worker to worker while they are busy.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "guest/net.h"
#include "lib/vhost.h"
#include "lib/worker_threads.h"

namespace ringtap {

// In a thread of its own: moves queues as fast as the device lets it; frees the worker that a queue
// has just left and makes another; and every so often holds still, to see in the threads' CPU
// time that a queue is served by its own worker and by no other.
class WorkerMover {
public:
	struct Options {
		uint64_t moves = 1000;
		unsigned workers = 4;       // at least 2, at most what the device takes
		std::vector<unsigned> busy; // the queues that have traffic
	};

	struct Counts {
		uint64_t moves = 0, made = 0, freed = 0, held = 0;
	};

	// Makes the workers. The caller keeps the device, which has an owner, until finish().
	// ENOTTY if the device knows no workers.
	[[nodiscard]] static Result<std::unique_ptr<WorkerMover>> start(const VhostDevice &device,
									Options options);
	WorkerMover(const WorkerMover &) = delete;
	WorkerMover &operator=(const WorkerMover &) = delete;
	~WorkerMover();

	// Whether moves are left to do; from any thread.
	[[nodiscard]] bool running() const { return running_; }

	// Wait for the end, or bring it about if it is not near. The first thing that went wrong.
	[[nodiscard]] Result<Done> finish();

	// After finish().
	[[nodiscard]] const Counts &counts() const { return counts_; }

private:
	struct Worker {
		unsigned id;
		WorkerThread thread;
	};

	static constexpr unsigned queues = 2;

	WorkerMover(const VhostDevice &device, Options options) :
		device_(device), options_(std::move(options))
	{
	}

	[[nodiscard]] Result<Done> adopt();
	[[nodiscard]] Result<Worker> make();
	// All but one of workers_, or all with its size().
	[[nodiscard]] Result<Done> wait_for_threads(size_t without) const;
	[[nodiscard]] Result<Done> move(unsigned queue, size_t to);
	[[nodiscard]] Result<Done> shuffle();
	[[nodiscard]] Result<Done> replace(unsigned queue);
	[[nodiscard]] Result<Done> hold(size_t rx, size_t tx);
	[[nodiscard]] Result<Done> see_busy(const std::vector<uint64_t> &before) const;
	[[nodiscard]] Result<size_t> find_used(const std::vector<uint64_t> &before) const;
	[[nodiscard]] Result<std::vector<uint64_t>> settled() const;
	[[nodiscard]] bool has_queue(size_t worker) const;
	[[nodiscard]] Result<Done> run();

	const VhostDevice &device_;
	Options options_;
	Counts counts_;
	std::vector<Worker> workers_;
	size_t at_[queues] = {}; // which of workers_ a queue has
	std::atomic<bool> running_ = true;
	std::atomic<bool> stop_ = false;
	Result<Done> outcome_ = Done{};
	std::thread thread_;
};

} // namespace ringtap
