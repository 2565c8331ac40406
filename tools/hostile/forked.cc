// SPDX-License-Identifier: GPL-2.0-or-later
// FORK_FROM_OWNER and FEATURES_ARRAY: which kind of thread a device has, and features by the array, under traffic.
#include <algorithm>
#include <cerrno>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "guest/iommu.h"
#include "hostile/owner.h"
#include "hostile/tests.h"
#include "lib/worker_threads.h"

namespace ringtap {

namespace {

constexpr uint8_t kthread = VHOST_FORK_OWNER_KTHREAD, task = VHOST_FORK_OWNER_TASK;
constexpr int rounds = 5;

const char *kind_name(uint8_t kind)
{
	return kind == task ? "threads of the owner's" : "kernel threads";
}

// What a device has before anybody asks for something else.
Result<uint8_t> kind_at_first(const std::string &node)
{
	return TRY(VhostDevice::open(node)).fork_from_owner();
}

// Kernels that cannot have the other kind, 6.1, say so.
Result<bool> can_have(const std::string &node, uint8_t kind)
{
	VhostDevice device = TRY(VhostDevice::open(node));
	auto set = device.set_fork_from_owner(kind);

	if (set)
		return true;
	TRY(expect(kind == task && set.error().code == EOPNOTSUPP,
		   "EOPNOTSUPP for threads of the owner's, and for nothing else"));
	TRY(expect(TRY(device.fork_from_owner()) == kthread, "what there was before"));
	return false;
}

// All threads that serve the devices of a process are what they should be, and there are some.
Result<Done> expect_kind(pid_t owner, uint8_t kind)
{
	auto threads = worker_threads(owner);

	TRY(expect(!threads.empty(), "threads"));
	for (const WorkerThread &thread : threads) {
		bool ours = thread.directory.find("/task/") != std::string::npos;

		TRY(expect(ours == (kind == task),
			   fmt::format("{}, there is {}", kind_name(kind), thread.directory)));
	}
	return Done{};
}

// It is asked for before SET_OWNER, holds for NEW_WORKER too, and is forgotten by RESET_OWNER.
Result<Done> kind_is_kept(const std::string &node, uint8_t kind)
{
	uint8_t first = TRY(kind_at_first(node));

	if (!TRY(can_have(node, kind)))
		return fail(ENOTSUP, "have", kind_name(kind), "not on this kernel: EOPNOTSUPP");

	VhostDevice device = TRY(VhostDevice::open(node));

	for (int i = 0; i < rounds; i++) {
		TRY(device.set_fork_from_owner(kind));
		TRY(device.set_owner());
		TRY(expect_kind(::getpid(), kind));
		TRY(device.new_worker());
		TRY(expect_kind(::getpid(), kind));

		auto late = device.set_fork_from_owner(kind);

		TRY(expect(!late && late.error().code == EBUSY, "EBUSY once there is an owner"));
		TRY(device.reset_owner());
		TRY(expect(TRY(device.fork_from_owner()) == first,
			   "the kernel's own kind after RESET_OWNER"));
	}
	return Done{};
}

// A SET_OWNER that fails has changed nothing: all that was said before holds for the next one. In a process
// of its own, that ends with 0 if all is well.
int be_refused(const std::string &node, uint8_t kind)
{
	constexpr uid_t nobody_else = 61235;
	const rlimit none{0, 16}, some{16, 16};
	alignas(4096) static uint8_t page[4096];
	auto device = VhostDevice::open(node);

	if (!device || !device->set_fork_from_owner(kind) ||
	    !device->set_backend_features(1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2) ||
	    !device->set_features({VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM}) ||
	    ::setresuid(nobody_else, nobody_else, nobody_else) < 0 ||
	    ::setrlimit(RLIMIT_NPROC, &none) < 0)
		return 1;

	auto refused = device->set_owner();

	if (refused || refused.error().code != EAGAIN)
		return 2;
	if (auto kept = device->fork_from_owner(); !kept || *kept != kind)
		return 3;
	if (::setrlimit(RLIMIT_NPROC, &some) < 0 || !device->set_owner())
		return 4;
	// Without an IOTLB: EFAULT.
	if (!Iommu::tell(*device, {0, sizeof(page), reinterpret_cast<uintptr_t>(page)}))
		return 5;
	return expect_kind(::getpid(), kind) ? 0 : 6;
}

Result<Done> refused_and_kept(const std::string &node, uint8_t kind)
{
	int status = 0;

	if (!TRY(can_have(node, kind)))
		return fail(ENOTSUP, "have", kind_name(kind), "not on this kernel: EOPNOTSUPP");

	pid_t pid = ::fork();

	if (pid == 0)
		::_exit(be_refused(node, kind));
	if (pid < 0 || ::waitpid(pid, &status, 0) != pid)
		return fail(errno, "have", "a child");
	return expect(status == 0, fmt::format("all kept (status {:#x})", status));
}

// Kernel threads are not killed with the owner: they serve as long as somebody has the device.
Result<Done> kthread_outlives(const RigOptions &options)
{
	for (int i = 0; i < rounds; i++) {
		int users = TRY(module_users());
		auto owner = TRY(Owner::start(options));
		pid_t pid = owner->pid();

		TRY(expect_kind(pid, kthread));
		TRY(owner->expect_traffic());
		owner->kill();
		TRY(expect_kind(pid, kthread));
		TRY(expect_users(users + 1, "the device there while it is held"));
		owner->tap().reset();
		owner->device().reset();
		TRY(expect_gone(pid, users));
	}
	return Done{};
}

// The owner is killed, and nobody else has the device.
Result<Done> kthread_goes(const RigOptions &options)
{
	for (int i = 0; i < rounds; i++) {
		int users = TRY(module_users());
		auto owner = TRY(Owner::start(options));
		pid_t pid = owner->pid();

		owner->device().reset();
		owner->tap().reset();
		TRY(owner->expect_traffic());
		owner->kill();
		TRY(expect_gone(pid, users));
	}
	return Done{};
}

// A {count, words} of any length.
int set_array(const Rig &rig, std::vector<uint64_t> words)
{
	uint64_t count = words.size();

	words.insert(words.begin(), count);
	return ::ioctl(rig.device->fd().get(), VHOST_SET_FEATURES_ARRAY, words.data()) < 0 ? errno
											   : 0;
}

// The same features again and again, in arrays of any length, while frames go by; wrong ones change nothing.
Result<Done> array_under_traffic(Rig &rig)
{
	FeatureSet features = NetGuest::features(
		{.queue = {.layout = rig.options.layout, .event_idx = false, .indirect_max = 2},
		 .mergeable = rig.options.mergeable});
	Meanwhile meanwhile(rig);

	for (unsigned i = 0; i < 50; i++) {
		std::vector<uint64_t> words(1 + i * i);

		words[0] = features.low();
		TRY(expect(set_array(rig, words) == 0, "features by an array accepted"));
		words.back() |= 1ULL << 63;
		TRY(expect(set_array(rig, words) == EOPNOTSUPP,
			   fmt::format("EOPNOTSUPP for bit 63 of word {}", i * i)));
		TRY(meanwhile.turns(1));
	}
	TRY(meanwhile.end());
	return rig.honest();
}

} // namespace

void add_forked(Tests &tests, const std::string &node)
{
	for (uint8_t kind : {kthread, task}) {
		tests.push_back({fmt::format("{}, where they are asked for", kind_name(kind)),
				 [=] { return kind_is_kept(node, kind); }});
		tests.push_back(
			{fmt::format("{}: SET_OWNER fails and is tried again", kind_name(kind)),
			 [=] { return refused_and_kept(node, kind); }});
	}
	for (Layout layout : {Layout::split, Layout::packed}) {
		RigOptions options{.node = node, .layout = layout, .threads = kthread};

		tests.push_back({test_name(options, "kernel thread outlives its owner"),
				 [=] { return kthread_outlives(options); }});
		tests.push_back({test_name(options, "kernel thread goes with the device"),
				 [=] { return kthread_goes(options); }});
		tests.push_back({test_name(options, "features by the array under traffic"),
				 [=] { return on_rig(options, array_under_traffic); }});
	}
	add_worker_rigs(tests, node, kthread);
}

} // namespace ringtap
