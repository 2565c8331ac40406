// SPDX-License-Identifier: GPL-2.0-or-later
// One process of the storm: threads that share descriptors and memory, and take nothing into account.
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile/pass_fds.h"
#include "hostile/storm.h"
#include "hostile/storm_link.h"
#include "hostile/storm_memory.h"
#include "hostile/storm_requests.h"
#include "lib/fd.h"
#include "lib/vhost_abi.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned threads = 3;
// Descriptors have numbers of their own, that a thread may replace at any time.
constexpr int first_device = 100, first_tap = 104, first_event = 108, first_other = 112,
	      per_kind = 4, end_fds = 116;
constexpr size_t page = 4096, arena_size = 512 * page;
// A ring at the arena's end goes on behind it, where nothing of ours may be: it would be written to.
constexpr size_t guard_size = 512 * page;
constexpr uint64_t guest_base = 1 << 20;

class Thread {
public:
	Thread(const StormOptions &options, uint64_t seed, int family, uint8_t *arena,
	       StormCounts &counts) :
		options_(options),
		random_(seed), family_(family), arena_(arena), counts_(counts)
	{
	}

	void step();

private:
	uint64_t below(uint64_t limit) { return random_() % limit; }
	bool one_in(unsigned n) { return below(n) == 0; }
	int device() { return first_device + int(below(per_kind)); }
	int tap() { return first_tap + int(below(per_kind)); }
	int event() { return first_event + int(below(per_kind)); }
	int any_fd() { return one_in(8) ? -1 : first_device + int(below(end_fds - first_device)); }
	uint64_t address() { return uintptr_t(arena_) + below(arena_size / page) * page; }
	uint64_t value();
	void count(StormCounts::Kind kind) { counts_.of[kind]++; }
	void put(int fd, int number);

	void any_ioctl();
	void many_ioctls();
	void start();
	void set_queue(int fd, unsigned queue, bool logged);
	StormMemory known_memory() const { return {guest_base, arena_, arena_size}; }
	void messages();
	void descriptors();
	void pass();
	void memory();
	void tap_operation();
	void netlink();
	void frames();
	void forks();

	const StormOptions &options_;
	StormRandom random_;
	int family_;
	uint8_t *arena_;
	StormCounts &counts_;
	// Closing one takes a grace period.
	Fd packet_{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
};

// What a field may be set to: small, large, sensible, an address, anything.
uint64_t Thread::value()
{
	const uint64_t known[] = {0,          1,      2,           16,
				  256,        0xffff, 0x10000,     0x8000,
				  0x7fffffff, ~0ull,  1ull << 63,  0xffffffff,
				  guest_base, 4096,   0x130000000, 1ull << 32};

	switch (below(4)) {
	case 0:
		return known[below(std::size(known))];
	case 1:
		return address();
	case 2:
		return below(64);
	default:
		return random_();
	}
}

// A new descriptor takes the place of what is there.
void Thread::put(int fd, int number)
{
	if (fd < 0)
		return;
	::dup3(fd, number, O_CLOEXEC);
	::close(fd);
}

void Thread::any_ioctl()
{
	unsigned long request = storm_requests[below(std::size(storm_requests))];
	uint64_t words[32];
	uint32_t *halves = reinterpret_cast<uint32_t *>(words);

	for (uint64_t &word : words)
		word = value();
	if (one_in(40))
		request = _IOC(below(4), VHOST_VIRTIO, below(256), below(128));
	// A queue, and a number or descriptor beside it.
	if (!one_in(10))
		halves[0] = below(2);
	if (one_in(2))
		halves[1] = one_in(2) ? any_fd() : 1u << below(11);
	if (request == VHOST_SET_MEM_TABLE && !one_in(4))
		halves[0] = below(6), halves[1] = 0;
	if (_IOC_NR(request) == _IOC_NR(VHOST_GET_FEATURES_ARRAY))
		words[0] = below(8);
	(void)::ioctl(one_in(50) ? any_fd() : device(), request, one_in(50) ? nullptr : words);
	count(StormCounts::ioctls);
}

// Most calls are short beside what else a step may do.
void Thread::many_ioctls()
{
	for (int n = 0; n < 32; n++)
		any_ioctl();
}

void Thread::set_queue(int fd, unsigned queue, bool logged)
{
	uint64_t ring = address();
	vhost_vring_state num{queue, 1u << below(9)}, base{queue, unsigned(below(2) * 0x8000)};
	vhost_vring_addr addr{queue,
			      unsigned(logged) << VHOST_VRING_F_LOG,
			      ring,
			      ring + 5 * page,
			      ring + 4 * page,
			      guest_base + ring + 5 * page - uintptr_t(arena_)};
	vhost_vring_file kick{queue, event()}, call{queue, event()}, backend{queue, tap()};

	(void)::ioctl(fd, VHOST_SET_VRING_NUM, &num);
	(void)::ioctl(fd, VHOST_SET_VRING_BASE, &base);
	(void)::ioctl(fd, VHOST_SET_VRING_ADDR, &addr);
	(void)::ioctl(fd, VHOST_SET_VRING_KICK, &kick);
	(void)::ioctl(fd, VHOST_SET_VRING_CALL, &call);
	if (::ioctl(fd, VHOST_NET_SET_BACKEND, &backend) == 0)
		counts_.running++;
}

// All that it takes to serve, in the right order, unless another thread is in between.
void Thread::start()
{
	int fd = device();
	bool logged = one_in(3), translated = one_in(3);
	uint64_t features = uint64_t(logged) << VHOST_F_LOG_ALL |
			    uint64_t(translated) << VIRTIO_F_ACCESS_PLATFORM |
			    1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF |
			    below(2) << VIRTIO_F_RING_PACKED | below(2) << VIRTIO_RING_F_EVENT_IDX |
			    below(2) << VIRTIO_RING_F_INDIRECT_DESC | below(2) << VIRTIO_F_IN_ORDER;
	// The head of a table, and its one region.
	uint64_t table[] = {1, guest_base, arena_size, uintptr_t(arena_), 0};
	uint64_t both[] = {2, features, 1ull << 1 | 1ull << 3};
	uint64_t version = 1ull << VHOST_BACKEND_F_IOTLB_MSG_V2;
	uint8_t kind = uint8_t(below(2));

	static_assert(sizeof(table) == sizeof(vhost_memory) + sizeof(vhost_memory_region));
	if (one_in(4))
		put(::open(options_.node.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK), fd);
	if (one_in(2))
		(void)::ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &kind);
	(void)::ioctl(fd, VHOST_SET_OWNER);
	(void)::ioctl(fd, VHOST_SET_BACKEND_FEATURES, &version);
	(void)::ioctl(fd, VHOST_SET_FEATURES, &features);
	// Both words of them; where tunnels are not offered nothing comes of it.
	if (one_in(3))
		(void)::ioctl(fd, VHOST_SET_FEATURES_ARRAY, both);
	(void)::ioctl(fd, VHOST_SET_MEM_TABLE, table);
	if (logged)
		storm_log(fd, known_memory(), random_);
	if (translated)
		storm_translate(fd, known_memory());
	set_queue(fd, 0, logged);
	set_queue(fd, 1, logged);
	count(StormCounts::starts);
	counts_.of[StormCounts::logged] += logged;
	counts_.of[StormCounts::translated] += translated;
}

// What travels by read(2), write(2) and poll(2). Nothing here waits: all descriptors are non-blocking.
void Thread::messages()
{
	vhost_msg_v2 message{};
	pollfd look{device(), short(random_()), 0};

	if (one_in(4))
		storm_translate(device(), known_memory());
	if (one_in(4))
		storm_take_back(device(), known_memory(), random_);
	message.type = uint32_t(below(4));
	message.asid = uint32_t(value());
	message.iotlb = {value(), value(), value(), uint8_t(below(4)), uint8_t(below(8))};
	(void)!::write(device(), &message, one_in(4) ? below(sizeof(message)) : sizeof(message));
	(void)!::read(device(), &message, one_in(4) ? below(sizeof(message)) : sizeof(message));
	(void)::poll(&look, 1, 0);
	count(StormCounts::messages);
}

// To ourselves; what is not received goes with the sockets.
void Thread::pass()
{
	int pair[2];

	if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return;
	if (pass_fds(pair[0], {device(), tap()}) && one_in(2)) {
		if (auto fds = receive_fds(pair[1])) {
			put((*fds)[0], device());
			put((*fds)[1], tap());
		}
	}
	::close(pair[0]);
	::close(pair[1]);
}

void Thread::descriptors()
{
	ifreq request{};
	sockaddr_ll to{};
	int fd;

	count(StormCounts::descriptors);
	switch (below(7)) {
	case 0:
		put(::open(options_.node.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK), device());
		break;
	case 1:
		fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		std::snprintf(request.ifr_name, IFNAMSIZ, "%s", one_in(2) ? "st0" : "st%d");
		request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
		if (!one_in(8))
			(void)::ioctl(fd, TUNSETIFF, &request);
		put(fd, tap());
		break;
	case 2:
		put(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), event());
		break;
	case 3:
		::dup3(first_device + int(below(end_fds - first_device)),
		       first_device + int(below(end_fds - first_device)), O_CLOEXEC);
		break;
	case 4:
		// Closing one takes a grace period.
		if (!one_in(4))
			break;
		fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
		to.sll_family = AF_PACKET;
		to.sll_protocol = htons(ETH_P_ALL);
		to.sll_ifindex = 2 + int(below(8));
		(void)::bind(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to));
		put(fd, tap());
		break;
	case 5:
		if (one_in(4))
			::close(first_device + int(below(end_fds - first_device)));
		break;
	default:
		pass();
	}
}

void Thread::memory()
{
	const int advices[] = {MADV_DONTNEED, MADV_FREE,     MADV_PAGEOUT, MADV_COLD,
			       MADV_HUGEPAGE, MADV_DONTFORK, MADV_DOFORK,  MADV_WILLNEED};
	const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				   PROT_READ | PROT_WRITE};
	void *at = reinterpret_cast<void *>(address());
	size_t size = page;

	count(StormCounts::memory);
	switch (below(4)) {
	case 0:
		(void)::madvise(at, size, advices[below(std::size(advices))]);
		break;
	case 1:
		(void)::mprotect(at, size, protections[below(std::size(protections))]);
		break;
	case 2:
		(void)::munmap(at, size);
		break;
	default:
		(void)::mmap(at, size, PROT_READ | PROT_WRITE,
			     MAP_FIXED | MAP_ANONYMOUS | (one_in(2) ? MAP_PRIVATE : MAP_SHARED), -1,
			     0);
	}
}

void Thread::tap_operation()
{
	int fd = tap(), number = int(value()), carrier = int(below(2));
	ifreq request{};

	count(StormCounts::taps);
	(void)::ioctl(fd, TUNGETIFF, &request);
	switch (below(10)) {
	case 0 ... 2: {
		int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		request.ifr_flags = one_in(4) ? 0 : IFF_UP;
		(void)::ioctl(control, SIOCSIFFLAGS, &request);
		::close(control);
		break;
	}
	case 3:
		request.ifr_flags = one_in(2) ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
		(void)::ioctl(fd, TUNSETQUEUE, &request);
		break;
	case 4:
		(void)::ioctl(fd, TUNSETCARRIER, &carrier);
		break;
	case 5:
		number = one_in(2) ? 0x7fffffff : 20000;
		(void)::ioctl(fd, TUNSETSNDBUF, &number);
		break;
	case 6:
		number = one_in(2) ? 10 : 12;
		(void)::ioctl(fd, TUNSETVNETHDRSZ, &number);
		break;
	case 7:
		(void)::ioctl(fd, TUNSETOFFLOAD, one_in(2) ? 0 : TUN_F_CSUM | TUN_F_TSO4);
		break;
	case 8:
		if (one_in(4))
			storm_link(RTM_DELLINK, 2 + int(below(8)));
		break;
	default:
		if (one_in(8))
			storm_link(RTM_NEWLINK, 2 + int(below(8)));
	}
}

// Commands that there are and that there are not, with attributes of any kind and length.
void Thread::netlink()
{
	alignas(nlmsghdr) uint8_t bytes[512]{};
	auto *header = reinterpret_cast<nlmsghdr *>(bytes);
	auto *generic = reinterpret_cast<genlmsghdr *>(NLMSG_DATA(header));
	size_t size = NLMSG_LENGTH(GENL_HDRLEN);
	int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	header->nlmsg_type = uint16_t(family_);
	header->nlmsg_flags = NLM_F_REQUEST | (one_in(2) ? NLM_F_DUMP : 0) |
			      (one_in(2) ? NLM_F_ACK : 0);
	generic->cmd = uint8_t(below(one_in(8) ? 256 : 12));
	generic->version = 1;
	for (unsigned n = below(4); n > 0; n--) {
		auto *attribute = reinterpret_cast<nlattr *>(bytes + size);
		uint64_t word = value();
		uint16_t length = uint16_t(one_in(4) ? below(40) : 4);

		attribute->nla_type = uint16_t(below(one_in(8) ? 65536 : 24));
		attribute->nla_len = uint16_t(one_in(16) ? random_() : NLA_HDRLEN + length);
		std::memcpy(bytes + size + NLA_HDRLEN, &word, sizeof(word));
		size += NLA_ALIGN(NLA_HDRLEN + length);
	}
	header->nlmsg_len = uint32_t(one_in(16) ? below(sizeof(bytes)) : size);
	(void)::send(fd, bytes, size, MSG_DONTWAIT);
	// A dump that nobody reads on ends with its socket.
	for (unsigned n = below(4); n > 0; n--)
		(void)::recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	::close(fd);
	count(StormCounts::netlink);
}

// Into the rings and into the interfaces: noise, and a kick for it.
void Thread::frames()
{
	uint8_t frame[1024]{};
	sockaddr_ll to{};
	uint64_t one = 1;

	to.sll_family = AF_PACKET;
	std::memset(frame, 0xff, 12);
	for (int ifindex = 2; ifindex < 6; ifindex++) {
		to.sll_ifindex = ifindex;
		for (int n = 0; n < 8; n++)
			(void)::sendto(packet_.get(), frame, 14 + below(1000), MSG_DONTWAIT,
				       reinterpret_cast<sockaddr *>(&to), sizeof(to));
	}
	// By read(2): where no page is, that is an error and no signal.
	int random = ::open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	for (int n = 0; n < 4; n++)
		(void)!::read(random, reinterpret_cast<void *>(address()), one_in(2) ? page : 64);
	::close(random);
	for (int n = 0; n < per_kind; n++)
		(void)!::write(first_event + n, &one, sizeof(one));
	count(StormCounts::frames);
}

// A child that has all descriptors for a while, and may use them.
void Thread::forks()
{
	uint64_t features = 0;
	int fd = device();
	unsigned ms = below(5);
	pid_t pid = ::fork();

	if (pid == 0) {
		(void)::ioctl(fd, VHOST_GET_FEATURES, &features);
		(void)::ioctl(fd, VHOST_RESET_OWNER);
		(void)::ioctl(fd, VHOST_SET_OWNER);
		::usleep(ms * 1000);
		::_exit(0);
	}
	if (pid > 0)
		::waitpid(pid, nullptr, 0);
	count(StormCounts::forks);
}

void Thread::step()
{
	switch (below(64)) {
	case 0 ... 31:
		return many_ioctls();
	case 32 ... 37:
		return start();
	case 38 ... 43:
		return descriptors();
	case 44 ... 49:
		return memory();
	case 50 ... 54:
		return tap_operation();
	case 55 ... 56:
		return netlink();
	case 57:
		return messages();
	case 58 ... 62:
		return frames();
	default:
		return forks();
	}
}

} // namespace

void storm_process(const StormOptions &options, unsigned process, int family, StormCounts &counts)
{
	auto deadline = Clock::now() + std::chrono::seconds(options.seconds);
	void *arena = ::mmap(nullptr, arena_size + guard_size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	std::vector<std::jthread> all;

	if (arena == MAP_FAILED || ::mprotect(arena, arena_size, PROT_READ | PROT_WRITE) < 0 ||
	    ::unshare(CLONE_NEWNET) < 0)
		return;
	for (unsigned n = 0; n < threads; n++)
		all.emplace_back([&, n] {
			Thread thread(options, options.seed * 64 + process * threads + n, family,
				      static_cast<uint8_t *>(arena), counts);

			while (Clock::now() < deadline)
				thread.step();
		});
}

} // namespace ringtap
