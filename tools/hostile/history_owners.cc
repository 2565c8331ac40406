// SPDX-License-Identifier: GPL-2.0-or-later
// The bugs that vhost-net has had when owners end, each a test named after it.
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/history.h"
#include "hostile/owner.h"

namespace ringtap {

namespace {

constexpr int rounds = 5;

Result<Done> owner_killed(const RigOptions &options)
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

// Somebody else has the descriptors when the owner dies: he may not use the device, and may close it.
Result<Done> holder_outlives(const RigOptions &options)
{
	for (int i = 0; i < rounds; i++) {
		int users = TRY(module_users());
		auto owner = TRY(Owner::start(options));
		pid_t pid = owner->pid();
		int fd = owner->device().get();
		vhost_vring_file none{options.queue, -1};
		auto refused = [&](unsigned long request, void *argument) {
			return ::ioctl(fd, request, argument) < 0 && errno == EPERM;
		};

		TRY(owner->expect_traffic());
		TRY(expect(refused(VHOST_NET_SET_BACKEND, &none), "EPERM for another's detach"));
		TRY(expect(refused(VHOST_RESET_OWNER, nullptr), "EPERM for another's reset"));
		TRY(owner->expect_traffic());
		owner->kill();
		TRY(expect(refused(VHOST_NET_SET_BACKEND, &none), "EPERM after the owner's end"));
		TRY(expect(::ioctl(fd, VHOST_SET_OWNER) < 0 && errno == EBUSY,
			   "EBUSY for a second owner"));
		TRY(expect_users(users + 1, "the device there while it is held"));
		owner->tap().reset();
		owner->device().reset();
		TRY(expect_gone(pid, users));
	}
	return Done{};
}

Result<Done> inherited(const RigOptions &options, Heir kind)
{
	for (int i = 0; i < rounds; i++) {
		int users = TRY(module_users());
		auto owner = TRY(Owner::start(options, kind));
		pid_t pid = owner->pid();

		owner->device().reset();
		owner->tap().reset();
		if (kind != Heir::replaced)
			TRY(owner->expect_traffic());
		else
			::poll(nullptr, 0, 50);
		owner->kill();
		if (kind != Heir::replaced)
			TRY(expect_users(users + 1, "the device held by the heir"));
		owner->kill_heir();
		TRY(expect_gone(pid, users));
	}
	return Done{};
}

// Frames from both sides that nobody waits for.
class Storm {
public:
	explicit Storm(Rig &rig) :
		thread_([&rig](std::stop_token stop) {
			std::vector<uint8_t> frame = raw_frame(200, 1);
			auto kick = [](const EventFd &fd) { (void)fd.signal(); };

			while (!stop.stop_requested()) {
				(void)rig.raw_socket->send({}, frame);
				kick(rig.kick);
				kick(rig.guest->rx().kick_fd());
				kick(rig.guest->tx().kick_fd());
			}
		})
	{
	}

private:
	std::jthread thread_;
};

void offer_some(Rig &rig)
{
	RawDescriptor good = rig.good();

	rig.write_frame(raw_frame(60, 2));
	for (unsigned i = 0; i < rig.options.ring; i++)
		rig.ring->offer(std::span(&good, 1));
}

Result<Done> reset_under_traffic(const RigOptions &options)
{
	int users = TRY(module_users());
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());
	{
		Storm storm(*rig);

		for (int i = 0; i < 50; i++) {
			offer_some(*rig);
			TRY(rig->device->reset_owner());
			TRY(expect_errno(rig->device->set_backend(options.queue, -1), EPERM,
					 "a detach without an owner"));
			TRY(rig->device->set_owner());
			TRY(rig->device->set_features(
				NetGuest::features({.queue = {.layout = options.layout,
							      .event_idx = false,
							      .indirect_max = 2},
						    .mergeable = options.mergeable})));
			TRY(rig->device->set_memory(rig->memory.regions()));
			rig->ring->reset();
			TRY(rig->attach());
		}
	}
	rig.reset();
	return expect_gone(::getpid(), users);
}

Result<Done> closed_under_traffic(const RigOptions &options)
{
	int users = TRY(module_users());

	for (int i = 0; i < 20; i++) {
		std::unique_ptr<Rig> rig = TRY(Rig::open(options));
		Storm storm(*rig);

		offer_some(*rig);
		::poll(nullptr, 0, i % 4);
		rig->device.reset();
		TRY(expect_gone(::getpid(), users));
	}
	return DeviceStats::expect_none();
}

// Asked to go while it serves: it does not, and serves on.
Result<Done> unloaded_under_traffic(const RigOptions &options)
{
	auto owner = TRY(Owner::start(options));
	pid_t pid = owner->pid();
	int users = TRY(module_users()) - 1;

	for (int i = 0; i < 200; i++) {
		TRY(expect(::syscall(SYS_delete_module, "ringtap", O_NONBLOCK) < 0 &&
				   errno == EWOULDBLOCK,
			   "EWOULDBLOCK for a module in use"));
		if (i % 20 == 0)
			TRY(owner->expect_traffic());
	}
	owner->kill();
	owner->tap().reset();
	owner->device().reset();
	return expect_gone(pid, users);
}

} // namespace

void add_history_owners(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed})
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index}) {
			RigOptions options{.node = node, .layout = layout, .queue = queue};
			auto add = [&](const char *name, auto run) {
				tests.push_back({test_name(options, name), run});
			};
			auto heir = [&](Heir kind) {
				return [=] { return inherited(options, kind); };
			};

			add("owner SIGKILL under traffic", [=] { return owner_killed(options); });
			add("fd inheritance under traffic: passed by SCM_RIGHTS",
			    [=] { return holder_outlives(options); });
			add("fd inheritance under traffic: fork", heir(Heir::forked));
			add("fd inheritance under traffic: exec in a child", heir(Heir::execed));
			add("fd inheritance under traffic: exec of the owner",
			    heir(Heir::replaced));
			add("RESET_OWNER under traffic",
			    [=] { return reset_under_traffic(options); });
			add("close under traffic", [=] { return closed_under_traffic(options); });
			add("rmmod under traffic", [=] { return unloaded_under_traffic(options); });
		}
}

} // namespace ringtap
