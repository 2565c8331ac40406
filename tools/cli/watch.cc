// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap watch: events as they come, until it is told to stop.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>

#include "cli/context.h"
#include "cli/watch_view.h"
#include "lib/fd.h"
#include "lib/netlink.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;

struct WatchOptions {
	uint64_t count = 0; // 0: no limit
	double timeout = 0; // seconds, 0: none
	bool json = false;
};

enum class End { no, wanted, unloaded };

struct Watch {
	const WatchOptions &options;
	uint64_t events = 0;
	std::set<uint8_t> unknown = {}; // kinds that were reported already

	[[nodiscard]] Result<End> print(const NlNews &news);
	[[nodiscard]] Result<End> print_all(NetlinkEvents &socket);
};

// What was printed is seen at once; nobody to see it is the end.
Result<Done> print_line(const std::string &text)
{
	if (std::puts(text.c_str()) < 0 || std::fflush(stdout) != 0)
		return fail(errno, "write to", "standard output");
	return Done{};
}

Result<End> Watch::print(const NlNews &news)
{
	bool again = news.what == NlNews::What::unknown && !unknown.insert(news.command).second;

	if (!news.event && !again)
		fmt::print(stderr, "ringtap: {}\n", news_text(news));
	if (options.json)
		TRY(print_line(json_text(news_json(news), -1)));
	else if (news.event)
		TRY(print_line(event_text(*news.event, Clocks::now())));
	if (news.what == NlNews::What::unloaded)
		return End::unloaded;
	events += news.event.has_value();
	return options.count && events >= options.count ? End::wanted : End::no;
}

// Everything that has come so far.
Result<End> Watch::print_all(NetlinkEvents &socket)
{
	for (;;) {
		auto all = TRY(socket.read());

		if (all.empty())
			return End::no;
		for (auto &news : all) {
			if (!news) {
				fmt::print(stderr, "ringtap: {}\n", news.error().message());
				continue;
			}
			if (End end = TRY(print(*news)); end != End::no)
				return end;
		}
	}
}

// SIGINT and SIGTERM from now on make this readable, and nothing else.
Result<Fd> signals()
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0)
		return fail(errno, "block", "signals");

	Fd fd(::signalfd(-1, &set, SFD_CLOEXEC));

	if (!fd)
		return fail(errno, "wait for", "signals");
	return fd;
}

// Milliseconds to wait for; -1 is for ever.
int wait_ms(const WatchOptions &options, Clock::time_point start)
{
	constexpr double longest = 3600;

	if (options.timeout <= 0)
		return -1;

	double left = options.timeout - std::chrono::duration<double>(Clock::now() - start).count();

	// Rounded up, not to spin through the last millisecond.
	return left <= 0 ? 0 : static_cast<int>(std::min(left, longest) * 1000) + 1;
}

Result<End> watch(const WatchOptions &options)
{
	Watch watch{options};
	Fd stop = TRY(signals());
	NetlinkEvents socket = TRY(NetlinkEvents::open());
	Clock::time_point start = Clock::now();

	fmt::print(stderr, "ringtap: watching\n");
	for (;;) {
		pollfd fds[] = {{socket.fd(), POLLIN, 0}, {stop.get(), POLLIN, 0}};
		int timeout = wait_ms(options, start);
		int ready = ::poll(fds, std::size(fds), timeout);

		if (ready < 0 && errno != EINTR)
			return fail(errno, "wait for", "events");
		if (ready > 0 && fds[0].revents)
			if (End end = TRY(watch.print_all(socket)); end != End::no)
				return end;
		if (ready > 0 && fds[1].revents)
			return End::wanted;
		if (wait_ms(options, start) == 0)
			return End::wanted;
	}
}

} // namespace

void add_watch(CLI::App &app, Context &ctx)
{
	auto options = std::make_shared<WatchOptions>();
	CLI::App *command = app.add_subcommand("watch", "events as they come, a line each");

	command->add_option("--count", options->count, "end after so many events");
	command->add_option("--timeout", options->timeout, "end after so many seconds")
		->check(CLI::NonNegativeNumber);
	command->add_flag("--json", options->json, "each event as a JSON object on a line");
	command->callback([options, &ctx] {
		auto end = watch(*options);

		if (!end)
			ctx.report(end.error());
		else if (*end == End::unloaded)
			ctx.exit_code = EXIT_FAILED;
	});
}

} // namespace ringtap
