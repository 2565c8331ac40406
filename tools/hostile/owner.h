// SPDX-License-Identifier: GPL-2.0-or-later
// Owner: another process whose device carries traffic for as long as it lives.
#pragma once

#include <memory>

#include <sys/types.h>

#include "hostile/cgroup.h"
#include "hostile/rig.h"

namespace ringtap {

// What the owner does with its descriptors before the traffic begins.
enum class Heir {
	none,    // keeps them to itself
	forked,  // has a child that inherited them, and sleeps
	execed,  // has a child that runs another program with the device's still open
	replaced // runs another program itself, with the device's still open
};

// Where it lives, from before the first thing it allocates.
struct Home {
	const Cgroup *cgroup = nullptr; // ours if there is none
	bool own_netns = false;         // which its TAP is in, and which ends with it
};

// Killed by the destructor. What it left behind is told by expect_gone().
class Owner {
public:
	// Returns when frames have gone both ways in the new process.
	[[nodiscard]] static Result<std::unique_ptr<Owner>> start(const RigOptions &options,
								  Heir heir = Heir::none,
								  const Home &home = {});
	Owner(const Owner &) = delete;
	Owner &operator=(const Owner &) = delete;
	~Owner();

	[[nodiscard]] pid_t pid() const { return pid_; }
	[[nodiscard]] pid_t heir() const { return heir_; }
	// The same open files that the owner has, passed by SCM_RIGHTS.
	[[nodiscard]] Fd &device() { return device_; }
	[[nodiscard]] Fd &tap() { return tap_; }
	// Frames go on: verified ones, after this was called.
	[[nodiscard]] Result<Done> expect_traffic();

	// SIGKILL, and its end.
	void kill();
	// Its end by a SIGKILL that somebody else sends.
	[[nodiscard]] Result<Done> expect_killed();
	void kill_heir();

private:
	Owner() = default;

	[[nodiscard]] Result<Done> receive();

	pid_t pid_ = -1, heir_ = -1;
	Fd socket_; // of ours: progress and descriptors come here
	Fd device_, tap_;
};

// Users of the module now.
[[nodiscard]] Result<int> module_users();
// The module has so many; with company that is not known.
[[nodiscard]] Result<Done> expect_users(int users, const std::string &what);
// No thread serves what pid owned, and the module has so many users.
[[nodiscard]] Result<Done> expect_gone(pid_t pid, int users);

} // namespace ringtap
