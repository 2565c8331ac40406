// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap list: the devices that are open, and how busy they are.
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "cli/context.h"
#include "cli/list_view.h"
#include "cli/words_view.h"
#include "lib/netlink.h"
#include "lib/vm_name.h"

namespace ringtap {

namespace {

struct ListOptions {
	double interval = 1;
	bool json = false;
};

Result<Done> list_devices(const ListOptions &options)
{
	Netlink netlink = TRY(Netlink::open());
	NlSnapshot now = TRY(netlink.snapshot());
	std::optional<NlSnapshot> earlier;

	if (options.interval > 0 && !now.devices.empty()) {
		earlier = std::move(now);
		std::this_thread::sleep_for(std::chrono::duration<double>(options.interval));
		now = TRY(netlink.snapshot());
	}

	auto rows = list_rows(earlier, now, vm_name_of);

	if (!now.untold.empty())
		fmt::print(stderr, "ringtap: {}\n", untold_text(now.untold));
	if (options.json)
		fmt::print("{}\n", json_text(list_json(rows, now.time), 2));
	else
		fmt::print("{}", list_text(rows));
	return Done{};
}

} // namespace

void add_list(CLI::App &app, Context &ctx)
{
	auto options = std::make_shared<ListOptions>();
	CLI::App *command = app.add_subcommand(
		"list", "the devices that are open, a line each, with rates");

	command->add_option("--interval", options->interval,
			    "seconds over which rates are taken; 0 for no rates")
		->check(CLI::Range(0.0, 3600.0))
		->capture_default_str();
	command->add_flag("--json", options->json, "the result as JSON");
	command->callback([options, &ctx] {
		if (auto done = list_devices(*options); !done)
			ctx.report(done.error());
	});
}

} // namespace ringtap
