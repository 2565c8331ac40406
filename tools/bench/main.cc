// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap-bench: what a vhost worker pays per packet, stock and ringtap side by side.
#include <fstream>
#include <map>

#include <sched.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/burst.h"
#include "bench/give_way.h"
#include "bench/report.h"
#include "lib/netns.h"

namespace ringtap {

namespace {

struct BenchOptions {
	std::string title = "ringtap-bench";
	std::string unit = "ns";
	std::string stock = "/dev/vhost-net";
	std::string ours = "/dev/vhost-ringtap";
	std::vector<std::string> subjects = {"stock-split", "split", "packed"};
	std::vector<std::string> directions = {"tx", "rx"};
	std::vector<unsigned> sizes = {64, 1500};
	std::vector<unsigned> batches = {64, 1};
	unsigned ring_size = 256;
	unsigned repeats = 3;
	uint64_t packets = 6400;
	Pick pick = Pick::median;
	BenchMemory memory;
	std::string json;
	int cpu = 0;
};

Result<Done> settle_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (::sched_setaffinity(0, sizeof(set), &set) < 0)
		return fail(errno, "run on", fmt::format("processor {}", cpu),
			    "name another: --cpu");
	return GiveWay::take_over();
}

std::vector<Workload> make_workloads(const BenchOptions &options)
{
	using Direction = FrameStream::Direction;
	// Twice around the ring: every buffer has been used, and every cache is warm.
	uint64_t warm_up = 2 * uint64_t(options.ring_size);
	std::vector<Workload> workloads;

	for (const std::string &direction : options.directions)
		for (unsigned size : options.sizes)
			for (unsigned batch : options.batches) {
				// A burst of one costs the driver as much as one of many.
				uint64_t packets = batch == 1 ? options.packets / 8
							      : options.packets;

				workloads.push_back({direction == "tx" ? Direction::to_tap
								       : Direction::to_guest,
						     size, batch, packets, warm_up,
						     options.ring_size});
			}
	return workloads;
}

std::vector<Subject> make_subjects(const BenchOptions &options)
{
	std::vector<Subject> subjects;

	for (const std::string &name : options.subjects) {
		bool stock = name.starts_with("stock");

		subjects.push_back(
			{(stock ? "" : "ringtap ") + name, stock ? options.stock : options.ours,
			 name.find("packed") != name.npos ? Layout::packed : Layout::split,
			 name.ends_with("logged")});
	}
	return subjects;
}

// Repeats are the outer loop, so that whatever drifts on the machine drifts for all alike.
Result<Report> measure(const BenchOptions &options)
{
	std::vector<Subject> subjects = make_subjects(options);
	Report report(options.title, options.unit, subjects, options.pick);

	TRY(enter_new_netns());

	Tap tap = TRY(Tap::create("bench%d", {}));

	TRY(tap.set_up());
	TRY(settle_on(options.cpu));
	for (unsigned repeat = 0; repeat < options.repeats; repeat++) {
		for (const Workload &workload : make_workloads(options)) {
			for (size_t i = 0; i < subjects.size(); i++) {
				Sample sample = TRY(BurstDriver::run(subjects[i], workload, tap,
								     options.memory, options.cpu));

				report.add(i, workload, sample);
			}
		}
		fmt::print(stderr, "ringtap-bench: round {} of {} done\n", repeat + 1,
			   options.repeats);
	}
	return report;
}

Result<Done> bench(const BenchOptions &options)
{
	Report report = TRY(measure(options));

	fmt::print("{}", report.table());
	if (options.json.empty())
		return Done{};
	std::ofstream file(options.json);

	file << report.json().dump(1) << '\n';
	file.close();
	if (!file)
		return fail(errno, "write", options.json);
	return Done{};
}

void add_options(CLI::App &app, BenchOptions &options)
{
	app.add_option("--title", options.title, "what the table is called");
	app.add_option("--unit", options.unit, "what a nanosecond of this clock stands for")
		->capture_default_str();
	app.add_option("--stock", options.stock, "node to compare with")->capture_default_str();
	app.add_option("--ours", options.ours, "node to measure")->capture_default_str();
	app.add_option("--subjects", options.subjects, "the first is the reference")
		->check(CLI::IsMember({"stock-split", "stock-packed", "split", "packed",
				       "stock-split-logged", "split-logged", "packed-logged"}))
		->capture_default_str();
	app.add_option("--directions", options.directions, "as the guest sees them")
		->check(CLI::IsMember({"tx", "rx"}))
		->capture_default_str();
	app.add_option("--sizes", options.sizes, "bytes of a frame")
		->check(CLI::Range(30, 1514))
		->capture_default_str();
	app.add_option("--batches", options.batches, "frames of a burst")
		->check(CLI::Range(1, 1024))
		->capture_default_str();
	app.add_option("--ring-size", options.ring_size, "entries; no burst is larger")
		->check(CLI::Range(64, 32768))
		->capture_default_str();
	app.add_option("--repeats", options.repeats, "runs of each")->capture_default_str();
	app.add_option("--packets", options.packets, "measured in a run; an 8th for bursts of one")
		->capture_default_str();
	app.add_option("--pick", options.pick, "the run that stands for all")
		->transform(CLI::CheckedTransformer(std::map<std::string, Pick>{
			{"median", Pick::median}, {"fastest", Pick::fastest}}));
	app.add_option("--memory-device", options.memory.device,
		       "device to map guest memory from (anonymous memory without)");
	app.add_option("--cpu", options.cpu, "processor for driver and worker")
		->capture_default_str();
	app.add_option("--json", options.json, "file for all samples");
}

} // namespace
} // namespace ringtap

int main(int argc, char **argv)
{
	CLI::App app{"Measures the CPU time that vhost workers need per packet, without a VM."};
	ringtap::BenchOptions options;

	ringtap::add_options(app, options);
	CLI11_PARSE(app, argc, argv);

	auto done = ringtap::bench(options);

	if (done)
		return 0;
	fmt::print(stderr, "ringtap-bench: {}\n", done.error().message());
	return 1;
}
