// SPDX-License-Identifier: GPL-2.0-or-later
// Who pays: kernel memory and processor time are the owner's, and he cannot have more than is his.
#include <algorithm>
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/owner.h"
#include "hostile/tests.h"
#include "lib/worker_threads.h"

namespace ringtap {

namespace {

constexpr uint64_t page = 4096;

// The line of /proc/PID/cgroup that is about version 2.
std::string cgroup_of(const std::string &directory)
{
	std::ifstream in(directory + "/cgroup");
	std::string line;

	while (std::getline(in, line))
		if (line.starts_with("0::"))
			return line.substr(3);
	return {};
}

Result<Done> time_is_charged(const RigOptions &options)
{
	int users = TRY(module_users());
	auto group = TRY(Cgroup::make("ringtap-accounts"));
	auto owner = TRY(Owner::start(options, Heir::none, {.cgroup = group.get()}));
	std::vector<WorkerThread> workers = worker_threads(owner->pid());
	auto used = [&](const WorkerThread &thread) { return cpu_nanoseconds(thread); };
	WorkerThread itself{owner->pid(), fmt::format("/proc/{0}/task/{0}", owner->pid())};

	TRY(expect(workers.size() == 1, "one worker"));
	TRY(expect(cgroup_of(workers[0].directory) == group->name(),
		   fmt::format("the worker in {}, it is in {}", group->name(),
			       cgroup_of(workers[0].directory))));

	uint64_t owner_before = TRY(used(itself)), worker_before = TRY(used(workers[0]));
	uint64_t group_before = TRY(group->get("cpu.stat", "usage_usec")) * 1000;

	// Until the worker's share is one that would be missed.
	for (int rounds = 0;; rounds++) {
		TRY(owner->expect_traffic());

		uint64_t by_owner = TRY(used(itself)) - owner_before;
		uint64_t by_worker = TRY(used(workers[0])) - worker_before;
		uint64_t by_group = TRY(group->get("cpu.stat", "usage_usec")) * 1000 - group_before;

		if (by_worker < 300'000'000 && rounds < 2000)
			continue;
		fmt::print("# ms: owner {}, worker {}, their cgroup {}\n", by_owner / 1000000,
			   by_worker / 1000000, by_group / 1000000);
		TRY(expect(by_worker > by_owner / 8, "a worker with something to do"));
		TRY(expect(by_group > (by_owner + by_worker) / 20 * 19,
			   "what both used in the cgroup's account"));
		break;
	}

	// The last descriptor of it is ours: closing it leaves the device to a thread of the module's.
	pid_t pid = owner->pid();

	owner.reset();
	return expect_gone(pid, users);
}

// How much of something somebody may have: takes until there is no more, then waits to be killed.
struct Greed {
	unsigned most;                                   // more than it can ever get
	Result<Done> (*take)(const VhostDevice &device); // with each device that it opens
};

Result<Done> take_worker(const VhostDevice &device)
{
	return device.set_owner();
}

// Small regions, each by itself, of memory that need not be there.
Result<Done> take_table(const VhostDevice &device)
{
	constexpr unsigned many = 16384;
	static const std::vector<MemoryRegion> regions = [] {
		std::vector<MemoryRegion> all(many);

		for (uint64_t i = 0; i < many; i++)
			all[i] = {.guest = i * 2 * page, .size = page, .user = page};
		return all;
	}();

	TRY(device.set_owner());
	return device.set_memory(regions);
}

[[noreturn]] void be_greedy(const std::string &node, const Greed &greed, const Cgroup &group,
			    std::atomic<unsigned> &got)
{
	std::vector<VhostDevice> devices;
	rlimit files{greed.most + 100, greed.most + 100};

	::prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (::setrlimit(RLIMIT_NOFILE, &files) < 0 || !group.add(0))
		::_exit(1);
	while (got < greed.most) {
		auto device = VhostDevice::open(node);

		if (!device || !greed.take(*device))
			::_exit(0);
		devices.push_back(std::move(*device));
		got++;
	}
	::_exit(2);
}

// An owner whose cgroup may have little memory gets little of the kernel's.
Result<Done> memory_is_bounded(const std::string &node, const Greed &greed)
{
	constexpr uint64_t limit = 24 << 20;
	auto group = TRY(Cgroup::make("ringtap-accounts"));
	int users = TRY(module_users()), status = 0;
	void *shared = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
	uint64_t before = TRY(kilobytes("/proc/meminfo", "MemAvailable")), least = before;

	if (shared == MAP_FAILED)
		return fail(errno, "have", "shared memory");

	auto *got = new (shared) std::atomic<unsigned>(0);

	TRY(group->set("memory.max", std::to_string(limit)));

	pid_t pid = ::fork();

	if (pid == 0)
		be_greedy(node, greed, *group, *got);
	while (pid > 0 && ::waitpid(pid, &status, WNOHANG) == 0) {
		least = std::min(least, TRY(kilobytes("/proc/meminfo", "MemAvailable")));
		::poll(nullptr, 0, 2);
	}

	unsigned devices = *got;
	std::string found = fmt::format("{} devices in {} MiB, {} MiB less available at worst",
					devices, limit >> 20, (before - least) >> 20);

	fmt::print("# {}\n", found);
	::munmap(shared, page);
	TRY(expect(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0,
		   fmt::format("no memory or a kill, status is {:#x}: {}", status, found)));
	TRY(expect(devices > 0 && devices < greed.most,
		   fmt::format("some devices, and not all: {}", found)));
	// What else goes on here takes memory too, but not as much as would be taken without a bound.
	TRY(expect(least + 8 * limit > before,
		   fmt::format("no more than that taken from the host: {}", found)));
	return expect_gone(pid, users);
}

} // namespace

void add_accounts(Tests &tests, const std::string &node)
{
	tests.push_back({"a worker's time is its owner's cgroup's",
			 [=] { return time_is_charged({.node = node}); }});
	tests.push_back({"a cgroup without memory gets no more memory tables", [=] {
				 return memory_is_bounded(node, {800, take_table});
			 }});
	tests.push_back({"a cgroup without memory gets no more devices and workers", [=] {
				 return memory_is_bounded(node, {20000, take_worker});
			 }});
}

} // namespace ringtap
