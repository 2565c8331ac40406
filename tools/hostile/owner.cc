// SPDX-License-Identifier: GPL-2.0-or-later
// A forked rig that never rests, and what remains of it in the kernel.
#include "hostile/owner.h"

#include <chrono>
#include <cstring>
#include <fstream>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/pass_fds.h"
#include "lib/netns.h"
#include "lib/worker_threads.h"

namespace ringtap {

namespace {

void keep_over_exec(int fd)
{
	::fcntl(fd, F_SETFD, 0);
}

// In a child of the owner's: there until it is killed.
[[noreturn]] void inherit(Heir kind)
{
	::prctl(PR_SET_PDEATHSIG, 0);
	if (kind == Heir::execed)
		::execlp("sleep", "sleep", "1000", nullptr);
	for (;;)
		::pause();
}

Result<Done> be_owner(const RigOptions &options, Heir kind, const Home &home, int socket)
{
	if (home.cgroup)
		TRY(home.cgroup->add(0));
	if (home.own_netns)
		TRY(enter_new_netns());

	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	pid_t heir = 0;

	TRY(rig->honest());
	if (kind == Heir::execed || kind == Heir::replaced)
		keep_over_exec(rig->device->fd().get());
	if (kind == Heir::forked || kind == Heir::execed) {
		heir = ::fork();
		if (heir < 0)
			return fail(errno, "have", "a child");
		if (heir == 0)
			inherit(kind);
	}
	TRY(rig->other_works(10));
	TRY(pass_fds(socket, {rig->device->fd().get(), rig->tap->queue().get()}, heir));
	if (kind == Heir::replaced) {
		::execlp("sleep", "sleep", "1000", nullptr);
		return fail(errno, "run", "sleep");
	}
	for (;;) {
		TRY(rig->other_works(20));
		TRY(rig->honest());
		if (::send(socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			return fail(errno, "tell", "the parent");
	}
}

} // namespace

Result<std::unique_ptr<Owner>> Owner::start(const RigOptions &options, Heir heir, const Home &home)
{
	std::unique_ptr<Owner> self(new Owner);
	int pair[2];

	if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(errno, "make", "a socket pair");
	self->socket_.reset(pair[0]);

	Fd theirs(pair[1]);

	self->pid_ = ::fork();
	if (self->pid_ < 0)
		return fail(errno, "have", "a child");
	if (self->pid_ == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		self->socket_.reset();

		auto done = be_owner(options, heir, home, theirs.get());

		fmt::print(stderr, "# owner: {}\n", done ? "" : done.error().message());
		::_exit(1);
	}
	theirs.reset();
	TRY(self->receive());
	return self;
}

Owner::~Owner()
{
	kill();
	kill_heir();
}

Result<Done> Owner::receive()
{
	TwoFds fds = TRY(receive_fds(socket_.get(), &heir_));

	device_.reset(fds[0]);
	tap_.reset(fds[1]);
	return Done{};
}

Result<Done> Owner::expect_traffic()
{
	char byte;

	// What was said before does not count; the second that comes was begun later.
	while (::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) > 0)
		;
	for (int i = 0; i < 2; i++) {
		pollfd poll{socket_.get(), POLLIN, 0};

		if (::poll(&poll, 1, Rig::deadline_ms) != 1 ||
		    ::recv(socket_.get(), &byte, 1, 0) != 1)
			return fail(0, "see", "traffic of the other process go on");
	}
	return Done{};
}

void Owner::kill()
{
	if (pid_ > 0) {
		::kill(pid_, SIGKILL);
		::waitpid(pid_, nullptr, 0);
		pid_ = -1;
	}
}

Result<Done> Owner::expect_killed()
{
	auto deadline = std::chrono::steady_clock::now() +
			std::chrono::milliseconds(Rig::deadline_ms);
	int status = 0;

	while (::waitpid(pid_, &status, WNOHANG) == 0) {
		if (std::chrono::steady_clock::now() > deadline)
			return fail(ETIMEDOUT, "see", "the other process killed");
		::poll(nullptr, 0, 5);
	}
	pid_ = -1;
	return expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		      fmt::format("an end by SIGKILL (status {:#x})", status));
}

void Owner::kill_heir()
{
	if (heir_ > 0)
		::kill(heir_, SIGKILL);
	heir_ = -1;
}

Result<int> module_users()
{
	std::ifstream file("/sys/module/ringtap/refcnt");
	int users = 0;

	if (!(file >> users))
		return fail(ENOTSUP, "read", "the module's reference count",
			    "the module is not loaded");
	return users;
}

Result<Done> expect_users(int users, const std::string &what)
{
	return expect(has_company() || TRY(module_users()) == users, what);
}

Result<Done> expect_gone(pid_t pid, int users)
{
	auto deadline = std::chrono::steady_clock::now() +
			std::chrono::milliseconds(Rig::deadline_ms);

	for (;;) {
		int now = TRY(module_users());
		size_t threads = worker_threads(pid).size();

		if ((now == users || has_company()) && threads == 0)
			return Done{};
		if (std::chrono::steady_clock::now() > deadline)
			return fail(0, "see",
				    fmt::format("{} users and no worker, there are {} and {}",
						users, now, threads));
		::poll(nullptr, 0, 5);
	}
}

} // namespace ringtap
