// SPDX-License-Identifier: GPL-2.0-or-later
// What a virtual machine is called, as the command line of its QEMU says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringtap {

// The name in a command line: "-name NAME", "-name guest=NAME,...", "--name ...". Nothing where
// there is none. The last one counts; ",," stands for a comma, as always in QEMU's options.
[[nodiscard]] std::optional<std::string> vm_name_in(const std::vector<std::string> &command);

// The words of a /proc/PID/cmdline, which end in a NUL each.
[[nodiscard]] std::vector<std::string> command_words(std::string_view cmdline);

// The name of the VM that a process runs; nothing where it has none, or may not be looked at.
[[nodiscard]] std::optional<std::string> vm_name_of(unsigned pid);

} // namespace ringtap
