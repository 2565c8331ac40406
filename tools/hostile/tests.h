// SPDX-License-Identifier: GPL-2.0-or-later
// The tests by group, and what runs one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hostile/rig.h"

namespace ringtap {

struct Test {
	std::string name;
	std::function<Result<Done>()> run;
	bool breaks = false; // makes the kernel log a line that it limits the rate of
};

using Tests = std::vector<Test>;

// Each file adds its own.
void add_lies(Tests &tests, const std::string &node);
void add_gone(Tests &tests, const std::string &node);
void add_frames(Tests &tests, const std::string &node);
void add_running(Tests &tests, const std::string &node);
void add_network(Tests &tests, const std::string &node);
void add_backends(Tests &tests, const std::string &node);
void add_workers(Tests &tests, const std::string &node);
// Of those the ones on a rig, whose threads are of a kind (VHOST_FORK_OWNER_*) or the kernel's own.
void add_worker_rigs(Tests &tests, const std::string &node, std::optional<uint8_t> threads);
void add_forked(Tests &tests, const std::string &node);
void add_stalled(Tests &tests, const std::string &node);
void add_accounts(Tests &tests, const std::string &node);
void add_pins(Tests &tests, const std::string &node);
void add_threads(Tests &tests, const std::string &node);
void add_history(Tests &tests, const std::string &node);
void add_iotlb(Tests &tests, const std::string &node);
void add_log(Tests &tests, const std::string &node);
void add_page_faults(Tests &tests, const std::string &node);
void add_headers(Tests &tests, const std::string &node);
void add_tunnels(Tests &tests, const std::string &node);

[[nodiscard]] const char *layout_name(Layout layout);
[[nodiscard]] const char *queue_name(unsigned queue);
// "tx, split: name"
[[nodiscard]] std::string test_name(const RigOptions &options, const char *name);

// The lying queue of the rig is broken as it should be: one error signalled, one counted, one
// line in the log; the other queue is not touched. Then it is revived and works.
[[nodiscard]] Result<Done> expect_broken(Rig &rig, const KernelLog &log, const std::string &kind);
[[nodiscard]] Result<Done> expect_revived(Rig &rig, uint64_t errors);
// The device is gone with its last descriptor.
[[nodiscard]] Result<Done> expect_closed(std::unique_ptr<Rig> rig);
// A test between an honest chain and close(): the device has no ring to complain of.
using RigTest = Result<Done> (*)(Rig &rig);
[[nodiscard]] Result<Done> on_rig(const RigOptions &options, RigTest test);

// A program of two instructions on the TAP that answers the same for every frame, until the
// descriptor is closed; ENOTSUP without BPF.
[[nodiscard]] Result<Fd> attach_xdp(const Tap &tap, int32_t answer);

} // namespace ringtap
