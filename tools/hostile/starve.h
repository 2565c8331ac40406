// SPDX-License-Identifier: GPL-2.0-or-later
// Starved: a thread that has something to do and does not get to it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include <sched.h>

#include "lib/result.h"

namespace ringtap {

// Binds a thread to a processor that a real-time loop keeps to itself, and keeps the caller off it.
// The kernel lets the others run for 50 ms of each second all the same. Undone by the destructor.
class Starved {
public:
	// ENOTSUP with one processor only, or without real-time scheduling.
	[[nodiscard]] static Result<std::unique_ptr<Starved>> start(int tid);
	Starved(const Starved &) = delete;
	Starved &operator=(const Starved &) = delete;
	~Starved();

	// Let it run once the calling thread waits inside a kernel function with this in its name.
	void release_when_in(const std::string &function);
	void release() { stop_ = true; }

private:
	Starved() = default;

	cpu_set_t before_;
	std::atomic<bool> spinning_ = false, stop_ = false;
	std::atomic<int> error_ = 0;
	std::thread spinner_, watcher_;
};

} // namespace ringtap
