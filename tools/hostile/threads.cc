// SPDX-License-Identifier: GPL-2.0-or-later
// No thread to be had: what an owner that asks for a worker is told, and what it can do when there are threads again.
#include <filesystem>
#include <fstream>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/owner.h"
#include "hostile/tests.h"
#include "lib/worker_threads.h"

namespace ringtap {

namespace {

// A number in a file that somebody else must find again as it was: another process puts it back
// when we end, however we end.
class Setting {
public:
	[[nodiscard]] static Result<std::unique_ptr<Setting>> change(const std::string &file);
	Setting(const Setting &) = delete;
	Setting &operator=(const Setting &) = delete;
	~Setting();

	[[nodiscard]] Result<Done> set(const std::string &word) const;
	[[nodiscard]] Result<Done> put_back() const { return set(before_); }

private:
	Setting() = default;

	std::string file_, before_;
	Fd alive_; // the other process waits for its end
	pid_t keeper_ = -1;
};

Result<std::unique_ptr<Setting>> Setting::change(const std::string &file)
{
	std::unique_ptr<Setting> self(new Setting);
	int ends[2];

	self->file_ = file;
	if (!(std::ifstream(file) >> self->before_))
		return fail(ENOTSUP, "read", file, "there is no " + file);
	if (::pipe2(ends, O_CLOEXEC) < 0)
		return fail(errno, "make", "a pipe");

	Fd reader(ends[0]);

	self->alive_.reset(ends[1]);
	self->keeper_ = ::fork();
	if (self->keeper_ < 0)
		return fail(errno, "have", "a child");
	if (self->keeper_ == 0) {
		char byte;

		self->alive_.reset();
		(void)!::read(reader.get(), &byte, 1);
		::_exit(self->put_back() ? 0 : 1);
	}
	return self;
}

Setting::~Setting()
{
	alive_.reset();
	if (keeper_ > 0)
		::waitpid(keeper_, nullptr, 0);
}

Result<Done> Setting::set(const std::string &word) const
{
	Fd fd = TRY(Fd::open(file_, O_WRONLY));

	if (::write(fd.get(), word.data(), word.size()) != ssize_t(word.size()))
		return fail(errno, "write", word + " to " + file_);
	return Done{};
}

// The kernel's limit of threads in all. It is low for one call at a time: whoever forks meanwhile
// cannot.
class ThreadLimit {
public:
	[[nodiscard]] static Result<ThreadLimit> open()
	{
		return ThreadLimit(TRY(Setting::change("/proc/sys/kernel/threads-max")));
	}

	// Have a call made while there can be so many more threads, or none.
	template <class Call>
	[[nodiscard]] auto with_room_for(unsigned more, Call call) const -> decltype(call())
	{
		TRY(setting_->set(std::to_string(more ? TRY(present()) + more : 1)));

		auto result = call();

		TRY(setting_->put_back());
		return result;
	}

private:
	explicit ThreadLimit(std::unique_ptr<Setting> setting) : setting_(std::move(setting)) {}

	// All threads that there are: "0.00 0.01 0.05 2/123 4567".
	[[nodiscard]] static Result<unsigned> present()
	{
		std::ifstream file("/proc/loadavg");
		std::string word;
		unsigned threads;
		char slash;

		if (file >> word >> word >> word >> threads >> slash >> threads)
			return threads;
		return fail(0, "count", "the threads in /proc/loadavg");
	}

	std::unique_ptr<Setting> setting_;
};

// EAGAIN from 6.14 on and for kernel threads; between them vhost_task_create() did not say why.
template <class T>
Result<Done> expect_refused(const Result<T> &result, const std::string &what)
{
	return expect(!result && (result.error().code == EAGAIN || result.error().code == ENOMEM),
		      fmt::format("EAGAIN or ENOMEM for {}, it is {}", what,
				  result ? "done" : result.error().message()));
}

size_t open_files()
{
	return std::ranges::distance(std::filesystem::directory_iterator("/proc/self/fd"));
}

// What is to be seen of devices and their threads from outside.
struct Remains {
	size_t files, workers;
	int users;
	bool operator==(const Remains &) const = default;

	[[nodiscard]] static Result<Remains> look()
	{
		return Remains{open_files(), worker_threads(::getpid()).size(),
			       TRY(module_users())};
	}
};

// A thread that ends may be seen a little longer.
Result<Done> expect_remains(const Remains &wanted)
{
	for (int ms = 0;; ms += 5) {
		Remains now = TRY(Remains::look());

		if (now == wanted)
			return Done{};
		if (ms > Rig::deadline_ms)
			return fail(0, "see",
				    fmt::format("{} descriptors, {} workers and {} users, there "
						"are {}, {} and {}",
						wanted.files, wanted.workers, wanted.users,
						now.files, now.workers, now.users));
		::poll(nullptr, 0, 5);
	}
}

// A device that has an owner again is told everything again.
Result<Done> serve_again(Rig &rig)
{
	TRY(rig.device->set_features(NetGuest::features(
		{.queue = {.layout = rig.options.layout, .event_idx = false, .indirect_max = 2},
		 .mergeable = rig.options.mergeable})));
	TRY(rig.device->set_memory(rig.memory.regions()));
	rig.ring->reset();
	TRY(rig.attach());
	return rig.honest();
}

Result<Done> no_owner(const RigOptions &options)
{
	ThreadLimit limit = TRY(ThreadLimit::open());
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());
	TRY(rig->device->reset_owner());

	Remains before = TRY(Remains::look());

	for (int i = 0; i < 5; i++) {
		auto owned = limit.with_room_for(0, [&] { return rig->device->set_owner(); });

		TRY(expect_refused(owned, "SET_OWNER"));
		TRY(expect_remains({before.files, 0, before.users}));

		// It is nobody's: the same calls fail as on a new one.
		auto refused = rig->device->set_memory(rig->memory.regions());

		TRY(expect(!refused && refused.error().code == EPERM, "EPERM without an owner"));
	}
	TRY(rig->device->set_owner());
	TRY(serve_again(*rig));
	rig->device.reset();
	return expect_remains({before.files - 1, 0, before.users - 1});
}

Result<Done> no_new_worker(const RigOptions &options)
{
	ThreadLimit limit = TRY(ThreadLimit::open());
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());

	Remains before = TRY(Remains::look());

	for (int i = 0; i < 5; i++) {
		auto made = limit.with_room_for(0, [&] { return rig->device->new_worker(); });

		TRY(expect_refused(made, "NEW_WORKER"));
		TRY(expect_remains(before));
		TRY(rig->honest());
		TRY(rig->other_works(10));
	}

	unsigned worker = TRY(rig->device->new_worker());

	// Stock counts on from those that could not be had.
	TRY(expect(worker == 1 || options.node != RigOptions().node,
		   fmt::format("number 1 for the first new worker, it is {}", worker)));
	TRY(rig->device->attach_vring_worker(options.queue, worker));
	return rig->honest();
}

// Two threads are wanted, and one can be had: it serves both queues.
Result<Done> fewer_serve(const RigOptions &options)
{
	constexpr int most_tries = 100; // others' threads come and go
	auto wanted = TRY(Setting::change("/sys/module/ringtap/parameters/workers"));
	ThreadLimit limit = TRY(ThreadLimit::open());

	if (options.node != RigOptions().node)
		return fail(ENOTSUP, "have", "two workers", "stock has one worker");
	TRY(wanted->set("2"));

	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	const VhostDevice &device = *rig->device;

	TRY(expect(TRY(device.vring_worker(0)) != TRY(device.vring_worker(1)),
		   "a worker for each queue"));
	TRY(rig->honest());

	for (int i = 0; i < most_tries; i++) {
		TRY(device.reset_owner());
		TRY(expect_remains({open_files(), 0, TRY(module_users())}));

		auto owned = limit.with_room_for(1, [&] { return device.set_owner(); });

		if (!owned) {
			TRY(expect_refused(owned, "SET_OWNER"));
			TRY(device.set_owner());
			continue;
		}
		if (worker_threads(::getpid()).size() != 1)
			continue;
		TRY(expect(TRY(device.vring_worker(0)) == TRY(device.vring_worker(1)),
			   "one worker for both queues"));
		TRY(serve_again(*rig));

		// And the other can be had later.
		unsigned worker = TRY(device.new_worker());

		TRY(device.attach_vring_worker(options.queue, worker));
		return rig->honest();
	}
	return fail(0, "see", "one of two workers in a hundred tries");
}

} // namespace

void add_threads(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		RigOptions options{.node = node, .layout = layout};
		auto add = [&](const char *name, Result<Done> (*body)(const RigOptions &)) {
			tests.push_back({test_name(options, name), [=] { return body(options); }});
		};

		add("no thread for an owner's worker", no_owner);
		add("no thread for another worker", no_new_worker);
		add("a thread for one of two workers", fewer_serve);
	}
}

} // namespace ringtap
