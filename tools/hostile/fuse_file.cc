// SPDX-License-Identifier: GPL-2.0-or-later
// A FUSE server over libfuse, whose root is its one file.
#include "hostile/fuse_file.h"

#include <vector>

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "hostile/rig.h"

namespace ringtap {

namespace {

constexpr size_t page_size = 4096;
constexpr double for_ever = 1e6; // seconds

// What a server knows. It has one thread, which answers only as long as its control socket is open.
struct Serving {
	int control;
	char answer = 0; // none yet, or what it was told
	std::vector<fuse_req_t> waiting = {};

	void reply(fuse_req_t request) const
	{
		static const char zeros[page_size] = {};

		if (answer == 's')
			fuse_reply_buf(request, zeros, sizeof(zeros));
		else
			fuse_reply_err(request, EIO);
	}
};

void reply_attr(fuse_req_t request)
{
	struct stat attr {};

	attr.st_ino = FUSE_ROOT_ID;
	attr.st_mode = S_IFREG | 0600;
	attr.st_nlink = 1;
	attr.st_size = page_size;
	fuse_reply_attr(request, &attr, for_ever);
}

void on_read(fuse_req_t request, fuse_ino_t, size_t, off_t, fuse_file_info *)
{
	auto *serving = static_cast<Serving *>(fuse_req_userdata(request));

	if (serving->answer)
		return serving->reply(request);
	serving->waiting.push_back(request);
	(void)::send(serving->control, "", 1, MSG_NOSIGNAL);
}

fuse_lowlevel_ops operations()
{
	fuse_lowlevel_ops ops{};

	ops.getattr = [](fuse_req_t request, fuse_ino_t, fuse_file_info *) { reply_attr(request); };
	ops.setattr = [](fuse_req_t request, fuse_ino_t, struct stat *, int, fuse_file_info *) {
		reply_attr(request);
	};
	ops.open = [](fuse_req_t request, fuse_ino_t, fuse_file_info *info) {
		fuse_reply_open(request, info);
	};
	ops.read = on_read;
	ops.write = [](fuse_req_t request, fuse_ino_t, const char *, size_t size, off_t,
		       fuse_file_info *) { fuse_reply_write(request, size); };
	return ops;
}

// Whoever waits when it is told has the answer now.
void obey(Serving &serving, char what)
{
	serving.answer = what;
	for (fuse_req_t request : serving.waiting)
		serving.reply(request);
	serving.waiting.clear();
}

// Until the file system is gone, or whoever could tell something. The connection is closed then.
void serve(int connection, int control)
{
	char name[] = "ringtap";
	char *argv[] = {name, nullptr};
	fuse_args args = FUSE_ARGS_INIT(1, argv);
	fuse_lowlevel_ops ops = operations();
	Serving serving{.control = control};
	fuse_session *session = fuse_session_new(&args, &ops, sizeof(ops), &serving);
	fuse_buf buffer{};
	pollfd both[] = {{connection, POLLIN, 0}, {control, POLLIN, 0}};

	if (!session ||
	    fuse_session_mount(session, fmt::format("/dev/fd/{}", connection).c_str()) < 0) {
		// Nobody waits for us then.
		::close(connection);
		return;
	}
	while (!fuse_session_exited(session) && ::poll(both, 2, -1) > 0) {
		char what;

		if (both[1].revents) {
			if (::recv(control, &what, 1, MSG_DONTWAIT) != 1)
				break;
			obey(serving, what);
		}
		if (both[0].revents) {
			if (fuse_session_receive_buf(session, &buffer) <= 0)
				break;
			fuse_session_process_buf(session, &buffer);
		}
	}
	obey(serving, 'r');
	::free(buffer.mem);
	fuse_session_destroy(session);
}

// A mount that is nowhere, with a regular file for its root.
Result<Fd> mount_detached(int connection)
{
	Fd context(::fsopen("fuse", FSOPEN_CLOEXEC));
	std::string number = std::to_string(connection);
	auto set = [&](const char *key, const char *value) {
		return ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value, 0) == 0;
	};

	if (!context || !set("fd", number.c_str()) || !set("rootmode", "100600") ||
	    !set("user_id", "0") || !set("group_id", "0") ||
	    ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
		return fail(errno, "make", "a FUSE file system");

	Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));

	if (!mount)
		return fail(errno, "mount", "a FUSE file system");
	return mount;
}

} // namespace

Result<std::shared_ptr<FuseFile>> FuseFile::make(Server server)
{
	std::shared_ptr<FuseFile> self(new FuseFile);
	int pair[2];

	self->connection_.reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
	if (!self->connection_)
		return fail(ENOTSUP, "open", "/dev/fuse", "no FUSE here");
	if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(errno, "make", "a socket pair");
	self->control_.reset(pair[0]);

	Fd theirs(pair[1]);
	Fd mount = TRY(mount_detached(self->connection_.get()));
	std::string root = fmt::format("/proc/self/fd/{}", mount.get());

	TRY(self->start(server, std::move(theirs)));
	self->file_ = TRY(Fd::open(root, O_RDWR));
	// Whoever closes it, and be it that he is killed, would wait for the answer to FUSE_FLUSH. Told once
	// that there is no such thing, the kernel does not ask again.
	::close(::dup(self->file_.get()));

	struct stat status {};

	if (::fstat(self->file_.get(), &status) < 0)
		return fail(errno, "look at", "a file in FUSE");
	self->number_ = minor(status.st_dev);
	return self;
}

// A process has the mount too, and so keeps the file system as it would be kept where it is mounted.
Result<Done> FuseFile::start(Server server, Fd control)
{
	if (server == Server::thread) {
		int connection = connection_.get();

		thread_ = std::thread([connection, control = std::move(control)] {
			serve(connection, control.get());
		});
		return Done{};
	}
	pid_ = ::fork();
	if (pid_ < 0)
		return fail(errno, "have", "a child");
	if (pid_ == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		control_.reset();
		serve(connection_.release(), control.get());
		::_exit(0);
	}
	connection_.reset();
	return Done{};
}

FuseFile::~FuseFile()
{
	control_.reset();
	if (thread_.joinable())
		thread_.join();
	// Closed by the thread's session, if there was one.
	(void)connection_.release();
	kill_server();
}

void FuseFile::kill_server()
{
	if (pid_ > 0) {
		::kill(pid_, SIGKILL);
		::waitpid(pid_, nullptr, 0);
	}
	pid_ = -1;
}

Result<Done> FuseFile::map(void *page, bool ahead) const
{
	if (::mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file_.get(),
		   0) == MAP_FAILED)
		return fail(errno, "map", "a file in FUSE");
	if (!ahead && ::madvise(page, page_size, MADV_RANDOM) < 0)
		return fail(errno, "keep the kernel from reading ahead in", "a file in FUSE");
	return Done{};
}

Result<Done> FuseFile::wait()
{
	pollfd waiter{control_.get(), POLLIN, 0};
	char byte;

	if (::poll(&waiter, 1, Rig::deadline_ms) <= 0)
		return fail(ETIMEDOUT, "see", "somebody read from a file in FUSE");
	if (::recv(control_.get(), &byte, 1, 0) != 1)
		return fail(EPIPE, "hear from", "a FUSE server");
	return Done{};
}

Result<Done> FuseFile::tell(char what) const
{
	if (::send(control_.get(), &what, 1, MSG_NOSIGNAL) != 1)
		return fail(errno, "tell", "a FUSE server");
	return Done{};
}

Result<Done> abort_fuse(unsigned number)
{
	const std::string connections = "/sys/fs/fuse/connections";

	// Fails where it is mounted already.
	(void)::mount("fusectl", connections.c_str(), "fusectl", 0, nullptr);

	Fd fd(::open(fmt::format("{}/{}/abort", connections, number).c_str(), O_WRONLY));

	// Closed in its turn, the server's descriptor may have ended it already.
	if (!fd && errno == ENOENT)
		return Done{};
	if (!fd || ::write(fd.get(), "1", 1) != 1)
		return fail(errno, "abort", "a FUSE file system");
	return Done{};
}

} // namespace ringtap
