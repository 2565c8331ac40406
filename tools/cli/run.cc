// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap run: starts QEMU with a network card that a vhost-net node serves.
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/context.h"
#include "lib/nic.h"
#include "lib/qemu.h"
#include "lib/shell.h"

namespace ringtap {

namespace {

struct RunOptions {
	NicOptions nic;
	QemuNic qemu;
	std::string bridge, mac;
	unsigned mtu = 0;
	bool no_device = false;
	bool dry_run = false;
	bool json = false;
	std::vector<std::string> command;
};

// What the command line said as text, as the library wants it.
Result<Done> settle(RunOptions &options)
{
	if (!options.bridge.empty())
		options.nic.bridge = options.bridge;
	if (!options.mac.empty())
		options.nic.mac = TRY(MacAddress::parse(options.mac));
	if (options.mtu)
		options.nic.mtu = options.mtu;
	options.qemu.mtu = options.nic.mtu;
	options.qemu.device = !options.no_device;
	return Done{};
}

void print_json(const RunOptions &options, const NicPlan &plan,
		const std::vector<std::string> &command)
{
	nlohmann::json bridge = nullptr, mtu = nullptr;

	if (options.nic.bridge)
		bridge = *options.nic.bridge;
	if (options.nic.mtu)
		mtu = *options.nic.mtu;
	nlohmann::ordered_json out = {
		{"command", command},
		{"tap", {{"name", plan.tap}, {"create", plan.create}, {"bridge", bridge}}},
		{"node", options.nic.node},
		{"queues", options.nic.queues},
		{"mac", plan.mac.text()},
		{"mtu", mtu},
		{"tap_fds", plan.tap_fds},
		{"vhost_fds", plan.vhost_fds},
	};

	fmt::print("{}\n", out.dump(2));
}

Result<Done> show(RunOptions &options)
{
	NicPlan plan = TRY(NicPlan::make(options.nic));

	options.qemu.mac = plan.mac;
	options.qemu.tap_fds = plan.tap_fds;
	options.qemu.vhost_fds = plan.vhost_fds;
	auto command = TRY(qemu_command(options.command, options.qemu));

	if (options.json)
		print_json(options, plan, command);
	else
		fmt::print("{}\n", shell_join(command));
	return Done{};
}

// A closed standard descriptor would go to the card, and QEMU would talk to it as to a terminal.
void open_stdio()
{
	int fd;

	do
		fd = ::open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		::close(fd);
}

// Faults of the command line show before anything is opened.
Result<Done> check(const RunOptions &options)
{
	const char *path = std::getenv("PATH");
	QemuNic probe = options.qemu;

	probe.mac = options.nic.mac.value_or(MacAddress::derive(""));
	probe.tap_fds = probe.vhost_fds = {3};
	auto command = TRY(qemu_command(options.command, probe));

	TRY(find_program(command.front(), path ? path : "/usr/bin:/bin"));
	return Done{};
}

// Returns only on failure.
Result<Done> start(RunOptions &options)
{
	TRY(check(options));
	open_stdio();
	Nic nic = TRY(Nic::open(options.nic));

	options.qemu.mac = nic.mac();
	options.qemu.tap_fds = nic.tap_fds();
	options.qemu.vhost_fds = nic.vhost_fds();
	auto command = TRY(qemu_command(options.command, options.qemu));
	std::vector<char *> argv;

	for (auto &word : command)
		argv.push_back(word.data());
	argv.push_back(nullptr);
	TRY(nic.keep_on_exec());
	::execvp(argv[0], argv.data());
	return fail(errno, "run", command.front());
}

void run(RunOptions &options, Context &ctx)
{
	if (options.json && !options.dry_run) {
		ctx.report("--json goes with --dry-run: QEMU's output is its own", EXIT_USAGE);
		return;
	}
	if (Result<Done> settled = settle(options); !settled) {
		ctx.report(settled.error(), EXIT_USAGE);
		return;
	}
	Result<Done> done = options.dry_run ? show(options) : start(options);

	if (!done)
		ctx.report(done.error());
}

} // namespace

void add_run(CLI::App &app, Context &ctx)
{
	auto options = std::make_shared<RunOptions>();
	auto *sub = app.add_subcommand("run", "start QEMU with a network card that vhost serves");

	sub->add_option("--node", options->nic.node, "vhost-net node")->capture_default_str();
	sub->add_option("--tap", options->nic.tap,
			"TAP to open, or to create if there is none; %d is the lowest free number")
		->capture_default_str();
	sub->add_option("--queues", options->nic.queues, "queue pairs")->capture_default_str();
	sub->add_option("--bridge", options->bridge, "make the TAP a port of this bridge");
	sub->add_option("--mtu", options->mtu, "MTU of the TAP, offered to the guest")
		->check(CLI::Range(68, 65521));
	sub->add_option("--mac", options->mac,
			"address of the guest's card (default: derived from machine and TAP)");
	sub->add_option("--id", options->qemu.id, "QEMU's id for the netdev")
		->capture_default_str();
	sub->add_option("--device", options->qemu.device_type, "QEMU's device model")
		->capture_default_str();
	sub->add_option("--device-opts", options->qemu.device_opts,
			"more device properties, such as packed=on,rx_queue_size=1024");
	sub->add_option("--netdev-opts", options->qemu.netdev_opts,
			"more netdev options, such as poll-us=50");
	sub->add_flag("--no-device", options->no_device,
		      "add the netdev alone: the command line, or QMP, brings the device");
	sub->add_flag("--dry-run", options->dry_run, "print the command line, and change nothing");
	sub->add_flag("--json", options->json, "with --dry-run: print what would be done as JSON");
	sub->add_option("command", options->command, "-- QEMU's command line")->required();
	sub->positionals_at_end();
	sub->callback([options, &ctx] { run(*options, ctx); });
}

} // namespace ringtap
