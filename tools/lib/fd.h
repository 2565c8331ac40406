// SPDX-License-Identifier: GPL-2.0-or-later
// Fd: the one owner of a file descriptor.
#pragma once

#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "lib/result.h"

namespace ringtap {

// Move-only; closes what it owns. An empty Fd holds -1, which the vhost ioctls read as "unbind".
class Fd {
public:
	Fd() = default;
	explicit Fd(int fd) : fd_(fd) {}
	Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	Fd &operator=(Fd &&other) noexcept
	{
		reset(std::exchange(other.fd_, -1));
		return *this;
	}
	Fd(const Fd &) = delete;
	Fd &operator=(const Fd &) = delete;
	~Fd() { reset(); }

	[[nodiscard]] int get() const { return fd_; }
	[[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
	[[nodiscard]] int release() { return std::exchange(fd_, -1); }
	void reset(int fd = -1)
	{
		if (fd_ >= 0)
			::close(fd_);
		fd_ = fd;
	}

	// Opens a path close-on-exec; the hint of the error is the caller's to give.
	[[nodiscard]] static Result<Fd> open(const std::string &path, int flags,
					     std::string hint = {})
	{
		Fd fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));

		if (!fd)
			return fail(errno, "open", path, std::move(hint));
		return fd;
	}

private:
	int fd_ = -1;
};

} // namespace ringtap
