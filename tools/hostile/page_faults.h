// SPDX-License-Identifier: GPL-2.0-or-later
// PageFaults: guest memory that is supplied, or saved, page by page as it is first touched.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "lib/fd.h"
#include "lib/memory.h"
#include "lib/result.h"

namespace ringtap {

// What a VMM does with userfaultfd(2). A thread answers, until this is destroyed; then what is left is as it would be
// had every page been touched.
class PageFaults {
public:
	enum class Kind {
		postcopy, // the memory is gone; a page comes back once it is asked for
		snapshot, // the memory is write-protected; a page is saved before it changes
	};

	// Everything is touched and nothing written while this is begun: no device runs. It has to be destroyed
	// before the memory. Shared memory is protected by other means than private, and not by every kernel's. ENOTSUP
	// where the kernel cannot.
	[[nodiscard]] static Result<std::unique_ptr<PageFaults>> begin(
		const std::vector<MemoryRegion> &regions, Kind kind, bool shared);
	PageFaults(const PageFaults &) = delete;
	PageFaults &operator=(const PageFaults &) = delete;
	PageFaults(PageFaults &&) = delete;
	PageFaults &operator=(PageFaults &&) = delete;
	~PageFaults();

	// Pages so far that somebody had to wait for.
	[[nodiscard]] size_t served() const { return served_; }
	// The memory as it was at the beginning: what was saved, and what nobody has been said to write. Nobody
	// writes meanwhile.
	[[nodiscard]] std::vector<std::vector<uint8_t>> image() const;
	// Errors of the thread.
	[[nodiscard]] bool failed() const { return failed_; }

private:
	using Page = std::vector<uint8_t>;

	PageFaults(std::vector<MemoryRegion> regions, Kind kind, Fd fd) :
		regions_(std::move(regions)), kind_(kind), fd_(std::move(fd))
	{
	}

	[[nodiscard]] Result<Done> arm();
	[[nodiscard]] Result<Done> arm_region(const MemoryRegion &region);
	void answer(const std::stop_token &stop);
	void answer_one(uint64_t page);
	bool supply(uint64_t page);
	bool release(uint64_t page);

	std::vector<MemoryRegion> regions_;
	Kind kind_;
	Fd fd_;
	std::map<uint64_t, Page> pages_; // by user address: to be supplied, or saved
	std::atomic<size_t> served_ = 0;
	std::atomic<bool> failed_ = false;
	std::jthread thread_;
};

} // namespace ringtap
