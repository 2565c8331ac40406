// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap check: is this host ready, and if not, what to do.
#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "lib/readiness.h"

namespace ringtap {

namespace {

struct CheckOptions {
	std::string node;
	bool json = false;
};

void print_text(const Readiness &readiness)
{
	for (const auto &finding : readiness.findings) {
		fmt::print("{:<5} {:<13} {}\n", verdict_name(finding.verdict), finding.name,
			   finding.found);
		if (!finding.fix.empty())
			fmt::print("{:<19} fix: {}\n", "", finding.fix);
	}
	if (readiness.ready())
		fmt::print("ready");
	else
		fmt::print("not ready: {} to fix", readiness.count(Verdict::fail));
	fmt::print(", {} to consider\n", readiness.count(Verdict::warn));
}

// Scripts compare these; people look for the capitals of verdict_name().
const char *json_status(Verdict verdict)
{
	return verdict == Verdict::fail ? "fail" : verdict_name(verdict);
}

void print_json(const Readiness &readiness)
{
	nlohmann::ordered_json out = {{"ready", readiness.ready()},
				      {"checks", nlohmann::json::array()}};

	for (const auto &finding : readiness.findings) {
		nlohmann::ordered_json check = {{"name", finding.name},
						{"status", json_status(finding.verdict)},
						{"found", finding.found}};

		if (!finding.fix.empty())
			check["fix"] = finding.fix;
		out["checks"].push_back(std::move(check));
	}
	fmt::print("{}\n", out.dump(2));
}

} // namespace

void add_check(CLI::App &app, Context &ctx)
{
	auto options = std::make_shared<CheckOptions>();
	auto *sub = app.add_subcommand("check", "is this host ready, and if not, what to do");

	sub->add_option("--node", options->node,
			"vhost-net node (default: the one that the loaded module serves)");
	sub->add_flag("--json", options->json, "print the findings as JSON");
	sub->callback([options, &ctx] {
		Readiness readiness = Readiness::of(Host::here(), options->node);

		if (options->json)
			print_json(readiness);
		else
			print_text(readiness);
		ctx.exit_code = readiness.ready() ? EXIT_GOOD : EXIT_FAILED;
	});
}

} // namespace ringtap
