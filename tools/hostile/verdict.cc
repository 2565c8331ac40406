// SPDX-License-Identifier: GPL-2.0-or-later
// What must be true of a queue that was lied to, and of everything around it.
#include <fmt/format.h>

#include "hostile/tests.h"

namespace ringtap {

const char *layout_name(Layout layout)
{
	return layout == Layout::packed ? "packed" : "split";
}

const char *queue_name(unsigned queue)
{
	return queue == NetGuest::tx_index ? "tx" : "rx";
}

std::string test_name(const RigOptions &options, const char *name)
{
	return fmt::format("{}, {}: {}", queue_name(options.queue), layout_name(options.layout),
			   name);
}

namespace {

Result<Done> expect_counted(const Rig &rig, const DeviceStats &stats, const std::string &kind)
{
	std::string name = rig.counter("error_" + kind);

	TRY(expect(stats.count(name) == 1,
		   fmt::format("{} 1, it is {} (fault: {})", name, stats.count(name),
			       stats.text(rig.counter("fault")))));
	TRY(expect(stats.sum(rig.counter("error_")) == 1, "one error counted in all"));
	TRY(expect(stats.text(rig.counter("state")) == "broken",
		   "state broken, it is " + stats.text(rig.counter("state"))));
	TRY(expect(stats.text(rig.counter("fault")).starts_with(kind + " "),
		   "a fault of kind " + kind));
	TRY(expect(stats.sum(rig.other_counter("error_")) == 0, "no error of the other queue"));
	return expect(stats.text(rig.other_counter("state")) == "running",
		      "the other queue running");
}

Result<Done> expect_logged(const Rig &rig, const DeviceStats &stats, const KernelLog &log,
			   const std::string &kind)
{
	if (has_company())
		return Done{};

	std::vector<std::string> lines = log.lines_with("stopped: ");
	std::string wanted = fmt::format("ringtap: device {} pid {} queue {}: stopped: {} ",
					 stats.id(), ::getpid(), rig.options.queue, kind);

	TRY(expect(lines.size() == 1, fmt::format("one line in the log, not {}", lines.size())));
	return expect(lines[0].starts_with(wanted),
		      fmt::format("\"{}\" in the log, it is \"{}\"", wanted, lines[0]));
}

} // namespace

Result<Done> expect_broken(Rig &rig, const KernelLog &log, const std::string &kind)
{
	auto signalled = TRY(rig.error.wait(Rig::deadline_ms));

	if (!signalled)
		return fail(ETIMEDOUT, "see", "the error eventfd signalled",
			    "state " + TRY(DeviceStats::read()).text(rig.counter("state")));
	TRY(rig.other_works(20));

	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect_counted(rig, stats, kind));
	TRY(expect_logged(rig, stats, log, kind));

	uint64_t signals = TRY(rig.errors_signalled());

	TRY(expect(signals == 1, fmt::format("one error signal, not {}", signals)));

	// Stopped means stopped: neither kicks nor frames make it look again.
	unsigned used = rig.ring->layout() == Layout::split ? rig.ring->used() : 0;

	TRY(rig.notify());
	TRY(rig.provoke());
	TRY(rig.other_works(10));
	TRY(expect(rig.ring->layout() == Layout::packed || rig.ring->used() == used,
		   "nothing consumed from a broken ring"));
	stats = TRY(DeviceStats::read());
	return expect(stats.sum(rig.counter("error_")) == 1, "no further error counted");
}

Result<Done> expect_revived(Rig &rig, uint64_t errors)
{
	TRY(rig.detach());
	TRY(expect(TRY(DeviceStats::read()).text(rig.counter("state")) == "stopped",
		   "state stopped after detaching"));
	rig.ring->reset();
	TRY(rig.errors_signalled());
	TRY(rig.attach());
	TRY(rig.honest());

	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(stats.text(rig.counter("state")) == "running", "the queue running again"));
	TRY(expect(stats.sum(rig.counter("error_")) == errors, "no new error after reviving"));
	return expect(TRY(rig.errors_signalled()) == 0, "no error signalled after reviving");
}

Result<Done> expect_closed(std::unique_ptr<Rig> rig)
{
	TRY(DeviceStats::read());
	TRY(rig->other_works(10));
	rig.reset();
	return DeviceStats::expect_none();
}

Result<Done> on_rig(const RigOptions &options, RigTest test)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());
	TRY(test(*rig));
	TRY(expect(TRY(DeviceStats::read()).sum(rig->counter("error_")) == 0, "no ring error"));
	return expect_closed(std::move(rig));
}

} // namespace ringtap
