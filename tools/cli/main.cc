// SPDX-License-Identifier: GPL-2.0-or-later
// The ringtap command: a table of subcommands.
#include <cstdio>

#include <fmt/format.h>

#include "cli/context.h"

namespace ringtap {

void Context::report(const std::string &text, int code)
{
	// What was printed before comes first, also where both go to one file.
	std::fflush(stdout);
	fmt::print(stderr, "ringtap: {}\n", text);
	exit_code = code;
}

void Context::report(const Error &error, int code)
{
	report(error.message(), code);
}

namespace {

using AddCommand = void (*)(CLI::App &app, Context &ctx);

// In the order of the help text.
constexpr AddCommand commands[] = {
	add_drive, add_features, add_run, add_check, add_list, add_show, add_watch,
};

int run_command(int argc, char **argv)
{
	CLI::App app{"ringtap: vhost-net rings, served by ringtap.ko, driven and shown"};
	Context ctx;

	app.set_version_flag("--version", "ringtap " RINGTAP_VERSION);
	app.require_subcommand(1);
	for (AddCommand add : commands)
		add(app, ctx);
	try {
		app.parse(argc, argv);
	} catch (const CLI::ParseError &error) {
		return app.exit(error) == 0 ? EXIT_GOOD : EXIT_USAGE;
	}
	return ctx.exit_code;
}

} // namespace
} // namespace ringtap

int main(int argc, char **argv)
{
	return ringtap::run_command(argc, argv);
}
