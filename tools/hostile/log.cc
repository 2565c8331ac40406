// SPDX-License-Identifier: GPL-2.0-or-later
// The dirty log: every page that the device writes, and no other; whatever the VMM does with it.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "guest/traffic.h"
#include "hostile/logged.h"
#include "hostile/owner.h"
#include "hostile/tests.h"

namespace ringtap {

namespace {

using Body = Result<Done> (*)(Logged &logged);
using Pages = std::set<uint64_t>;

constexpr unsigned some = 40; // frames, for which there is room without posting anew

Pages without(const Pages &pages, const Pages &others)
{
	Pages rest;

	std::ranges::set_difference(pages, others, std::inserter(rest, rest.end()));
	return rest;
}

Result<Done> on_logged(const LoggedOptions &options, Body body)
{
	std::unique_ptr<Logged> logged = TRY(Logged::open(options));

	TRY(body(*logged));
	logged.reset();
	return DeviceStats::expect_none();
}

Result<Done> begin(Logged &logged)
{
	TRY(logged.device->set_log_base(logged.log.base()));
	return logged.set_logging(true);
}

// What differs is logged; what is logged differs, or is a ring's, whose words may be written
// with what they were.
Result<Done> expect_logged(Logged &logged, const Logged::Copy &before, const Pages &excused)
{
	TRY(logged.settle());

	Pages bits = logged.log.take();
	Pages differing = without(logged.differing(before), excused);
	Pages missed = without(differing, bits);
	Pages idle = without(without(bits, logged.differing(before)), logged.ring_pages());

	TRY(expect(!bits.empty() && !differing.empty(), "pages in the log, and changed"));
	TRY(expect(missed.empty(), fmt::format("every page that changed in the log: {} of {} are "
					       "not: {}",
					       missed.size(), differing.size(), missed)));
	return expect(idle.empty(), fmt::format("nothing else in the log: {}", idle));
}

Result<Done> received_is_logged(Logged &logged)
{
	TRY(begin(logged));
	// What it took to switch it on.
	TRY(logged.settle());
	logged.log.take();

	Logged::Copy before = logged.copy();

	TRY(logged.deliver(some));
	TRY(expect_logged(logged, before, {}));
	TRY(logged.take_all());
	before = logged.copy();
	TRY(logged.deliver(some));
	TRY(expect_logged(logged, before, {}));
	return expect(TRY(logged.count("rx.logged_pages")) > 0, "pages counted");
}

Result<Done> transmitted_is_logged(Logged &logged)
{
	TRY(begin(logged));
	TRY(logged.prepare(some));
	TRY(logged.settle());
	logged.log.take();

	Logged::Copy before = logged.copy();

	TRY(logged.transmit());
	// The driver has made its chains available meanwhile.
	return expect_logged(logged, before, without(logged.driver_pages(), logged.ring_pages()));
}

// As precopy does it: take the log, then copy the pages, again and again. At the end the copy is
// what memory is, but for what the driver has written unlogged.
Result<Done> copied_meanwhile(Logged &logged)
{
	TRY(begin(logged));

	Logged::Copy copy = logged.copy();
	unsigned rounds = 0;
	std::jthread migration([&](const std::stop_token &stop) {
		for (; !stop.stop_requested(); rounds++)
			logged.refresh(copy, logged.log.take());
	});

	for (int i = 0; i < 60; i++) {
		TRY(logged.deliver(some));
		TRY(logged.take_all());
	}
	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index})
		TRY(logged.device->set_backend(index, -1));
	migration.request_stop();
	migration.join();
	logged.refresh(copy, logged.log.take());

	Pages stale = without(logged.differing(copy), logged.driver_pages());

	TRY(expect(stale.empty(),
		   fmt::format("all pages copied in {} rounds but {}", rounds, stale)));
	return expect(rounds > 1, "more than one round");
}

// With frames under way all the time, as when migrations begin and are called off.
Result<Done> switched_meanwhile(Logged &logged)
{
	TRY(logged.device->set_log_base(logged.log.base()));

	std::atomic<bool> failed = false;
	std::jthread vmm([&](const std::stop_token &stop) {
		for (bool on = true; !stop.stop_requested() && !failed; on = !on)
			failed = !logged.set_logging(on);
	});

	for (int i = 0; i < 40; i++) {
		TRY(logged.deliver(some));
		TRY(logged.take_all());
	}
	vmm.request_stop();
	vmm.join();
	TRY(expect(!failed, "all ioctls succeed"));
	TRY(logged.set_logging(false));
	TRY(logged.settle());
	logged.log.take();
	TRY(logged.deliver(some));
	TRY(logged.settle());
	TRY(expect(logged.log.take().empty(), "nothing logged any more"));
	return received_is_logged(logged);
}

// Once SET_LOG_BASE has returned, the old one is not written.
Result<Done> moved_meanwhile(Logged &logged)
{
	DirtyLog other = TRY(DirtyLog::create(2ULL << 30));
	DirtyLog *logs[] = {&logged.log, &other};

	TRY(begin(logged));

	std::atomic<bool> stop = false, wrong = false;
	std::jthread vmm([&] {
		for (unsigned i = 1; !stop && !wrong; i++) {
			wrong = !logged.device->set_log_base(logs[i % 2]->base());
			logs[1 - i % 2]->take();
			std::this_thread::yield();
			wrong = wrong || !logs[1 - i % 2]->take().empty();
		}
	});

	for (int i = 0; i < 40; i++) {
		TRY(logged.deliver(some));
		TRY(logged.take_all());
	}
	stop = true;
	vmm.join();
	return expect(!wrong, "nothing in a log that was replaced");
}

Result<Done> told_by_eventfd(Logged &logged)
{
	EventFd first = TRY(EventFd::create()), second = TRY(EventFd::create());

	TRY(logged.device->set_log_fd(first.get()));
	TRY(logged.deliver(some));
	TRY(logged.settle());
	TRY(expect(TRY(first.drain()) == 0, "no signal while nothing is logged"));
	TRY(logged.take_all());
	TRY(begin(logged));
	TRY(logged.deliver(some));
	TRY(logged.settle());
	TRY(expect(TRY(first.drain()) > 0, "a signal"));
	TRY(logged.device->set_log_fd(second.get()));
	TRY(logged.take_all());
	TRY(logged.deliver(some));
	TRY(logged.settle());
	TRY(expect(TRY(first.drain()) == 0, "no signal at the old one"));
	TRY(expect(TRY(second.drain()) > 0, "a signal at the new one"));
	TRY(logged.device->set_log_fd(-1));
	TRY(logged.take_all());
	TRY(logged.deliver(some));
	TRY(logged.settle());
	return expect(TRY(second.drain()) == 0, "no signal at nobody");
}

// Some clients acknowledge whatever is offered.
Result<Done> no_base(Logged &logged)
{
	TRY(logged.set_logging(true));
	TRY(logged.deliver(some));
	TRY(logged.take_all());
	TRY(logged.prepare(some));
	TRY(logged.transmit());
	TRY(logged.settle());
	TRY(expect(TRY(logged.count("rx.logged_pages")) == 0, "nothing logged"));
	return expect(TRY(logged.count("rx.error_log")) == 0, "no error");
}

// A page that nobody may write: the queue breaks, says so, and is there again with a log.
Result<Done> log_gone(Logged &logged)
{
	const Virtqueue &rx = logged.guest->rx();
	DirtyLog good = TRY(DirtyLog::create(2ULL << 30));

	TRY(begin(logged));
	TRY(logged.deliver(some));
	TRY(logged.take_all());
	TRY(logged.settle());
	TRY(logged.log.hide());
	// What was counted may be lost: no waiting for all of it.
	TRY(expect(!logged.deliver(1) || TRY(logged.count("rx.error_log")) == 1, "an error"));
	TRY(logged.settle());
	TRY(expect(TRY(logged.count("rx.error_log")) == 1, "one error counted"));
	TRY(expect(TRY(DeviceStats::read()).text("rx.state") == "broken", "the queue broken"));
	TRY(expect(TRY(rx.error().drain()) == 1, "the error told"));
	TRY(logged.device->set_backend(NetGuest::rx_index, -1));
	TRY(logged.device->set_log_base(good.base()));
	TRY(logged.attach(NetGuest::rx_index));
	TRY(expect(TRY(DeviceStats::read()).text("rx.state") != "broken", "the queue revived"));
	return Done{};
}

Result<Done> refused(const Result<Done> &result, int code, const char *what)
{
	return expect(!result && result.error().code == code,
		      fmt::format("{} for {}", strerrorname_np(code), what));
}

// What is beyond user memory is refused as soon as it would be used; how far that is, is the machine's.
Result<Done> logs_that_cannot_be(Logged &logged)
{
	const VhostDevice &device = *logged.device;
	auto *nowhere = reinterpret_cast<void *>(1ULL << 63);

	TRY(begin(logged));
	TRY(refused(device.set_log_base(nowhere), EFAULT, "a log in the kernel's half"));
	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index})
		TRY(device.set_backend(index, -1));
	TRY(device.set_log_base(nowhere));
	TRY(refused(logged.attach(NetGuest::rx_index), EFAULT, "a queue that could not log"));
	TRY(logged.set_logging(false));
	TRY(logged.attach(NetGuest::rx_index));
	TRY(refused(logged.set_logging(true), EFAULT, "LOG_ALL of a queue that could not log"));
	TRY(begin(logged));
	TRY(logged.attach(NetGuest::tx_index));
	return received_is_logged(logged);
}

// All of memory at so many guest addresses: each stretch of it is logged as often.
constexpr uint64_t copies = 65535;

// All that was to be logged takes twice as long and more, emulated. On kernels that check themselves to free
// a table of that length takes seconds; all else is slower there, too.
int soon_ms()
{
	const char *slow = ::getenv("RTAP_SLOW");

	return 5000 * std::max(1, slow ? std::atoi(slow) : 1);
}

Result<Done> repeat_memory(Logged &logged)
{
	MemoryRegion all = logged.memory.regions()[0];
	std::vector<MemoryRegion> regions;

	for (uint64_t i = 0; i < copies; i++)
		regions.push_back({i * all.size, all.size, all.user});
	logged.log = TRY(DirtyLog::create(copies * all.size));
	TRY(logged.device->set_memory(regions));
	return begin(logged);
}

// What a table of any length costs, it costs its owner.
Result<Done> logged_everywhere(Logged &logged)
{
	uint64_t size = logged.memory.regions()[0].size;

	TRY(repeat_memory(logged));
	TRY(logged.settle());
	logged.log.take();
	TRY(logged.deliver(1));
	TRY(logged.settle());

	Pages bits = logged.log.take(), first;

	for (uint64_t page : bits)
		if (page < size / 4096)
			first.insert(page);
	TRY(expect(!first.empty(), "pages in the log"));
	return expect(
		bits.size() == first.size() * copies,
		fmt::format("{} pages {} times, there are {}", first.size(), copies, bits.size()));
}

// Frames for which there is so much to log that it would take minutes.
void log_for_minutes(const LoggedOptions &options, int ready)
{
	auto logged = Logged::open(options);

	if (!logged || !repeat_memory(**logged))
		::_exit(1);
	for (int i = 0; i < 300; i++)
		(void)(*logged)->socket->send({}, raw_frame(1400, i));
	(void)!::write(ready, "", 1);
	::pause();
}

// Whatever there is to log: who is killed ends, long before that is done.
Result<Done> killed_meanwhile(const LoggedOptions &options)
{
	int users = TRY(module_users()), ends[2];
	char byte;

	if (::pipe2(ends, O_CLOEXEC) < 0)
		return fail(errno, "make", "a pipe");

	Fd reader(ends[0]), writer(ends[1]);
	pid_t pid = ::fork();

	if (pid < 0)
		return fail(errno, "have", "a child");
	if (pid == 0)
		log_for_minutes(options, writer.get());
	writer.reset();

	bool began = ::read(reader.get(), &byte, 1) == 1;

	::poll(nullptr, 0, 500);
	::kill(pid, SIGKILL);
	for (int ms = 0; ::waitpid(pid, nullptr, WNOHANG) == 0; ms++) {
		if (ms == soon_ms())
			return fail(ETIMEDOUT, "see", "the owner end");
		::poll(nullptr, 0, 1);
	}
	TRY(expect(began, "an owner that logs"));
	return expect_gone(pid, users);
}

std::string name_of(const LoggedOptions &options, const char *name)
{
	return fmt::format("{}{}: {}", layout_name(options.layout),
			   options.platform ? ", IOVAs" : "", name);
}

void add(Tests &tests, const LoggedOptions &options, const char *name, Body body,
	 bool breaks = false)
{
	tests.push_back({name_of(options, name),
			 [options, body] { return on_logged(options, body); }, breaks});
}

} // namespace

void add_log(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		for (bool platform : {false, true}) {
			LoggedOptions options{.node = node, .layout = layout, .platform = platform};
			LoggedOptions small = options;

			add(tests, options, "what is received is logged", received_is_logged);
			add(tests, options, "what is transmitted is logged", transmitted_is_logged);
			small.buffer_size = 512;
			add(tests, small, "frames in many buffers are logged", received_is_logged);
			small.mergeable = false;
			add(tests, small, "frames in big buffers are logged", received_is_logged);
			add(tests, options, "a copy by the log is memory itself", copied_meanwhile);
			add(tests, options, "switched on and off under traffic",
			    switched_meanwhile);
			add(tests, options, "the log moved under traffic", moved_meanwhile);
			add(tests, options, "the eventfd of the log", told_by_eventfd);
			add(tests, options, "LOG_ALL without a log", no_base);
			add(tests, options, "a log that nobody may write", log_gone, true);
		}
		for (unsigned skew : {1, 2, 3, 7}) {
			LoggedOptions options{.node = node, .layout = layout, .skew = skew};

			add(tests, options,
			    fmt::format("a log that begins {} bytes behind a word", skew).c_str(),
			    received_is_logged);
		}
		add(tests, {.node = node, .layout = layout}, "logs that cannot be",
		    logs_that_cannot_be);

		LoggedOptions options{.node = node, .layout = layout, .platform = true};

		add(tests, options, "a page that is the guest's 65,535 times", logged_everywhere);
		// Each buffer a stretch of its own.
		options.buffer_size = 30;
		options.ring_size = 16384;
		tests.push_back({name_of(options, "an owner killed while there is much to log"),
				 [options] { return killed_meanwhile(options); }});
	}
}

} // namespace ringtap
