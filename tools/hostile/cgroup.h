// SPDX-License-Identifier: GPL-2.0-or-later
// Cgroup: a control group (v2) of a test's own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

#include "lib/result.h"

namespace ringtap {

// Removed by the destructor, which needs it to be empty.
class Cgroup {
public:
	// ENOTSUP without cgroup v2 in its usual place, or without its memory controller.
	[[nodiscard]] static Result<std::unique_ptr<Cgroup>> make(const std::string &name);
	Cgroup(const Cgroup &) = delete;
	Cgroup &operator=(const Cgroup &) = delete;
	~Cgroup();

	// Its name as /proc/PID/cgroup has it.
	[[nodiscard]] const std::string &name() const { return name_; }

	// Moves a process, 0 for the caller's. What it was charged before stays where it was.
	[[nodiscard]] Result<Done> add(pid_t pid) const;
	// Writes one of its files, as in ("memory.max", "4096").
	[[nodiscard]] Result<Done> set(const std::string &file, const std::string &word) const;
	// The number in a file, or the one after a key in it.
	[[nodiscard]] Result<uint64_t> get(const std::string &file,
					   const std::string &key = {}) const;

private:
	explicit Cgroup(std::string name) : name_(std::move(name)) {}
	[[nodiscard]] std::string path(const std::string &file) const;

	std::string name_;
};

} // namespace ringtap
