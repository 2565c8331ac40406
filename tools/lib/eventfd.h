// SPDX-License-Identifier: GPL-2.0-or-later
// EventFd: a counter to signal and to wait for, as kick, call and error file of a queue.
#pragma once

#include <cstdint>

#include "lib/fd.h"
#include "lib/result.h"

namespace ringtap {

// Non-blocking on both ends.
class EventFd {
public:
	[[nodiscard]] static Result<EventFd> create();

	[[nodiscard]] int get() const { return fd_.get(); }

	// Add one to the counter.
	[[nodiscard]] Result<Done> signal() const;

	// Take the counter: how often it was signalled since the last time, 0 if not at all.
	[[nodiscard]] Result<uint64_t> drain() const;

	// Wait until it is signalled; false after timeout_ms without (-1 waits for ever).
	[[nodiscard]] Result<bool> wait(int timeout_ms) const;

private:
	explicit EventFd(Fd fd) : fd_(std::move(fd)) {}

	Fd fd_;
};

} // namespace ringtap
