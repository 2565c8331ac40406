// SPDX-License-Identifier: GPL-2.0-or-later
// What every subcommand shares: exit codes, the outcome, and how errors are printed.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "lib/result.h"

namespace ringtap {

// Exit statuses of the tool, the same for all subcommands.
enum Exit : int {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1, // tried, and it failed or the answer is no
	EXIT_USAGE = 2,  // the command line makes no sense
	EXIT_SKIPPED = 4 // cannot be tested here (kselftest's skip)
};

// A subcommand's callback leaves its outcome here; main() returns it.
struct Context {
	int exit_code = EXIT_GOOD;

	// Print "ringtap: cannot ..." on stderr and remember the exit status.
	void report(const Error &error, int code = EXIT_FAILED);
	void report(const std::string &text, int code = EXIT_FAILED);
};

// Each cli/<command>.cc has one of these: adds its subcommand with options and callback.
void add_check(CLI::App &app, Context &ctx);
void add_drive(CLI::App &app, Context &ctx);
void add_features(CLI::App &app, Context &ctx);
void add_list(CLI::App &app, Context &ctx);
void add_run(CLI::App &app, Context &ctx);
void add_show(CLI::App &app, Context &ctx);
void add_watch(CLI::App &app, Context &ctx);

} // namespace ringtap
