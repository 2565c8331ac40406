// SPDX-License-Identifier: GPL-2.0-or-later
// DirtyLog: the bitmap in which a device says what it has written.
#pragma once

#include <cstdint>
#include <set>

#include "lib/result.h"

namespace ringtap {

// A bitmap in memory of its own, a bit for 4 KiB of guest physical memory.
class DirtyLog {
public:
	// For guest addresses below limit. The bitmap begins so many bytes behind a page's start.
	[[nodiscard]] static Result<DirtyLog> create(uint64_t limit, unsigned skew = 0);
	DirtyLog(const DirtyLog &) = delete;
	DirtyLog &operator=(const DirtyLog &) = delete;
	DirtyLog(DirtyLog &&other) noexcept;
	DirtyLog &operator=(DirtyLog &&other) noexcept;
	~DirtyLog();

	[[nodiscard]] const void *base() const { return bytes_; }
	// The pages, by number, whose bits are set; they are cleared, as a VMM does it: while the
	// device may be setting others.
	std::set<uint64_t> take();
	// Have nobody reach the bitmap any more.
	[[nodiscard]] Result<Done> hide();

private:
	DirtyLog(uint8_t *map, size_t mapped, unsigned skew) :
		map_(map), mapped_(mapped), bytes_(map + skew)
	{
	}

	uint8_t *map_;
	size_t mapped_;
	uint8_t *bytes_;
};

} // namespace ringtap
