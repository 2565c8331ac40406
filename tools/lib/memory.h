// SPDX-License-Identifier: GPL-2.0-or-later
// GuestMemory: the memory of a guest, as it and as this process address it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/fd.h"
#include "lib/result.h"
#include "lib/vhost.h"

namespace ringtap {

// What backs guest memory; the kernel pins and faults each of these in its own way.
enum class MemoryKind { anon, thp, memfd, hugetlb, file };

[[nodiscard]] std::optional<MemoryKind> memory_kind_by_name(std::string_view name);
[[nodiscard]] std::string_view memory_kind_name(MemoryKind kind);

struct MemoryOptions {
	MemoryKind kind = MemoryKind::anon;
	size_t size = 0;                    // rounded up to the page size of the kind
	std::string directory = "/var/tmp"; // for file: where the (unlinked) file is made
};

// A piece of guest memory: both of its addresses, and its length.
struct GuestSpan {
	uint64_t guest = 0;
	uint8_t *user = nullptr;
	size_t size = 0;
};

// Owns its mappings. Pieces are handed out once and come back only with the whole.
class GuestMemory {
public:
	GuestMemory() = default;
	GuestMemory(GuestMemory &&other) noexcept;
	GuestMemory &operator=(GuestMemory &&other) noexcept;
	GuestMemory(const GuestMemory &) = delete;
	GuestMemory &operator=(const GuestMemory &) = delete;
	~GuestMemory();

	// Map one more region. Guest addresses start at 1 MiB and leave a hole between regions, so
	// that a mixed-up address is a fault and not luck.
	[[nodiscard]] Result<Done> add(const MemoryOptions &options);

	// Map one more region from a device node that gives out memory.
	[[nodiscard]] Result<Done> add_device(const std::string &path, size_t size);

	// A zeroed piece, at a multiple of align (a power of two), from the first region with room.
	[[nodiscard]] Result<GuestSpan> allocate(size_t size, size_t align);

	// The user address of size bytes at a guest address, nullptr where they are not all ours.
	[[nodiscard]] uint8_t *user(uint64_t guest, size_t size) const;

	// The guest address of a user address, if it is in guest memory.
	[[nodiscard]] std::optional<uint64_t> guest(const void *user) const;

	// For VHOST_SET_MEM_TABLE.
	[[nodiscard]] std::vector<MemoryRegion> regions() const;

private:
	struct Region {
		uint64_t guest;
		uint8_t *user;
		size_t size;
		size_t used; // bytes handed out from the start
		Fd file;
	};

	[[nodiscard]] uint64_t next_guest_address() const;
	void unmap();

	std::vector<Region> regions_;
};

} // namespace ringtap
