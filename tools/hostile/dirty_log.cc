// SPDX-License-Identifier: GPL-2.0-or-later
// Reads and clears the bitmap as VMMs do.
#include "hostile/dirty_log.h"

#include <atomic>
#include <utility>

#include <sys/mman.h>

namespace ringtap {

namespace {

constexpr uint64_t page_size = 4096; // of the log, whatever it is here

} // namespace

Result<DirtyLog> DirtyLog::create(uint64_t limit, unsigned skew)
{
	size_t bytes = limit / page_size / 8 + page_size;
	void *map = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0);

	if (map == MAP_FAILED)
		return fail(errno, "map", "the dirty log");
	return DirtyLog(static_cast<uint8_t *>(map), bytes, skew);
}

DirtyLog::DirtyLog(DirtyLog &&other) noexcept :
	map_(std::exchange(other.map_, nullptr)), mapped_(other.mapped_), bytes_(other.bytes_)
{
}

DirtyLog &DirtyLog::operator=(DirtyLog &&other) noexcept
{
	std::swap(map_, other.map_);
	std::swap(mapped_, other.mapped_);
	std::swap(bytes_, other.bytes_);
	return *this;
}

DirtyLog::~DirtyLog()
{
	if (map_)
		::munmap(map_, mapped_);
}

std::set<uint64_t> DirtyLog::take()
{
	std::set<uint64_t> pages;
	size_t size = map_ + mapped_ - bytes_;

	for (size_t i = 0; i < size; i++) {
		std::atomic_ref<uint8_t> byte(bytes_[i]);

		if (!byte.load(std::memory_order_relaxed))
			continue;

		// Before the pages are looked at.
		uint8_t bits = byte.exchange(0, std::memory_order_seq_cst);

		for (unsigned bit = 0; bit < 8; bit++)
			if (bits >> bit & 1)
				pages.insert(i * 8 + bit);
	}
	return pages;
}

Result<Done> DirtyLog::hide()
{
	if (::mprotect(map_, mapped_, PROT_NONE))
		return fail(errno, "hide", "the dirty log");
	return Done{};
}

} // namespace ringtap
