// SPDX-License-Identifier: GPL-2.0-or-later
// The storm's processes, the lives that end among them, and a healthy device that must not notice.
#include "hostile/storm.h"

#include <chrono>
#include <fstream>
#include <functional>
#include <new>
#include <vector>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/cgroup.h"
#include "hostile/owner.h"
#include "lib/link.h"
#include "lib/worker_threads.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned processes = 2;

bool write_word(const std::string &path, const std::string &word)
{
	std::ofstream file(path);

	file << word << std::flush;
	return file.good();
}

int family_number()
{
	nl_sock *socket = nl_socket_alloc();
	int family = genl_connect(socket) < 0 ? -1 : genl_ctrl_resolve(socket, "ringtap");

	nl_socket_free(socket);
	return family;
}

// A second processor leaves and returns, with whatever ran there.
void hotplug(StormRandom &random, StormCounts &counts)
{
	const std::string online = "/sys/devices/system/cpu/cpu1/online";

	if (!write_word(online, "0"))
		return;
	counts.of[StormCounts::hotplugs]++;
	::poll(nullptr, 0, int(random() % 100));
	(void)write_word(online, "1");
}

// As for a suspend, everybody is frozen for a second. What will not be is an error, except where workers are
// threads of their owners: those are frozen too, and who waits in an ioctl for the end of one is not. Others'
// tests may have somebody wait for a page that a frozen thread is to supply.
Result<Done> suspend(StormCounts &counts)
{
	const std::string state = "/sys/power/state";

	if (!write_word("/sys/power/pm_test", "freezer"))
		return Done{};
	(void)write_word("/sys/module/suspend/parameters/pm_test_delay", "1");

	auto file = Fd::open(state, O_WRONLY);

	if (file && ::write(file->get(), "freeze", 6) != 6)
		return fail(errno, "freeze", "everybody");
	(void)write_word("/sys/power/pm_test", "none");
	counts.of[StormCounts::suspends] += bool(file);
	return Done{};
}

// Its process cannot run; the device can still be asked, and what is frozen can be killed.
void freeze(const Cgroup &group, Owner &owner, StormCounts &counts)
{
	uint64_t features;

	if (!group.set("cgroup.freeze", "1"))
		return;
	counts.of[StormCounts::freezes]++;
	::poll(nullptr, 0, 20);
	(void)::ioctl(owner.device().get(), VHOST_GET_FEATURES, &features);
}

// Its cgroup may have no memory any more: the kernel kills it, and takes its pages before it has ended.
Result<Done> starve(const Cgroup &group, Owner &owner, StormCounts &counts)
{
	// Or else its pages are swapped out, and it lives.
	(void)group.set("memory.swap.max", "0");
	TRY(group.set("memory.max", "0"));
	TRY(owner.expect_killed());
	counts.of[StormCounts::starved]++;
	(void)group.set("memory.swap.max", "max");
	return group.set("memory.max", "max");
}

// Its TAP goes to the network namespace of a process that ends, and with that namespace, under traffic.
Result<Done> abduct(Owner &owner, StormCounts &counts)
{
	ifreq request{};
	int ready[2];
	char byte;

	if (::ioctl(owner.tap().get(), TUNGETIFF, &request) < 0 || ::pipe2(ready, O_CLOEXEC) < 0)
		return fail(errno, "abduct", "a TAP");

	pid_t pid = ::fork();

	if (pid == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (::unshare(CLONE_NEWNET) == 0)
			(void)!::write(ready[1], "", 1);
		::pause();
		::_exit(0);
	}
	::close(ready[1]);

	bool there = pid > 0 && ::read(ready[0], &byte, 1) == 1;
	auto moved = [&]() -> Result<Done> {
		Rtnl rtnl = TRY(Rtnl::open());

		return rtnl.set_netns(TRY(rtnl.find(request.ifr_name)), pid);
	};
	Result<Done> done = there ? moved() : fail(errno, "make", "a network namespace");

	::close(ready[0]);
	if (pid > 0) {
		::kill(pid, SIGKILL);
		::waitpid(pid, nullptr, 0);
	}
	counts.of[StormCounts::abducted]++;
	return done;
}

// What happens to the whole machine meanwhile.
Result<Done> weather(StormRandom &random, bool kernel_threads, StormCounts &counts)
{
	if (random() % 4 == 0)
		hotplug(random, counts);
	if (kernel_threads && !has_company() && random() % 24 == 0)
		TRY(suspend(counts));
	return Done{};
}

// Somebody's whole life with a device, in one of the ways that it can end.
Result<Done> life(const StormOptions &options, const Cgroup &group, StormRandom &random,
		  StormCounts &counts)
{
	const Heir heirs[] = {Heir::none, Heir::forked, Heir::execed, Heir::replaced};
	enum End { killed, starved, with_namespace, without_tap, ends } end = End(random() % ends);
	RigOptions rig{.node = options.node,
		       .layout = random() % 2 ? Layout::split : Layout::packed,
		       .queue = unsigned(random() % 2)};
	Home home{.cgroup = &group, .own_netns = end == with_namespace};
	auto owner = TRY(Owner::start(rig, heirs[random() % std::size(heirs)], home));

	if (end == without_tap)
		TRY(abduct(*owner, counts));
	owner->tap().reset();
	if (random() % 3 == 0)
		freeze(group, *owner, counts);
	if (::syscall(SYS_delete_module, "ringtap", O_NONBLOCK) == 0)
		return fail(0, "see", "the module stay while it is used");
	counts.of[StormCounts::unloads]++;
	::poll(nullptr, 0, int(random() % 50));
	if (random() % 2)
		owner->device().reset();
	if (end == starved) {
		TRY(starve(group, *owner, counts));
	} else {
		owner->kill();
		counts.of[StormCounts::kills]++;
	}
	counts.of[StormCounts::namespaces] += end == with_namespace;
	return group.set("cgroup.freeze", "0");
}

// Waits for them, and longer than they should take; a hang is told from slowness by its deadline.
Result<Done> reap(std::vector<pid_t> &children)
{
	auto deadline = Clock::now() + std::chrono::milliseconds(3 * Rig::deadline_ms);

	for (pid_t pid : children) {
		int status = 0;

		while (::waitpid(pid, &status, WNOHANG) == 0) {
			if (Clock::now() > deadline) {
				::kill(pid, SIGKILL);
				return fail(ETIMEDOUT, "see",
					    fmt::format("process {} of the storm end", pid));
			}
			::poll(nullptr, 0, 10);
		}
		TRY(expect(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			   fmt::format("process {} end by itself (status {:#x})", pid, status)));
	}
	return Done{};
}

void say(const StormOptions &options, const StormCounts &counts)
{
	fmt::print("# storm: seed {}, {} seconds", options.seed, options.seconds);
	for (unsigned kind = 0; kind < StormCounts::kinds; kind++)
		fmt::print(", {} {}", counts.of[kind].load(), StormCounts::names[kind]);
	fmt::print(", {} queues that ran\n", counts.running.load());
	::fflush(stdout);
}

// Lives one after the other, until it is time; those of several processes overlap.
Result<Done> lives(const StormOptions &options, unsigned number, Clock::time_point deadline,
		   StormCounts &counts)
{
	auto group = TRY(Cgroup::make(fmt::format("ringtap-storm-{}", number)));
	StormRandom random(options.seed * 64 + 63 - number);

	while (Clock::now() < deadline)
		TRY(life(options, *group, random, counts));
	return Done{};
}

// A process that does this and then ends, with 0 if all was well.
Result<pid_t> start_child(const std::function<Result<Done>()> &body)
{
	pid_t pid = ::fork();

	if (pid < 0)
		return fail(errno, "have", "a child");
	if (pid > 0)
		return pid;

	auto done = body();

	if (!done)
		fmt::print(stderr, "# storm: {}\n", done.error().message());
	::_exit(done ? 0 : 1);
}

Result<Done> rage(const StormOptions &options, const Cgroup &group, Owner &healthy,
		  StormCounts &counts)
{
	auto deadline = Clock::now() + std::chrono::seconds(options.seconds);
	StormRandom random(options.seed);
	std::vector<pid_t> children;
	std::vector<WorkerThread> workers = worker_threads(healthy.pid());
	bool kernel_threads = !workers.empty() &&
			      workers[0].directory.find("/task/") == std::string::npos;
	int family = family_number();

	for (unsigned n = 0; n < processes; n++) {
		children.push_back(TRY(start_child([&] {
			storm_process(options, n, family, counts);
			return Result<Done>(Done{});
		})));
		children.push_back(
			TRY(start_child([&] { return lives(options, n, deadline, counts); })));
	}

	Result<Done> good = Done{};

	while (good && Clock::now() < deadline) {
		good = weather(random, kernel_threads, counts);
		if (good)
			good = life(options, group, random, counts);
		if (good)
			good = healthy.expect_traffic();
	}

	Result<Done> ended = reap(children);

	TRY(std::move(good));
	return ended;
}

} // namespace

Result<Done> run_storm(const StormOptions &options)
{
	int users = TRY(module_users());
	auto group = TRY(Cgroup::make("ringtap-storm"));
	void *shared = ::mmap(nullptr, sizeof(StormCounts), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return fail(errno, "have", "shared memory");

	auto *counts = new (shared) StormCounts;
	auto healthy = TRY(Owner::start({.node = options.node}));
	pid_t pid = healthy->pid();

	healthy->device().reset();
	healthy->tap().reset();
	fmt::print("# storm: --seed {} --seconds {}\n", options.seed, options.seconds);
	::fflush(stdout);

	Result<Done> good = rage(options, *group, *healthy, *counts);

	say(options, *counts);
	TRY(std::move(good));
	TRY(healthy->expect_traffic());
	healthy->kill();
	TRY(expect_gone(pid, users));
	return expect(counts->running > 0, "queues that ran");
}

} // namespace ringtap
