// SPDX-License-Identifier: GPL-2.0-or-later
// Answers the page faults of guest memory.
#include "hostile/page_faults.h"

#include <cerrno>
#include <cstring>

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringtap {

namespace {

constexpr uint64_t page_size = 4096;
constexpr int turn_ms = 20; // how soon the thread sees that it is to stop

uint8_t *at(uint64_t user)
{
	return reinterpret_cast<uint8_t *>(user);
}

// Of memory that is written meanwhile, but for this page.
std::vector<uint8_t> copy_of(uint64_t user, uint64_t size)
{
	return {at(user), at(user) + size};
}

Result<Fd> open_userfaultfd(PageFaults::Kind kind, bool shared)
{
	uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
	Fd fd(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));

	if (!fd)
		return fail(errno == ENOSYS || errno == EPERM ? ENOTSUP : errno, "get",
			    "a userfaultfd", "no userfaultfd here");
	if (kind == PageFaults::Kind::snapshot)
		api.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
			       (shared ? UFFD_FEATURE_WP_HUGETLBFS_SHMEM : 0);
	if (::ioctl(fd.get(), UFFDIO_API, &api) < 0)
		return fail(errno == EINVAL ? ENOTSUP : errno, "ask for", "write protection",
			    "userfaultfd cannot protect such pages here");
	return fd;
}

} // namespace

Result<std::unique_ptr<PageFaults>> PageFaults::begin(const std::vector<MemoryRegion> &regions,
						      Kind kind, bool shared)
{
	std::unique_ptr<PageFaults> faults(
		new PageFaults(regions, kind, TRY(open_userfaultfd(kind, shared))));

	TRY(faults->arm());
	faults->thread_ = std::jthread(
		[&self = *faults](const std::stop_token &stop) { self.answer(stop); });
	return faults;
}

Result<Done> PageFaults::arm()
{
	for (const MemoryRegion &region : regions_)
		TRY(arm_region(region));
	return Done{};
}

Result<Done> PageFaults::arm_region(const MemoryRegion &region)
{
	bool snapshot = kind_ == Kind::snapshot;
	uffdio_register range{
		.range = {region.user, region.size},
		.mode = snapshot ? __u64(UFFDIO_REGISTER_MODE_WP) : UFFDIO_REGISTER_MODE_MISSING,
		.ioctls = 0,
	};
	uffdio_writeprotect protect{.range = range.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP};

	for (uint64_t page = region.user; page < region.user + region.size; page += page_size)
		if (!snapshot)
			pages_[page] = copy_of(page, page_size);
		else // what is not there cannot be protected
			(void)*static_cast<volatile uint8_t *>(at(page));
	if (::ioctl(fd_.get(), UFFDIO_REGISTER, &range) < 0)
		return fail(errno, "register", "guest memory");
	if (snapshot && ::ioctl(fd_.get(), UFFDIO_WRITEPROTECT, &protect) < 0)
		return fail(errno, "protect", "guest memory");
	// Shared memory is in its file, too.
	if (!snapshot && ::madvise(at(region.user), region.size, MADV_REMOVE) < 0 &&
	    ::madvise(at(region.user), region.size, MADV_DONTNEED) < 0)
		return fail(errno, "drop", "guest memory");
	return Done{};
}

void PageFaults::answer(const std::stop_token &stop)
{
	while (!stop.stop_requested()) {
		pollfd waiter{fd_.get(), POLLIN, 0};
		uffd_msg message{};

		if (::poll(&waiter, 1, turn_ms) <= 0 ||
		    ::read(fd_.get(), &message, sizeof(message)) != sizeof(message))
			continue;
		if (message.event == UFFD_EVENT_PAGEFAULT)
			answer_one(message.arg.pagefault.address / page_size * page_size);
	}
}

void PageFaults::answer_one(uint64_t page)
{
	served_++;
	if (kind_ == Kind::snapshot)
		pages_.try_emplace(page, copy_of(page, page_size));
	if (!(kind_ == Kind::snapshot ? release(page) : supply(page)))
		failed_ = true;
}

bool PageFaults::supply(uint64_t page)
{
	auto found = pages_.find(page);
	uffdio_copy copy{};

	if (found == pages_.end())
		return false;
	copy.dst = page;
	copy.src = reinterpret_cast<uintptr_t>(found->second.data());
	copy.len = page_size;
	if (::ioctl(fd_.get(), UFFDIO_COPY, &copy) == 0)
		return true;

	// Two had asked for it: the later one may have gone to sleep after the page came.
	uffdio_range range{page, page_size};

	return errno == EEXIST && ::ioctl(fd_.get(), UFFDIO_WAKE, &range) == 0;
}

bool PageFaults::release(uint64_t page)
{
	uffdio_writeprotect protect{.range = {page, page_size}, .mode = 0};

	return ::ioctl(fd_.get(), UFFDIO_WRITEPROTECT, &protect) == 0;
}

std::vector<std::vector<uint8_t>> PageFaults::image() const
{
	std::vector<std::vector<uint8_t>> image;

	for (const MemoryRegion &region : regions_) {
		std::vector<uint8_t> bytes = copy_of(region.user, region.size);

		for (auto &[page, saved] : pages_)
			if (page - region.user < region.size)
				std::memcpy(bytes.data() + (page - region.user), saved.data(),
					    page_size);
		image.push_back(std::move(bytes));
	}
	return image;
}

PageFaults::~PageFaults()
{
	if (thread_.joinable()) {
		thread_.request_stop();
		thread_.join();
	}
	for (auto &[page, bytes] : pages_)
		if (kind_ == Kind::postcopy)
			(void)supply(page);
	// Protection ends with the descriptor.
}

} // namespace ringtap
