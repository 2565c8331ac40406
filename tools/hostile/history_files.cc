// SPDX-License-Identifier: GPL-2.0-or-later
// The bugs that vhost-net has had with file descriptors and messages, each a test named after it.
#include <atomic>
#include <cstring>
#include <thread>

#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/history.h"

namespace ringtap {

namespace {

struct Candidate {
	const char *name;
	Fd fd;
};

void add_socket(std::vector<Candidate> &all, const char *name, int domain, int type)
{
	all.push_back({name, Fd(::socket(domain, type | SOCK_CLOEXEC, 0))});
}

// Everything that can be opened and is no backend.
std::vector<Candidate> no_backends(const std::string &node)
{
	std::vector<Candidate> all;
	int pipe[2];

	add_socket(all, "a unix stream socket", AF_UNIX, SOCK_STREAM);
	add_socket(all, "a unix datagram socket", AF_UNIX, SOCK_DGRAM);
	add_socket(all, "a udp socket", AF_INET, SOCK_DGRAM);
	add_socket(all, "a tcp socket", AF_INET, SOCK_STREAM);
	add_socket(all, "a raw IP socket", AF_INET, SOCK_RAW);
	add_socket(all, "a cooked packet socket", AF_PACKET, SOCK_DGRAM);
	add_socket(all, "a netlink socket", AF_NETLINK, SOCK_RAW);
	if (::pipe2(pipe, O_CLOEXEC) == 0) {
		all.push_back({"a pipe to read", Fd(pipe[0])});
		all.push_back({"a pipe to write", Fd(pipe[1])});
	}
	all.push_back({"an epoll", Fd(::epoll_create1(EPOLL_CLOEXEC))});
	all.push_back({"a memfd", Fd(::memfd_create("backend", MFD_CLOEXEC))});
	for (const char *path : {"/dev/null", "/etc/passwd", "/", "/proc/self/maps"})
		all.push_back({path, Fd(::open(path, O_RDONLY | O_CLOEXEC))});
	all.push_back({"a path only", Fd(::open("/dev/net/tun", O_PATH | O_CLOEXEC))});
	all.push_back({"a second device", Fd(::open(node.c_str(), O_RDWR | O_CLOEXEC))});
	return all;
}

Result<Done> wrong_types(Rig &rig)
{
	EventFd event = TRY(EventFd::create());
	unsigned tried = 0;

	for (const Candidate &candidate : no_backends(rig.options.node)) {
		if (!candidate.fd)
			continue;
		TRY(expect_errno(rig.device->set_backend(rig.options.queue, candidate.fd.get()),
				 ENOTSOCK, candidate.name));
		TRY(rig.honest());
		tried++;
	}
	TRY(expect(tried >= 15, fmt::format("15 kinds of files tried, not {}", tried)));

	const std::pair<const char *, int> numbers[] = {
		{"an eventfd", event.get()}, {"the device itself", rig.device->fd().get()},
		{"a closed number", 9999},   {"-2", -2},
		{"INT_MAX", 0x7fffffff},     {"INT_MIN", int(0x80000000)},
	};

	for (auto [name, fd] : numbers) {
		TRY(expect_errno(rig.device->set_backend(rig.options.queue, fd), ENOTSOCK, name));
		TRY(rig.honest());
	}
	return rig.other_works(20);
}

// Eventfds have to be eventfds.
Result<Done> wrong_eventfds(Rig &rig)
{
	for (const Candidate &candidate : no_backends(rig.options.node)) {
		if (!candidate.fd)
			continue;

		int fd = candidate.fd.get();

		TRY(expect(!rig.device->set_vring_kick(rig.options.queue, fd), candidate.name));
		TRY(expect(!rig.device->set_vring_call(rig.options.queue, fd), candidate.name));
		TRY(expect(!rig.device->set_vring_err(rig.options.queue, fd), candidate.name));
		TRY(expect(!rig.device->set_log_fd(fd), candidate.name));
	}
	return rig.honest();
}

// Opened, and never made anybody's: as good as a TAP queue that is detached.
Result<Done> tap_never_attached(Rig &rig)
{
	Fd nobodys(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));

	if (!nobodys)
		return fail(errno, "open", "/dev/net/tun");

	auto done = rig.device->set_backend(rig.options.queue, nobodys.get());
	RawDescriptor good = rig.good();

	if (!done)
		return rig.honest();
	rig.ring->offer(std::span(&good, 1));
	TRY(rig.notify());
	TRY(rig.provoke());
	TRY(rig.other_works(20));
	TRY(rig.detach());
	rig.ring->reset();
	TRY(rig.attach());
	return rig.honest();
}

// One descriptor is a TAP now and something else then; each call sees one of them and keeps no
// reference to what it did not take.
Result<Done> lookups_race(const RigOptions &options)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	std::string name = rig->tap->name();
	int ends[2];

	TRY(rig->honest());
	if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(errno, "make", "a pipe");

	Fd reader(ends[0]), writer(ends[1]);
	Fd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
	Fd target(::dup(null.get()));
	const int sources[] = {rig->tap->queue().get(), reader.get(), udp.get(), null.get()};
	std::jthread swapper([&](std::stop_token stop) {
		for (unsigned i = 0; !stop.stop_requested(); i++)
			::dup3(sources[i % 2 ? 0 : i / 2 % 4], target.get(), O_CLOEXEC);
	});
	unsigned taken = 0, refused = 0;

	for (unsigned i = 0; i < 20000 || !taken || !refused; i++) {
		auto done = rig->device->set_backend(options.queue, target.get());

		TRY(expect(done || done.error().code == ENOTSOCK, "0 or ENOTSOCK"));
		(done ? taken : refused)++;
		if (i % 16 == 0)
			TRY(rig->detach());
		TRY(expect(i < 1000000, "both outcomes of the race"));
	}
	swapper.request_stop();
	swapper.join();
	TRY(rig->other_works(20));
	TRY(rig->detach());
	rig->ring->reset();
	TRY(rig->attach());
	TRY(rig->honest());
	target.reset();
	reader.reset();
	::signal(SIGPIPE, SIG_IGN);
	TRY(expect(::write(writer.get(), "", 1) < 0 && errno == EPIPE,
		   "no reference to the pipe left"));
	TRY(expect_closed(std::move(rig)));
	return expect(!link_counts(name), "the TAP gone with its last descriptor");
}

// The kernel writes what it says, and no byte beside it.
Result<Done> padding_of_messages(Rig &rig)
{
	constexpr uint8_t poison = 0xa5;
	uint8_t bytes[256];
	int fd = rig.device->fd().get();
	auto untouched = [&](size_t from) {
		for (size_t i = from; i < sizeof(bytes); i++)
			if (bytes[i] != poison)
				return false;
		return true;
	};

	std::memset(bytes, poison, sizeof(bytes));
	::fcntl(fd, F_SETFL, O_NONBLOCK);
	TRY(expect(::read(fd, bytes, sizeof(bytes)) < 0 && errno == EAGAIN,
		   "EAGAIN for a message when there is none"));
	TRY(expect(::read(fd, bytes, 8) == 0, "0 for less than a message"));
	TRY(expect(untouched(0), "nothing written without a message"));
	for (unsigned long request : {VHOST_GET_VRING_BASE, VHOST_GET_VRING_BUSYLOOP_TIMEOUT}) {
		std::memset(bytes, poison, sizeof(bytes));
		std::memset(bytes, 0, sizeof(unsigned)); // the queue
		TRY(expect(::ioctl(fd, request, bytes) == 0 && untouched(sizeof(vhost_vring_state)),
			   "a state and no more"));
	}
	std::memset(bytes, poison, sizeof(bytes));
	TRY(expect(::ioctl(fd, VHOST_GET_FEATURES, bytes) == 0 && untouched(sizeof(uint64_t)),
		   "features and no more"));
	return rig.honest();
}

// Lengths at the end of everything are refused at once, and what is logged is what was written.
Result<Done> log_lengths(Rig &rig)
{
	MemoryRegion region = rig.memory.regions()[0];
	const std::pair<uint64_t, uint64_t> ranges[] = {
		{0, ~0ull}, {~0ull - 4095, 8192}, {region.guest, ~0ull - 4095}};

	for (auto [guest, size] : ranges) {
		MemoryRegion lie{guest, size, region.user};

		TRY(expect(!rig.device->set_memory(std::span(&lie, 1)),
			   fmt::format("a region of {:#x} bytes refused", size)));
	}
	TRY(expect_errno(rig.device->set_log_base(reinterpret_cast<void *>(~uintptr_t(0))), EFAULT,
			 "a log at the end of everything"));
	rig.log->take();
	TRY(rig.honest());
	TRY(rig.device->vring_base(rig.options.queue));

	std::set<uint64_t> pages = rig.log->take();

	// Of the other queue's, there may be some: whatever the kernel has sent.
	TRY(expect(pages.contains(rig.buffer.guest >> 12) == !rig.sends(),
		   "what is written logged"));
	return expect(pages.size() < 10,
		      fmt::format("few pages logged, they are {}", pages.size()));
}

} // namespace

void add_history_files(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed})
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index}) {
			RigOptions options{.node = node, .layout = layout, .queue = queue};
			auto add = [&](const char *name, RigTest body) {
				tests.push_back({test_name(options, name),
						 [=] { return on_rig(options, body); }});
			};

			add("wrong fd types as backend", wrong_types);
			add("wrong fd types as eventfds", wrong_eventfds);
			add("a TAP that was never attached as backend", tap_never_attached);
			add("padding of messages leaking kernel bytes", padding_of_messages);
			tests.push_back({test_name(options, "U64_MAX log lengths"), [options] {
						 RigOptions logged = options;

						 logged.logged = true;
						 return on_rig(logged, log_lengths);
					 }});
			tests.push_back(
				{test_name(options, "two lookups of one backend fd, dup2 racing"),
				 [=] { return lookups_race(options); }});
		}
}

} // namespace ringtap
