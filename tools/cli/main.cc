// SPDX-License-Identifier: GPL-2.0-or-later
// The ringtap command: a table of subcommands.
#include <cstdio>

#include <fmt/format.h>

#include "cli/context.h"

namespace ringtap {

void Context::report(const std::string &text, int code)
{
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
	add_drive,
#if __has_include("cli/features.cc")
	add_features,
#endif
#if __has_include("cli/run.cc")
	add_run,
#endif
#if __has_include("cli/check.cc")
	add_check,
#endif
	nullptr,
};

int run_command(int argc, char **argv)
{
	CLI::App app{"ringtap: vhost-net rings, served by ringtap.ko, driven and shown"};
	Context ctx;

	app.set_version_flag("--version", "ringtap " RINGTAP_VERSION);
	app.require_subcommand(1);
	for (AddCommand add : commands)
		if (add)
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
