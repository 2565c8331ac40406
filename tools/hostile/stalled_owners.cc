// SPDX-License-Identifier: GPL-2.0-or-later
// Owners that are killed, and devices that are closed, while a worker waits for a page.
#include <atomic>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/owner.h"
#include "hostile/pass_fds.h"
#include "hostile/stalled.h"

namespace ringtap {

namespace {

// A worker that waits for a page of a queue that is another's already, and is to be freed.
Result<Done> stall_freed(Rig &rig, LatePage &page, std::jthread &freeing)
{
	Virtqueue &queue = rig.guest->tx();
	Buffer buffer{rig.part(another_offset, 0).guest, 100};
	unsigned before = TRY(rig.device->vring_worker(rig.options.queue));
	unsigned worker = TRY(rig.device->new_worker());
	LatePage first = TRY(late_buffer(rig));

	TRY(stall(rig, first));
	// Both are its work now, and one is listed.
	TRY(queue.add_buf(std::span(&buffer, 1), {}, 0));
	TRY(queue.kick());
	::poll(nullptr, 0, moment_ms);
	TRY(rig.device->attach_vring_worker(1 - rig.options.queue, worker));

	std::jthread moving(
		[&] { (void)rig.device->attach_vring_worker(rig.options.queue, worker); });

	::poll(nullptr, 0, moment_ms);
	TRY(first.supply());
	TRY(page.wait());
	moving.join();
	freeing = std::jthread([&rig, before] { (void)rig.device->free_worker(before); });
	::poll(nullptr, 0, moment_ms);
	return Done{};
}

// What an owner is at when it is killed.
enum class Last {
	serving_old, // the worker waits for a page; the device's descriptor is older than the page's
	serving_new, // or younger: files are closed in an order
	detaching,   // and one of its threads waits for the worker
	attaching,   // pages of the ring are waited for
	closing,     // having become another program, which is no owner, and closes the device
	freeing,     // one of its threads waits for the end of a worker, which waits for a page
};

constexpr int newest_fd = 500;

// Give the device the highest descriptor there is.
Result<Fd> keep_as_newest(const Rig &rig)
{
	Fd kept(::fcntl(rig.device->fd().get(), F_DUPFD_CLOEXEC, newest_fd));

	if (kept.get() != newest_fd)
		return fail(errno, "keep", "the device");
	::close(rig.device->fd().get());
	return kept;
}

Result<Done> be_stalled(const RigOptions &options, Last last, const PageSource &source, int socket)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	std::jthread other;
	Fd newest;

	TRY(rig->honest());
	if (last == Last::attaching) {
		TRY(rig->detach());
		rig->ring->reset();
	}

	void *where = last == Last::attaching ? rig->ring->all().data()
		      : last == Last::freeing ? rig->buffer.user + another_offset
					      : rig->buffer.user + late_offset;
	LatePage page = TRY(LatePage::at(where, source));

	if (last == Last::attaching) {
		other = std::jthread([&] { (void)rig->attach(); });
		TRY(page.wait());
	} else if (last == Last::freeing) {
		TRY(stall_freed(*rig, page, other));
	} else {
		TRY(stall(*rig, page));
	}
	if (last == Last::serving_new || last == Last::closing)
		newest = TRY(keep_as_newest(*rig));
	if (last == Last::detaching) {
		other = std::jthread([&] { (void)rig->detach(); });
		::poll(nullptr, 0, moment_ms);
	}

	unsigned number = page.file_number();

	if (::send(socket, &number, sizeof(number), MSG_NOSIGNAL) < 0)
		return fail(errno, "tell", "the parent");
	if (last == Last::closing) {
		// Its page could still come, from whoever has the descriptor.
		::fcntl(newest.get(), F_SETFD, 0);
		::fcntl(page.fd(), F_SETFD, 0);
		::execlp("bash", "bash", "-c",
			 fmt::format("exec {}>&-; sleep 1000", newest_fd).c_str(), nullptr);
		return fail(errno, "run", "bash");
	}
	for (;;)
		::pause();
}

// A descriptor is gone at once, and then the file is closed.
Result<Done> expect_closing(pid_t pid)
{
	std::string file = fmt::format("/proc/{}/fd/{}", pid, newest_fd);

	for (int ms = 0; ::access(file.c_str(), F_OK) == 0; ms += 5) {
		if (ms > Rig::deadline_ms)
			return fail(ETIMEDOUT, "see", "the device's last descriptor closed");
		::poll(nullptr, 0, 5);
	}
	::poll(nullptr, 0, moment_ms);
	return Done{};
}

Result<Done> expect_death(pid_t pid)
{
	for (int ms = 0; ms < Rig::deadline_ms; ms += 5) {
		if (::waitpid(pid, nullptr, WNOHANG) == pid)
			return Done{};
		::poll(nullptr, 0, 5);
	}
	return fail(ETIMEDOUT, "see", "a killed process end");
}

// A process, and our end of a socket pair with it.
struct Child {
	pid_t pid;
	Fd socket;
};

// It ends with the status that its body returns, which is given the other end.
Result<Child> start_child(const std::function<int(int socket)> &body)
{
	int pair[2];

	if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(errno, "make", "a socket pair");

	Fd ours(pair[0]), theirs(pair[1]);
	pid_t pid = ::fork();

	if (pid < 0)
		return fail(errno, "have", "a child");
	if (pid == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		::_exit(body(theirs.get()));
	}
	return Child{pid, std::move(ours)};
}

struct Stalled {
	Child child;
	unsigned fuse = 0; // number of the file system that the page is in
};

// An owner whose worker waits, with whatever else it is at.
Result<Stalled> start_stalled(const RigOptions &options, Last last, const PageSource &source)
{
	Stalled owner{TRY(start_child([&](int socket) {
		auto done = be_stalled(options, last, source, socket);

		fmt::print(stderr, "# owner: {}\n", done ? "" : done.error().message());
		return !done && done.error().code == ENOTSUP ? 2 : 1;
	}))};

	if (::recv(owner.child.socket.get(), &owner.fuse, sizeof(owner.fuse), 0) > 0)
		return owner;

	int status = 0;

	::waitpid(owner.child.pid, &status, 0);
	return fail(WIFEXITED(status) && WEXITSTATUS(status) == 2 ? ENOTSUP : 0, "see",
		    "the owner's worker wait for a page", "no pages that come late here");
}

// Its pages come from itself, or from a FUSE server that lives on and answers nobody: nobody may wait for them
// once it is killed.
Result<Done> killed(const RigOptions &options, Last last, const PageSource &kind)
{
	int users = TRY(module_users());
	PageSource source = TRY(with_server(kind));
	auto [child, fuse] = TRY(start_stalled(options, last, source));
	Result<Done> closing = last == Last::closing ? expect_closing(child.pid) : Done{};

	::kill(child.pid, SIGKILL);
	TRY(std::move(closing));
	TRY(expect_death(child.pid));
	return expect_gone(child.pid, users);
}

// What ends the kernel's own waiting for the answer to a single read, which cannot be killed.
enum class Rescue { answer, server_killed, aborted };

Result<Done> killed_in_a_read(const RigOptions &options, Rescue rescue)
{
	int users = TRY(module_users());
	PageSource::Kind kind = rescue == Rescue::aborted ? PageSource::fuse_thread
							  : PageSource::fuse_process;
	PageSource source = TRY(with_server({.kind = kind, .ahead = false}));
	auto [child, fuse] = TRY(start_stalled(options, Last::serving_old, source));

	::kill(child.pid, SIGKILL);
	::poll(nullptr, 0, moment_ms);
	if (rescue == Rescue::answer)
		TRY(source.file->supply());
	else if (rescue == Rescue::server_killed)
		source.file->kill_server();
	else
		TRY(abort_fuse(fuse));
	TRY(expect_death(child.pid));
	return expect_gone(child.pid, users);
}

// Close an open file's last descriptors but for those in a pair of sockets that hold each other:
// the kernel finds it some time, and closes it in a thread of its own.
Result<Done> leave_to_collector(int fd)
{
	int pair[2];

	if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(errno, "make", "a socket pair");

	Fd one(pair[0]), two(pair[1]);

	TRY(pass_fds(two.get(), {fd, one.get()}));
	return pass_fds(one.get(), {fd, two.get()});
}

// A socket that is closed has the collector look.
void collect()
{
	int pair[2];

	if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	::close(pair[0]);
	::close(pair[1]);
}

// The kernel's thread that closes files of everybody's does not wait for our page.
Result<Done> collected(const RigOptions &options, const PageSource &kind)
{
	int users = TRY(module_users());
	PageSource source = TRY(with_server(kind));
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());

	std::jthread first, second; // end after the page has come
	LatePage page = TRY(late_buffer(*rig, source));
	int ends[2];

	TRY(stall(*rig, page));
	TRY(leave_to_collector(rig->device->fd().get()));
	rig->device.reset();
	if (::pipe2(ends, O_CLOEXEC) < 0)
		return fail(errno, "make", "a pipe");

	Fd reader(ends[0]), writer(ends[1]);

	// Before 6.10 it is the caller's thread that closes what is found.
	first = std::jthread(collect);
	::poll(nullptr, 0, moment_ms);
	TRY(leave_to_collector(writer.get()));
	writer.reset();

	second = std::jthread(collect);

	pollfd end{reader.get(), POLLIN, 0};
	bool closed = ::poll(&end, 1, Rig::deadline_ms) == 1;

	TRY(page.supply());
	TRY(expect(closed, "another file closed meanwhile"));
	first.join();
	second.join();
	rig.reset();
	return expect_gone(::getpid(), users);
}

// Who was given the device, and is the last to close it, does not wait for another's page.
Result<Done> closed_by_stranger(const RigOptions &options, const PageSource &kind)
{
	int users = TRY(module_users());
	PageSource source = TRY(with_server(kind));
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	char byte;

	TRY(rig->honest());

	auto [pid, ours] = TRY(start_child([&](int socket) {
		(void)::recv(socket, &byte, 1, 0);
		::close(rig->device->fd().get());
		(void)::send(socket, "", 1, MSG_NOSIGNAL);
		return 0;
	}));
	LatePage page = TRY(late_buffer(*rig, source));

	TRY(stall(*rig, page));
	rig->device.reset();
	if (::send(ours.get(), "", 1, MSG_NOSIGNAL) < 0)
		return fail(errno, "tell", "a child");

	pollfd end{ours.get(), POLLIN, 0};
	bool closed = ::poll(&end, 1, Rig::deadline_ms) == 1 &&
		      ::recv(ours.get(), &byte, 1, 0) == 1;

	TRY(page.supply());
	TRY(expect_death(pid));
	TRY(expect(closed, "the device closed while a page is waited for"));
	rig.reset();
	return expect_gone(::getpid(), users);
}

} // namespace

void add_stalled_owners(Tests &tests, const RigOptions &options, const PageSource &source)
{
	auto add = [&](const char *name, std::function<Result<Done>()> run) {
		tests.push_back({stalled_name(options, name, source), std::move(run), true});
	};
	auto add_killed = [&](const char *name, Last last) {
		add(name, [=] { return killed(options, last, source); });
	};
	auto add_rescued = [&](const char *name, Rescue rescue) {
		add(name, [=] { return killed_in_a_read(options, rescue); });
	};

	add_killed("owner killed while a page is waited for, device closed last",
		   Last::serving_old);
	add_killed("owner killed while a page is waited for, device closed first",
		   Last::serving_new);
	add_killed("owner killed as it detaches", Last::detaching);
	add_killed("owner killed as it attaches", Last::attaching);
	if (options.queue == NetGuest::rx_index)
		add_killed("owner killed as it frees a worker", Last::freeing);
	add_killed("killed as it closes the device, being another program by then", Last::closing);
	add("closed by the kernel", [=] { return collected(options, source); });
	add("closed by another process", [=] { return closed_by_stranger(options, source); });
	if (source.kind == PageSource::fuse_thread) {
		add_rescued("owner killed in a single read, which is aborted", Rescue::aborted);
	} else if (source.kind == PageSource::fuse_process) {
		add_rescued("owner killed in a single read, which is answered", Rescue::answer);
		add_rescued("owner killed in a single read, and then the server",
			    Rescue::server_killed);
	}
}

} // namespace ringtap
