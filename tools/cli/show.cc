// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap show: everything about one device.
#include <memory>

#include <fmt/format.h>

#include "cli/context.h"
#include "cli/show_view.h"
#include "cli/words_view.h"
#include "lib/netlink.h"
#include "lib/vm_name.h"

namespace ringtap {

namespace {

struct ShowOptions {
	std::string device;
	bool json = false;
};

Result<Done> show_device(const ShowOptions &options)
{
	Netlink netlink = TRY(Netlink::open());
	NlSnapshot snapshot = TRY(netlink.snapshot());
	std::vector<ShowItem> items;

	for (NlDeviceTree &tree : TRY(find_devices(snapshot, options.device))) {
		ShowItem item{std::move(tree)};

		if (item.tree.device.owner_pid)
			item.vm = vm_name_of(*item.tree.device.owner_pid);
		items.push_back(std::move(item));
	}
	if (!snapshot.untold.empty())
		fmt::print(stderr, "ringtap: {}\n", untold_text(snapshot.untold));
	if (options.json)
		fmt::print("{}\n", json_text(show_json(items, snapshot.time), 2));
	else
		fmt::print("{}", show_text(items, snapshot.time));
	return Done{};
}

} // namespace

void add_show(CLI::App &app, Context &ctx)
{
	auto options = std::make_shared<ShowOptions>();
	CLI::App *command = app.add_subcommand("show", "everything about one device, in words");

	command->add_option("device", options->device,
			    "its id, or its interface; not needed where there is one alone");
	command->add_flag("--json", options->json, "the result as JSON");
	command->callback([options, &ctx] {
		if (auto done = show_device(*options); !done)
			ctx.report(done.error());
	});
}

} // namespace ringtap
