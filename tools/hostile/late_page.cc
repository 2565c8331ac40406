// SPDX-License-Identifier: GPL-2.0-or-later
// A page behind userfaultfd(2), or in a FUSE file.
#include "hostile/late_page.h"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile/rig.h"

namespace ringtap {

namespace {

constexpr size_t page_size = 4096;

} // namespace

Result<PageSource> with_server(PageSource source)
{
	if (source.kind == PageSource::fuse_process && !source.file)
		source.file = TRY(FuseFile::make(FuseFile::Server::process));
	return source;
}

Result<LatePage> LatePage::at(void *page, const PageSource &source)
{
	if (source.kind != PageSource::userfaultfd) {
		std::shared_ptr<FuseFile> file = TRY(with_server(source)).file;

		if (!file)
			file = TRY(FuseFile::make(FuseFile::Server::thread));
		TRY(file->map(page, source.ahead));
		return LatePage(page, std::move(file));
	}

	Fd fd(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
	uffdio_register range{
		.range = {reinterpret_cast<uintptr_t>(page), page_size},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
		.ioctls = 0,
	};

	if (!fd)
		return fail(errno == ENOSYS || errno == EPERM ? ENOTSUP : errno, "get",
			    "a userfaultfd", "no userfaultfd here");
	if (::madvise(page, page_size, MADV_DONTNEED) < 0)
		return fail(errno, "drop", "a page");
	if (::ioctl(fd.get(), UFFDIO_API, &api) < 0 ||
	    ::ioctl(fd.get(), UFFDIO_REGISTER, &range) < 0)
		return fail(errno, "register", "a page");
	return LatePage(page, std::move(fd));
}

LatePage::~LatePage()
{
	if (file_) {
		// What was written is to be with the server before nobody can touch our memory for a while,
		// which the server may need to.
		(void)file_->supply();
		::msync(page_, page_size, MS_SYNC);
	}
	if (file_ || (fd_ && gone_))
		(void)map_again();
}

Result<Done> LatePage::wait()
{
	if (file_)
		return file_->wait();

	pollfd waiter{fd_.get(), POLLIN, 0};
	uffd_msg message{};

	if (::poll(&waiter, 1, Rig::deadline_ms) <= 0)
		return fail(ETIMEDOUT, "see", "somebody wait for a page");
	if (::read(fd_.get(), &message, sizeof(message)) != sizeof(message))
		return fail(errno, "read", "who waits for a page");
	return expect(message.event == UFFD_EVENT_PAGEFAULT, "a page fault");
}

Result<Done> LatePage::supply()
{
	if (file_)
		return file_->supply();

	uffdio_zeropage zero{
		.range = {reinterpret_cast<uintptr_t>(page_), page_size}, .mode = 0, .zeropage = 0};

	if (::ioctl(fd_.get(), UFFDIO_ZEROPAGE, &zero) < 0)
		return fail(errno, "supply", "a page");
	return Done{};
}

Result<Done> LatePage::take_away()
{
	if (file_)
		return file_->refuse();

	uffdio_range range{reinterpret_cast<uintptr_t>(page_), page_size};

	if (::munmap(page_, page_size) < 0)
		return fail(errno, "unmap", "a page");
	gone_ = true;
	if (::ioctl(fd_.get(), UFFDIO_WAKE, &range) < 0)
		return fail(errno, "wake", "who waits for a page");
	return Done{};
}

Result<Done> LatePage::map_again()
{
	if (::mmap(page_, page_size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return fail(errno, "map", "a page");
	gone_ = false;
	return Done{};
}

} // namespace ringtap
