// SPDX-License-Identifier: GPL-2.0-or-later
// LatePage: a page that is not there until somebody asks for it, and then as we like.
#pragma once

#include "lib/fd.h"
#include "lib/result.h"

namespace ringtap {

// One page of this process's anonymous memory, whose content is gone. Whoever touches it waits for
// supply() or take_away(), for ever if need be; the destructor supplies it.
class LatePage {
public:
	// ENOTSUP where there is no userfaultfd(2), or not for the kernel's faults.
	[[nodiscard]] static Result<LatePage> at(void *page);
	LatePage(LatePage &&) = default;
	LatePage &operator=(LatePage &&) = delete;
	LatePage(const LatePage &) = delete;
	LatePage &operator=(const LatePage &) = delete;
	~LatePage();

	[[nodiscard]] int fd() const { return fd_.get(); }

	// Until somebody waits for the page.
	[[nodiscard]] Result<Done> wait();
	// There it is, all zero.
	[[nodiscard]] Result<Done> supply();
	// There is none, and nothing is mapped at its address any more; map_again() ends that.
	[[nodiscard]] Result<Done> take_away();
	[[nodiscard]] Result<Done> map_again();

private:
	LatePage(void *page, Fd fd) : page_(page), fd_(std::move(fd)) {}

	void *page_;
	Fd fd_;
	bool gone_ = false;
};

} // namespace ringtap
