// SPDX-License-Identifier: GPL-2.0-or-later
// The storm's processes, the lives that end among them, and a healthy device that must not notice.
#include "hostile/storm.h"

#include <chrono>
#include <fstream>
#include <new>
#include <vector>

#include <fcntl.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/owner.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned processes = 2;
constexpr const char *group = "/sys/fs/cgroup/ringtap-storm";

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

// Its process cannot run; the device can still be asked, and what is frozen can be killed.
void freeze(Owner &owner, StormCounts &counts)
{
	uint64_t features;

	(void)::mkdir(group, 0755);
	if (!write_word(std::string(group) + "/cgroup.procs", std::to_string(owner.pid())) ||
	    !write_word(std::string(group) + "/cgroup.freeze", "1"))
		return;
	counts.of[StormCounts::freezes]++;
	::poll(nullptr, 0, 20);
	(void)::ioctl(owner.device().get(), VHOST_GET_FEATURES, &features);
}

// Somebody's whole life with a device, in one of the ways that it can end.
Result<Done> life(const StormOptions &options, StormRandom &random, StormCounts &counts)
{
	const Heir heirs[] = {Heir::none, Heir::forked, Heir::execed, Heir::replaced};
	RigOptions rig{.node = options.node,
		       .layout = random() % 2 ? Layout::split : Layout::packed,
		       .queue = unsigned(random() % 2)};
	auto owner = TRY(Owner::start(rig, heirs[random() % std::size(heirs)]));

	owner->tap().reset();
	if (random() % 4 == 0)
		hotplug(random, counts);
	if (random() % 3 == 0)
		freeze(*owner, counts);
	if (::syscall(SYS_delete_module, "ringtap", O_NONBLOCK) == 0)
		return fail(0, "see", "the module stay while it is used");
	counts.of[StormCounts::unloads]++;
	::poll(nullptr, 0, int(random() % 50));
	if (random() % 2)
		owner->device().reset();
	owner->kill();
	counts.of[StormCounts::kills]++;
	(void)write_word(std::string(group) + "/cgroup.freeze", "0");
	return Done{};
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

Result<Done> rage(const StormOptions &options, Owner &healthy, StormCounts &counts)
{
	auto deadline = Clock::now() + std::chrono::seconds(options.seconds);
	StormRandom random(options.seed);
	std::vector<pid_t> children;
	int family = family_number();

	for (unsigned n = 0; n < processes; n++) {
		pid_t pid = ::fork();

		if (pid < 0)
			return fail(errno, "have", "a child");
		if (pid == 0) {
			storm_process(options, n, family, counts);
			::_exit(0);
		}
		children.push_back(pid);
	}

	Result<Done> good = Done{};

	while (good && Clock::now() < deadline) {
		good = life(options, random, counts);
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

	Result<Done> good = rage(options, *healthy, *counts);

	say(options, *counts);
	TRY(std::move(good));
	TRY(healthy->expect_traffic());
	healthy->kill();
	TRY(expect_gone(pid, users));
	return expect(counts->running > 0, "queues that ran");
}

} // namespace ringtap
