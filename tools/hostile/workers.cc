// SPDX-License-Identifier: GPL-2.0-or-later
// Workers made, freed and killed: their threads, and the kicks that they had not come to.
#include <algorithm>
#include <atomic>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/owner.h"
#include "hostile/starve.h"
#include "hostile/tests.h"
#include "lib/worker_threads.h"

namespace ringtap {

namespace {

constexpr unsigned most_workers = 8;

std::vector<WorkerThread> threads()
{
	return worker_threads(::getpid());
}

// A thread of ours that has ended may be seen a little longer; while it goes, /proc may leave out others.
Result<Done> expect_threads(size_t wanted)
{
	for (int ms = 0; threads().size() != wanted; ms++) {
		if (ms == Rig::deadline_ms)
			return fail(
				ETIMEDOUT, "see",
				fmt::format("{} threads, there are {}", wanted, threads().size()));
		::poll(nullptr, 0, 1);
	}
	return Done{};
}

Result<Done> come_and_go(const std::string &node)
{
	VhostDevice device = TRY(VhostDevice::open(node));

	TRY(expect_threads(0));
	TRY(device.set_owner());
	TRY(expect_threads(1));
	for (unsigned n = 1; n < most_workers; n++) {
		TRY(expect(TRY(device.new_worker()) == n, "the next number for a new worker"));
		TRY(expect_threads(n + 1));
	}

	auto more = device.new_worker();

	TRY(expect(!more && more.error().code == ENOSPC, "ENOSPC for one worker too many"));
	for (unsigned n = most_workers - 1; n > 3; n--) {
		TRY(device.free_worker(n));
		TRY(expect_threads(n));
	}
	TRY(device.attach_vring_worker(0, 2));
	TRY(device.reset_owner());
	TRY(expect_threads(0));
	TRY(device.set_owner());
	TRY(expect_threads(1));
	TRY(expect(TRY(device.new_worker()) == 1, "number 1 for the first worker after a reset"));
	TRY(device.attach_vring_worker(1, 1));
	TRY(expect(!device.free_worker(0), "EBUSY for a worker that a queue has"));
	{
		VhostDevice closed = std::move(device);
	}
	return expect_threads(0);
}

// What an owner without privileges may have. In a process of its own, that ends with 0 if all is well.
int be_limited(const std::string &node, uint8_t kind)
{
	constexpr uid_t nobody_else = 61234;
	rlim_t most = kind == VHOST_FORK_OWNER_TASK
			      ? 3
			      : 2; // we, if we count; the first worker, one more
	rlimit limit{most, most};
	auto device = VhostDevice::open(node);

	if (!device || !device->set_fork_from_owner(kind) ||
	    ::setresuid(nobody_else, nobody_else, nobody_else) < 0 ||
	    ::setrlimit(RLIMIT_NPROC, &limit) < 0)
		return 1;
	if (!device->set_owner())
		return 2;
	if (!device->new_worker())
		return 3;

	auto more = device->new_worker();

	if (more || more.error().code != ENOMEM)
		return 4;
	// One in place of another is not more, as soon as that one's thread is gone.
	if (!device->free_worker(1))
		return 5;
	for (int ms = 0; !device->new_worker(); ms++) {
		if (ms == Rig::deadline_ms)
			return 6;
		::poll(nullptr, 0, 1);
	}
	return 0;
}

// Threads of the owner's are held to it by the kernel, kernel threads by us.
Result<Done> limited(const std::string &node, uint8_t kind)
{
	int status = 0;

	VhostDevice probe = TRY(VhostDevice::open(node));
	auto set = probe.set_fork_from_owner(kind);

	if (!set && set.error().code == EOPNOTSUPP)
		return fail(ENOTSUP, "have", "threads of the owner's", "not on this kernel");

	pid_t pid = ::fork();

	if (pid == 0)
		::_exit(be_limited(node, kind));
	if (pid < 0 || ::waitpid(pid, &status, 0) != pid)
		return fail(errno, "have", "a child");
	return expect(status == 0, fmt::format("RLIMIT_NPROC honoured (status {:#x})", status));
}

struct Worker {
	unsigned id;
	WorkerThread thread;
};

// Of a device that has one.
Result<Worker> another_worker(const VhostDevice &device)
{
	TRY(expect_threads(1));

	auto before = threads();
	Worker worker{TRY(device.new_worker()), {}};

	for (const WorkerThread &thread : threads())
		if (std::ranges::find(before, thread) == before.end())
			worker.thread = thread;
	TRY(expect(worker.thread.tid != 0, "a thread for a new worker"));
	return worker;
}

// One honest chain, and for a receive queue its frame; nobody waits for what comes of it.
Result<Done> post(Rig &rig)
{
	std::vector<uint8_t> frame = raw_frame(60, ++rig.serial);
	RawDescriptor good = rig.good();

	if (rig.sends())
		rig.write_frame(frame);
	rig.ring->offer(std::span(&good, 1));
	TRY(rig.notify());
	if (!rig.sends())
		TRY(rig.raw_socket->send({}, frame));
	return Done{};
}

// There and back, with a frame at each; the CPU time says who moved it.
Result<Done> served_by_its_worker(Rig &rig)
{
	unsigned queue = rig.options.queue;

	TRY(expect_threads(1));

	WorkerThread first = threads().front();
	Worker other = TRY(another_worker(*rig.device));

	for (int i = 0; i < 10; i++) {
		TRY(rig.device->attach_vring_worker(queue, i % 2 ? 0 : other.id));
		TRY(expect(TRY(rig.device->vring_worker(queue)) == (i % 2 ? 0 : other.id),
			   "the queue where it was moved to"));
		// What the old worker had on its list is over, and both sleep.
		TRY(rig.honest());
		::poll(nullptr, 0, 20);

		const WorkerThread &now = i % 2 ? first : other.thread;
		const WorkerThread &then = i % 2 ? other.thread : first;
		uint64_t busy = TRY(cpu_nanoseconds(now)), idle = TRY(cpu_nanoseconds(then));

		// A frame takes less than the kernel's clock can see, where that is coarse.
		for (int frame = 0; frame < 10 || TRY(cpu_nanoseconds(now)) == busy; frame++) {
			TRY(expect(frame < 10000, "the queue's worker use the CPU"));
			TRY(rig.honest());
		}
		TRY(expect(TRY(cpu_nanoseconds(then)) == idle, "the other worker stay idle"));
	}
	TRY(rig.device->attach_vring_worker(queue, 0));
	return rig.device->free_worker(other.id);
}

// It has a kick on its list when it loses the queue and is freed: somebody else serves it.
Result<Done> freed_with_a_kick(Rig &rig)
{
	unsigned queue = rig.options.queue;

	for (int i = 0; i < 3; i++) {
		Worker worker = TRY(another_worker(*rig.device));

		TRY(rig.device->attach_vring_worker(queue, worker.id));
		TRY(rig.honest());

		auto starved = TRY(Starved::start(worker.thread.tid));
		unsigned used = rig.ring->used();

		TRY(post(rig));
		TRY(rig.device->attach_vring_worker(queue, 0));
		// vhost_task_stop() or kthread_stop()
		starved->release_when_in("_stop");
		TRY(rig.device->free_worker(worker.id));
		TRY(rig.wait_used(used + 1));
	}
	return Done{};
}

// A process with our memory that makes a worker: one of its own threads, on most kernels.
class Maker {
public:
	[[nodiscard]] static Result<std::unique_ptr<Maker>> start(const VhostDevice &device);
	Maker() = default;
	Maker(const Maker &) = delete;
	Maker &operator=(const Maker &) = delete;
	~Maker() { kill(); }

	[[nodiscard]] const Worker &worker() const { return worker_; }
	void kill();

private:
	static int run(void *argument);

	alignas(16) char stack_[65536];
	int fd_ = -1;
	vhost_worker_state state_ = {};
	std::atomic<int> error_ = -1; // until it is known
	Worker worker_ = {};
	pid_t pid_ = -1;
};

// Nothing here may use the heap or anything else that our threads share.
int Maker::run(void *argument)
{
	Maker *self = static_cast<Maker *>(argument);

	self->error_ = ::ioctl(self->fd_, VHOST_NEW_WORKER, &self->state_) < 0 ? errno : 0;
	for (;;)
		::pause();
}

Result<std::unique_ptr<Maker>> Maker::start(const VhostDevice &device)
{
	TRY(expect_threads(1));

	auto self = std::make_unique<Maker>();
	auto before = threads();

	self->fd_ = device.fd().get();
	self->pid_ = ::clone(run, self->stack_ + sizeof(self->stack_),
			     CLONE_VM | CLONE_FILES | SIGCHLD, self.get());
	if (self->pid_ < 0)
		return fail(errno, "have", "a process with our memory");
	while (self->error_ < 0)
		::poll(nullptr, 0, 1);
	if (self->error_)
		return fail(self->error_, "make", "a worker");
	self->worker_.id = self->state_.worker_id;

	// A thread of that process, but called after the owner; or a kernel thread.
	std::string task = fmt::format("/proc/{}/task", self->pid_);

	for (const WorkerThread &thread : worker_threads_in({"/proc", task}, ::getpid()))
		if (std::ranges::find(before, thread) == before.end())
			self->worker_.thread = thread;
	TRY(expect(self->worker_.thread.tid != 0, "a thread of the new worker"));
	return self;
}

void Maker::kill()
{
	if (pid_ <= 0)
		return;
	::kill(pid_, SIGKILL);
	::waitpid(pid_, nullptr, 0);
	pid_ = -1;
}

// The lying queue is served by a worker that can be killed by itself.
Result<std::unique_ptr<Maker>> serve_by_maker(Rig &rig)
{
	auto maker = TRY(Maker::start(*rig.device));

	TRY(rig.device->attach_vring_worker(rig.options.queue, maker->worker().id));
	TRY(rig.honest());
	return maker;
}

// A queue whose worker was killed rests until it is given another, which sees what was missed.
Result<Done> killed_and_replaced(Rig &rig)
{
	auto maker = TRY(serve_by_maker(rig));
	unsigned queue = rig.options.queue, used = 0;

	maker->kill();
	used = rig.ring->used();
	TRY(post(rig));
	TRY(rig.other_works(20));
	TRY(rig.device->attach_vring_worker(queue, 0));
	return rig.wait_used(used + 1);
}

// It is killed with a kick on its list, of a queue that it has lost meanwhile.
Result<Done> killed_with_a_kick(Rig &rig)
{
	auto maker = TRY(serve_by_maker(rig));
	unsigned queue = rig.options.queue;
	auto starved = TRY(Starved::start(maker->worker().thread.tid));
	unsigned used = rig.ring->used();

	TRY(post(rig));
	TRY(rig.device->attach_vring_worker(queue, 0));
	starved->release_when_in("wait");
	maker->kill();
	return rig.wait_used(used + 1);
}

// Detaching and closing wait for nobody who is dead, with work that he has not come to.
Result<Done> killed_and_detached(Rig &rig)
{
	auto maker = TRY(serve_by_maker(rig));
	unsigned queue = rig.options.queue;
	auto starved = TRY(Starved::start(maker->worker().thread.tid));

	TRY(post(rig));
	starved->release_when_in("wait");
	maker->kill();

	std::atomic<bool> done = false;
	std::jthread detacher([&] { done = bool(rig.detach()); });
	auto detached = rig.wait_until("the queue of a killed worker detached",
				       [&] { return done.load(); });

	if (!detached)
		detacher.detach();
	TRY(std::move(detached));
	TRY(rig.other_works(20));
	rig.ring->reset();
	TRY(rig.device->attach_vring_worker(queue, 0));
	TRY(rig.attach());
	return rig.honest();
}

// The same at the end of the device, whose last descriptor another process has.
Result<Done> killed_and_closed(const RigOptions &options)
{
	int users = TRY(module_users());
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	auto maker = TRY(serve_by_maker(*rig));
	int pair[2];
	char byte;

	maker->kill();
	TRY(post(*rig));
	if (::pipe2(pair, O_CLOEXEC) < 0)
		return fail(errno, "make", "a pipe");

	Fd reader(pair[0]), writer(pair[1]);
	pid_t pid = ::fork();

	if (pid < 0)
		return fail(errno, "have", "a child");
	if (pid == 0) {
		writer.reset();
		(void)!::read(reader.get(), &byte, 1);
		::close(rig->device->fd().get());
		::_exit(0);
	}
	rig->device.reset();
	writer.reset();
	::waitpid(pid, nullptr, 0);
	rig.reset();
	return expect_gone(::getpid(), users);
}

} // namespace

void add_workers(Tests &tests, const std::string &node)
{
	tests.push_back({"threads come and go with workers", [=] { return come_and_go(node); }});
	tests.push_back({"RLIMIT_NPROC counts workers",
			 [=] { return limited(node, VHOST_FORK_OWNER_TASK); }});
	tests.push_back({"RLIMIT_NPROC counts kernel threads",
			 [=] { return limited(node, VHOST_FORK_OWNER_KTHREAD); }});
	add_worker_rigs(tests, node, {});
}

void add_worker_rigs(Tests &tests, const std::string &node, std::optional<uint8_t> threads)
{
	for (Layout layout : {Layout::split, Layout::packed})
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index}) {
			RigOptions options{
				.node = node, .layout = layout, .queue = queue, .threads = threads};
			auto add = [&](const char *name, RigTest test) {
				tests.push_back({test_name(options, name),
						 [=] { return on_rig(options, test); }});
			};

			add("served by the worker it is moved to", served_by_its_worker);
			add("worker freed with a kick on its list", freed_with_a_kick);
			add("worker killed, queue given another", killed_and_replaced);
			add("worker killed with a kick on its list", killed_with_a_kick);
			add("worker killed, queue detached", killed_and_detached);
			tests.push_back(
				{test_name(options, "worker killed, device closed by another"),
				 [=] { return killed_and_closed(options); }});
		}
}

} // namespace ringtap
