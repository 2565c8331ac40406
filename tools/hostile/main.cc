// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap_hostile: a guest that breaks the rules, one test at a time, as TAP.
#include <chrono>
#include <deque>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "hostile/storm.h"
#include "hostile/tests.h"
#include "lib/netns.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;

// The kernel says no more than 10 lines in 5 seconds from one place. Wait for the next turn; what
// was said before we came is not known.
void pace()
{
	static std::deque<Clock::time_point> said(8, Clock::now());

	if (said.size() == 8) {
		std::this_thread::sleep_until(said.front() + std::chrono::milliseconds(5600));
		said.pop_front();
	}
	said.push_back(Clock::now());
}

Tests tests_of(const std::string &group, const StormOptions &options)
{
	const std::string &node = options.node;
	Tests tests;

	if (group == "lies")
		add_lies(tests, node);
	else if (group == "gone")
		add_gone(tests, node);
	else if (group == "frames")
		add_frames(tests, node);
	else if (group == "running")
		add_running(tests, node);
	else if (group == "network")
		add_network(tests, node);
	else if (group == "backends")
		add_backends(tests, node);
	else if (group == "workers")
		add_workers(tests, node);
	else if (group == "forked")
		add_forked(tests, node);
	else if (group == "stalled")
		add_stalled(tests, node);
	else if (group == "accounts") {
		add_accounts(tests, node);
		add_pins(tests, node);
		add_threads(tests, node);
	} else if (group == "history")
		add_history(tests, node);
	else if (group == "iotlb")
		add_iotlb(tests, node);
	else if (group == "log")
		add_log(tests, node);
	else if (group == "page_faults")
		add_page_faults(tests, node);
	else if (group == "headers") {
		add_headers(tests, node);
		add_tunnels(tests, node);
	} else if (group == "storm")
		tests.push_back({"a storm leaves nothing behind and harms no other device",
				 [&options] { return run_storm(options); }});
	return tests;
}

// ENOTSUP is a skip. Returns whether the test did not fail.
bool run_test(const Test &test)
{
	auto start = Clock::now();

	if (test.breaks && !has_company())
		pace();

	auto result = test.run();
	auto took = std::chrono::duration<double>(Clock::now() - start).count();

	if (result) {
		fmt::print("ok - {}\n", test.name);
	} else if (result.error().code == ENOTSUP) {
		fmt::print("ok - {} # SKIP {}\n", test.name, result.error().hint);
	} else {
		fmt::print("# {} (after {:.1f} s)\nnot ok - {}\n", result.error().message(), took,
			   test.name);
	}
	::fflush(stdout);
	return result || result.error().code == ENOTSUP;
}

int run(const std::string &group, const std::string &filter, const StormOptions &options, bool list)
{
	bool good = true;

	if (!list) {
		// The stock node tells nothing.
		if (options.node == RigOptions().node)
			(void)DeviceStats::open();
		if (auto done = enter_new_netns(); !done) {
			fmt::print(stderr, "ringtap_hostile: {}\n", done.error().message());
			return 1;
		}
	}
	for (const Test &test : tests_of(group, options)) {
		if (test.name.find(filter) == std::string::npos)
			continue;
		if (list)
			fmt::print("{}\n", test.name);
		else
			good &= run_test(test);
	}
	return good ? 0 : 1;
}

} // namespace

} // namespace ringtap

int main(int argc, char **argv)
{
	CLI::App app("tests of a vhost-net node with rings and frames that break the rules");
	std::string group, filter;
	ringtap::StormOptions options;
	bool list = false, company = false;

	app.add_option("group", group,
		       "lies, gone, frames, running, network, backends, workers, forked, stalled, "
		       "accounts, history, iotlb, log, page_faults, headers or storm")
		->required();
	app.add_option("filter", filter, "only tests with this text in their name");
	app.add_option("--node", options.node, "vhost-net node to test");
	app.add_option("--seed", options.seed, "storm: what to begin with");
	app.add_option("--seconds", options.seconds, "storm: how long");
	app.add_flag("--list", list, "print the tests' names");
	app.add_flag("--company", company,
		     "others use the module meanwhile: look neither at its users nor at the log");
	CLI11_PARSE(app, argc, argv);
	if (company)
		ringtap::have_company();
	return ringtap::run(group, filter, options, list);
}
