// SPDX-License-Identifier: GPL-2.0-or-later
// Postcopy and background snapshots: a device is attached while guest memory comes, or is saved, page by page.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hostile/logged.h"
#include "hostile/page_faults.h"
#include "hostile/tests.h"

namespace ringtap {

namespace {

constexpr unsigned some = 40,
		   rounds = 5; // frames, of which there is room for so many without posting anew

Result<Done> detach_both(Logged &logged)
{
	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index})
		TRY(logged.device->set_backend(index, -1));
	return Done{};
}

Result<Done> attach_both(Logged &logged)
{
	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index})
		TRY(logged.attach(index));
	return logged.guest->rx().kick();
}

Result<Done> both_ways(Logged &logged)
{
	for (unsigned i = 0; i < rounds; i++) {
		TRY(logged.deliver(some));
		TRY(logged.take_all());
		TRY(logged.prepare(some));
		TRY(logged.transmit());
	}
	return Done{};
}

// What is slow for a time does not stay so: the rings are mapped.
Result<Done> expect_mapped()
{
	DeviceStats stats = TRY(DeviceStats::read());

	for (const char *queue : {"rx", "tx"})
		TRY(expect(stats.text(std::string(queue) + ".access") == "mapped",
			   std::string(queue) + " mapped"));
	return Done{};
}

Result<Done> expect_no_error(Logged &logged)
{
	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(stats.sum("rx.error_") == 0 && stats.sum("tx.error_") == 0, "no error"));
	return logged.settle();
}

Result<std::unique_ptr<PageFaults>> begin(const Logged &logged, PageFaults::Kind kind)
{
	return PageFaults::begin(logged.memory.regions(), kind,
				 logged.options.kind != MemoryKind::anon);
}

// The destination of postcopy: the guest runs, and its memory is elsewhere until somebody asks for it.
Result<Done> memory_comes(Logged &logged)
{
	TRY(both_ways(logged));
	TRY(detach_both(logged));
	TRY(logged.device->set_log_base(logged.log.base()));
	TRY(logged.set_logging(true));
	// Frames on their way: rings and buffers that the device reads come late, too.
	TRY(logged.prepare(some));
	TRY(logged.settle());
	logged.log.take();

	Logged::Copy before = logged.copy();
	auto faults = TRY(begin(logged, PageFaults::Kind::postcopy));

	TRY(attach_both(logged));
	TRY(logged.transmit());
	for (unsigned i = 0; i < rounds; i++) {
		TRY(logged.deliver(some));
		TRY(logged.take_all());
	}
	TRY(detach_both(logged));
	TRY(expect(!faults->failed(), "pages supplied"));
	TRY(expect(faults->served() > logged.ring_pages().size(), "pages asked for"));
	faults.reset();
	TRY(expect_no_error(logged));

	// What neither the device nor the driver has written came as it was.
	std::set<uint64_t> differing = logged.differing(before), written = logged.log.take(), lost;

	written.merge(logged.driver_pages());
	std::ranges::set_difference(differing, written, std::inserter(lost, lost.end()));
	TRY(expect(lost.empty(), fmt::format("all pages as they were but {}", lost)));
	TRY(attach_both(logged));
	TRY(both_ways(logged));
	return expect_mapped();
}

// A snapshot is what memory was when the guest was stopped for it, though it runs since: nothing is
// written behind the back of whoever protects the memory, be it by pages that are mapped.
Result<Done> memory_is_saved(Logged &logged)
{
	TRY(both_ways(logged));
	TRY(detach_both(logged));

	Logged::Copy before = logged.copy();
	auto faults = TRY(begin(logged, PageFaults::Kind::snapshot));

	TRY(attach_both(logged));
	TRY(both_ways(logged));
	TRY(expect_mapped());
	TRY(detach_both(logged));
	TRY(expect(!faults->failed(), "pages saved"));
	TRY(expect(faults->served() > logged.ring_pages().size(), "pages saved"));
	TRY(expect(faults->image() == before, "an image of memory as it was"));
	TRY(expect(!logged.differing(before).empty(), "memory that has changed"));
	faults.reset();
	TRY(expect_no_error(logged));
	TRY(attach_both(logged));
	return both_ways(logged);
}

using Body = Result<Done> (*)(Logged &logged);

Result<Done> on_logged(const LoggedOptions &options, Body body)
{
	std::unique_ptr<Logged> logged = TRY(Logged::open(options));

	TRY(body(*logged));
	logged.reset();
	return DeviceStats::expect_none();
}

void add(Tests &tests, const LoggedOptions &options, const char *name, Body body)
{
	tests.push_back({fmt::format("{}{}, {} memory: {}", layout_name(options.layout),
				     options.platform ? ", IOVAs" : "",
				     memory_kind_name(options.kind), name),
			 [options, body] { return on_logged(options, body); }});
}

} // namespace

void add_page_faults(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed})
		for (bool platform : {false, true})
			for (MemoryKind kind : {MemoryKind::anon, MemoryKind::memfd}) {
				LoggedOptions options{.node = node,
						      .layout = layout,
						      .platform = platform,
						      .kind = kind};

				add(tests, options, "memory comes as it is asked for",
				    memory_comes);
				add(tests, options, "memory is saved before it changes",
				    memory_is_saved);
			}
}

} // namespace ringtap
