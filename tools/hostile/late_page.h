// SPDX-License-Identifier: GPL-2.0-or-later
// LatePage: a page that is not there until somebody asks for it, and then as we like.
#pragma once

#include <memory>

#include "hostile/fuse_file.h"
#include "lib/fd.h"
#include "lib/result.h"

namespace ringtap {

// Who supplies a late page.
struct PageSource {
	enum Kind {
		userfaultfd,  // this process, of anonymous memory
		fuse_thread,  // a FUSE server in this process
		fuse_process, // one in another process
	} kind = userfaultfd;
	bool ahead = true;                        // FuseFile::map()
	std::shared_ptr<FuseFile> file = nullptr; // if it is not to be one of the page's own
};

// The same with its server started, if that is a process: it has a copy of every descriptor that there is.
[[nodiscard]] Result<PageSource> with_server(PageSource source);

// One page of this process's memory, whose content is gone. Whoever touches it waits for supply() or
// take_away(), for ever if need be; the destructor supplies it.
class LatePage {
public:
	// ENOTSUP where there is no userfaultfd(2), or not for the kernel's faults, or no FUSE.
	[[nodiscard]] static Result<LatePage> at(void *page, const PageSource &source = {});
	LatePage(LatePage &&) = default;
	LatePage &operator=(LatePage &&) = delete;
	LatePage(const LatePage &) = delete;
	LatePage &operator=(const LatePage &) = delete;
	~LatePage();

	// While this is open somewhere, the page can still come.
	[[nodiscard]] int fd() const { return file_ ? file_->connection() : fd_.get(); }

	// FuseFile::number(), or 0
	[[nodiscard]] unsigned file_number() const { return file_ ? file_->number() : 0; }

	// Until somebody waits for the page.
	[[nodiscard]] Result<Done> wait();
	// There it is, all zero.
	[[nodiscard]] Result<Done> supply();
	// There is none, and nothing that can be read is mapped at its address any more; map_again() ends
	// that.
	[[nodiscard]] Result<Done> take_away();
	[[nodiscard]] Result<Done> map_again();

private:
	LatePage(void *page, Fd fd) : page_(page), fd_(std::move(fd)) {}
	LatePage(void *page, std::shared_ptr<FuseFile> file) : page_(page), file_(std::move(file))
	{
	}

	void *page_;
	Fd fd_;                          // of userfaultfd(2)
	std::shared_ptr<FuseFile> file_; // or this
	bool gone_ = false;
};

} // namespace ringtap
