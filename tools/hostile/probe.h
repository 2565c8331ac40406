// SPDX-License-Identifier: GPL-2.0-or-later
// What tests look at from outside: the queues' counters, the kernel log, an interface's counters.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/fd.h"
#include "lib/result.h"

namespace ringtap {

// Others use the module meanwhile: its users and the lines of the kernel log, of which it says only so
// many in a time, are not ours alone, and tests do not look at them.
void have_company();
[[nodiscard]] bool has_company();

// A device's state and counters, by name: "tx.packets" to "17".
class DeviceStats {
public:
	// Has read() look from the network namespace that this is called in, wherever we go later.
	[[nodiscard]] static Result<Done> open();
	// Of the device that this process owns; ENOENT if there is none.
	[[nodiscard]] static Result<DeviceStats> read();
	// An error while this process owns a device.
	[[nodiscard]] static Result<Done> expect_none();

	[[nodiscard]] const std::string &id() const { return id_; }
	[[nodiscard]] std::string text(const std::string &name) const;
	[[nodiscard]] uint64_t count(const std::string &name) const;
	// The sum of all that begin with this: "tx.error_".
	[[nodiscard]] uint64_t sum(const std::string &prefix) const;

private:
	std::string id_;
	std::map<std::string, std::string> values_;
};

// The kernel log from now on.
class KernelLog {
public:
	[[nodiscard]] static Result<KernelLog> from_now();

	// The lines since the last time that contain a text.
	[[nodiscard]] std::vector<std::string> lines_with(const std::string &text) const;

private:
	explicit KernelLog(Fd fd) : fd_(std::move(fd)) {}

	Fd fd_;
};

// A number in kB after a name in a file of /proc, in bytes.
[[nodiscard]] Result<uint64_t> kilobytes(const std::string &file, const std::string &name);

// An interface's own counters. For a TAP, received is what came from its user.
struct LinkCounts {
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_frame_errors, rx_dropped,
		tx_dropped;
};

[[nodiscard]] Result<LinkCounts> link_counts(const std::string &name);

// Run a command line; an error unless it exits with 0.
[[nodiscard]] Result<Done> run_command(const std::string &command);

} // namespace ringtap
