// SPDX-License-Identifier: GPL-2.0-or-later
// Pages that the worker waits for, and what may not wait with it.
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/late_page.h"
#include "hostile/owner.h"
#include "hostile/pass_fds.h"
#include "hostile/tests.h"

namespace ringtap {

namespace {

constexpr size_t late_offset = 64 << 10; // in the lying queue's buffer
constexpr int moment_ms = 50;

Result<LatePage> late_buffer(const Rig &rig)
{
	return LatePage::at(rig.buffer.user + late_offset);
}

// The worker at a buffer that is not there.
Result<Done> stall(Rig &rig, LatePage &page)
{
	RawDescriptor late = rig.part(late_offset, rig.good().size);

	rig.ring->offer(std::span(&late, 1));
	TRY(rig.notify());
	TRY(rig.provoke());
	return page.wait();
}

// Nobody but the queue waits: not who asks how it is, no other queue that has a worker of its own,
// no other device.
Result<Done> supplied(Rig &rig, const KernelLog &)
{
	unsigned used = rig.ring->used();
	unsigned worker = TRY(rig.device->new_worker());

	TRY(rig.device->attach_vring_worker(1 - rig.options.queue, worker));

	LatePage page = TRY(late_buffer(rig));

	TRY(stall(rig, page));
	TRY(rig.other_works(20));
	TRY(expect(TRY(DeviceStats::read()).text(rig.counter("state")) == "running",
		   "the queue running"));
	{
		VhostDevice other = TRY(VhostDevice::open(rig.options.node));

		TRY(other.set_owner());
		TRY(other.reset_owner());
	}
	TRY(page.supply());
	TRY(rig.wait_used(used + 1));
	return rig.honest();
}

Result<Done> taken_away(Rig &rig, const KernelLog &log)
{
	LatePage page = TRY(late_buffer(rig));

	TRY(stall(rig, page));
	TRY(page.take_away());
	TRY(expect_broken(rig, log, "buffer"));
	TRY(page.map_again());
	return expect_revived(rig, 1);
}

// Detaching waits for the worker, and no longer than that.
Result<Done> detached(Rig &rig, const KernelLog &)
{
	LatePage page = TRY(late_buffer(rig));
	std::atomic<bool> done = false;

	TRY(stall(rig, page));
	{
		std::jthread detacher([&] { done = bool(rig.detach()); });

		::poll(nullptr, 0, moment_ms);

		bool early = done;

		TRY(page.supply());
		TRY(expect(!early, "the detach wait for the worker"));
	}
	TRY(expect(done, "the queue detached"));
	rig.ring->reset();
	TRY(rig.attach());
	return rig.honest();
}

constexpr unsigned batch = 5;

// The worker with a batch of frames taken off the TAP, the first of which it cannot deliver yet.
Result<Done> stall_batch(Rig &rig, LatePage &page)
{
	RawDescriptor late = rig.part(late_offset, 2048), good = rig.good();

	for (unsigned i = 0; i < batch; i++)
		TRY(rig.provoke());
	rig.ring->offer(std::span(&late, 1));
	for (unsigned i = 1; i < batch; i++)
		rig.ring->offer(std::span(&good, 1));
	TRY(rig.notify());
	return page.wait();
}

// What was taken off a TAP that is gone when it should go back.
Result<Done> tap_deleted(Rig &rig, const KernelLog &log)
{
	std::string name = rig.tap->name();
	LatePage page = TRY(late_buffer(rig));

	TRY(stall_batch(rig, page));
	{
		// Waits for our reference to the interface.
		std::jthread remover([&] { (void)run_command("ip link del " + name); });
		auto gone = rig.wait_until("the TAP gone", [&] { return !link_counts(name); });

		// It has let go of the RTNL only when it had emptied the TAP.
		if (gone)
			(void)run_command("ip link add name other type dummy 2>/dev/null; "
					  "ip link set lo up");
		TRY(page.take_away());
		TRY(std::move(gone));
	}

	auto signalled = TRY(rig.error.wait(Rig::deadline_ms));
	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(signalled, "the error eventfd signalled"));
	TRY(expect(stats.count("rx.drop_detached") == batch && stats.sum("rx.drop_") == batch,
		   fmt::format("{} drops for want of a TAP, there are {} of {}", batch,
			       stats.count("rx.drop_detached"), stats.sum("rx.drop_"))));
	TRY(expect(log.lines_with("stopped: buffer").size() == 1, "one line in the log"));
	TRY(page.map_again());
	return rig.detach();
}

// What was taken off a TAP that is full again when it should go back.
Result<Done> tap_full(Rig &rig, const KernelLog &)
{
	constexpr unsigned queue = 8;
	LatePage page = TRY(late_buffer(rig));
	std::string name = rig.tap->name();

	TRY(run_command(fmt::format("ip link set {} txqueuelen {}", name, queue)));

	DeviceStats before = TRY(DeviceStats::read());
	LinkCounts link_before = TRY(link_counts(name));

	TRY(stall_batch(rig, page));
	for (unsigned i = 0; i < 3 * queue; i++)
		(void)rig.provoke();
	TRY(page.take_away());

	auto signalled = TRY(rig.error.wait(Rig::deadline_ms));
	DeviceStats broken = TRY(DeviceStats::read());

	TRY(expect(signalled, "the error eventfd signalled"));
	TRY(expect(broken.count("rx.drop_tap_full") == batch && broken.sum("rx.drop_") == batch,
		   fmt::format("{} drops for want of room, there are {} of {}", batch,
			       broken.count("rx.drop_tap_full"), broken.sum("rx.drop_"))));
	TRY(page.map_again());
	TRY(rig.detach());
	rig.ring->reset();
	TRY(rig.errors_signalled());
	TRY(rig.attach());

	RawDescriptor good = rig.good();

	for (unsigned i = 0; i < queue; i++)
		rig.ring->offer(std::span(&good, 1));
	TRY(rig.notify());
	TRY(rig.wait_used(queue));

	DeviceStats after = TRY(DeviceStats::read());
	LinkCounts link_after = TRY(link_counts(name));
	uint64_t ours = after.count("rx.packets") - before.count("rx.packets");
	uint64_t taken = link_after.tx_packets - link_before.tx_packets;

	return expect(ours == queue && taken == queue + batch,
		      fmt::format("{} frames delivered and {} off the TAP, there are {} and {}",
				  queue, queue + batch, ours, taken));
}

using Body = Result<Done> (*)(Rig &rig, const KernelLog &log);

Result<Done> on_stalled_rig(const RigOptions &options, Body body)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	KernelLog log = TRY(KernelLog::from_now());

	TRY(rig->honest());
	TRY(body(*rig, log));
	rig.reset();
	return DeviceStats::expect_none();
}

// What an owner is at when it is killed.
enum class Last {
	serving_old, // the worker waits for a page; the device's descriptor is older than the page's
	serving_new, // or younger: files are closed in an order
	detaching,   // and one of its threads waits for the worker
	attaching,   // pages of the ring are waited for
	closing,     // having become another program, which is no owner, and closes the device
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

Result<Done> be_stalled(const RigOptions &options, Last last, int socket)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	std::jthread other;
	Fd newest;

	TRY(rig->honest());
	if (last == Last::attaching) {
		TRY(rig->detach());
		rig->ring->reset();
	}

	LatePage page = last == Last::attaching ? TRY(LatePage::at(rig->ring->all().data()))
						: TRY(late_buffer(*rig));

	if (last == Last::attaching) {
		other = std::jthread([&] { (void)rig->attach(); });
		TRY(page.wait());
	} else {
		TRY(stall(*rig, page));
	}
	if (last == Last::serving_new || last == Last::closing)
		newest = TRY(keep_as_newest(*rig));
	if (last == Last::detaching) {
		other = std::jthread([&] { (void)rig->detach(); });
		::poll(nullptr, 0, moment_ms);
	}
	if (::send(socket, "", 1, MSG_NOSIGNAL) < 0)
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

// Its pages come from itself alone: nobody may wait for them once it is killed.
Result<Done> killed(const RigOptions &options, Last last)
{
	int users = TRY(module_users());
	int pair[2];
	char byte;

	if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(errno, "make", "a socket pair");

	Fd ours(pair[0]), theirs(pair[1]);
	pid_t pid = ::fork();

	if (pid < 0)
		return fail(errno, "have", "a child");
	if (pid == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);

		auto done = be_stalled(options, last, theirs.get());

		fmt::print(stderr, "# owner: {}\n", done ? "" : done.error().message());
		::_exit(!done && done.error().code == ENOTSUP ? 2 : 1);
	}
	theirs.reset();
	if (::recv(ours.get(), &byte, 1, 0) != 1) {
		int status = 0;

		::waitpid(pid, &status, 0);
		return fail(WIFEXITED(status) && WEXITSTATUS(status) == 2 ? ENOTSUP : 0, "see",
			    "the owner's worker wait for a page", "no userfaultfd here");
	}

	Result<Done> closing = last == Last::closing ? expect_closing(pid) : Done{};

	::kill(pid, SIGKILL);
	TRY(std::move(closing));
	TRY(expect_death(pid));
	return expect_gone(pid, users);
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
Result<Done> collected(const RigOptions &options)
{
	int users = TRY(module_users());
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());

	std::jthread first, second; // end after the page has come
	LatePage page = TRY(late_buffer(*rig));
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
Result<Done> closed_by_stranger(const RigOptions &options)
{
	int users = TRY(module_users());
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	int pair[2];
	char byte;

	TRY(rig->honest());
	if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(errno, "make", "a socket pair");

	Fd ours(pair[0]), theirs(pair[1]);
	pid_t pid = ::fork();

	if (pid < 0)
		return fail(errno, "have", "a child");
	if (pid == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)::recv(theirs.get(), &byte, 1, 0);
		::close(rig->device->fd().get());
		(void)::send(theirs.get(), "", 1, MSG_NOSIGNAL);
		::_exit(0);
	}

	LatePage page = TRY(late_buffer(*rig));

	TRY(stall(*rig, page));
	rig->device.reset();
	if (::send(ours.get(), "", 1, MSG_NOSIGNAL) < 0)
		return fail(errno, "tell", "a child");

	pollfd end{ours.get(), POLLIN, 0};
	bool closed = ::poll(&end, 1, Rig::deadline_ms) == 1;

	TRY(page.supply());
	TRY(expect_death(pid));
	TRY(expect(closed, "the device closed while a page is waited for"));
	rig.reset();
	return expect_gone(::getpid(), users);
}

} // namespace

void add_stalled(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed})
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index}) {
			RigOptions options{.node = node, .layout = layout, .queue = queue};
			auto add = [&](const char *name, Body body, bool breaks) {
				tests.push_back({test_name(options, name),
						 [=] { return on_stalled_rig(options, body); },
						 breaks});
			};
			auto add_killed = [&](const char *name, Last last) {
				tests.push_back({test_name(options, name),
						 [=] { return killed(options, last); }, true});
			};

			add("a page that comes late", supplied, false);
			add("a page taken away while it is waited for", taken_away, true);
			add("detached while a page is waited for", detached, false);
			if (queue == NetGuest::rx_index) {
				add("the TAP deleted while a page is waited for", tap_deleted,
				    true);
				add("the TAP filled while a page is waited for", tap_full, true);
			}
			add_killed("owner killed while a page is waited for, device closed last",
				   Last::serving_old);
			add_killed("owner killed while a page is waited for, device closed first",
				   Last::serving_new);
			add_killed("owner killed as it detaches", Last::detaching);
			add_killed("owner killed as it attaches", Last::attaching);
			add_killed("killed as it closes the device, being another program by then",
				   Last::closing);
			tests.push_back({test_name(options, "closed by the kernel"),
					 [=] { return collected(options); }});
			tests.push_back({test_name(options, "closed by another process"),
					 [=] { return closed_by_stranger(options); }, true});
		}
}

} // namespace ringtap
