// SPDX-License-Identifier: GPL-2.0-or-later
// Maps guest memory of each kind, hands out pieces and translates addresses.
#include "lib/memory.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

constexpr uint64_t first_guest_address = 1 << 20;
constexpr uint64_t hole_between_regions = 16 << 20;
constexpr size_t huge_page = 2 << 20;

constexpr std::pair<std::string_view, MemoryKind> kind_names[] = {
	{"anon", MemoryKind::anon},       {"thp", MemoryKind::thp},   {"memfd", MemoryKind::memfd},
	{"hugetlb", MemoryKind::hugetlb}, {"file", MemoryKind::file},
};

size_t round_up(size_t value, size_t to)
{
	return (value + to - 1) / to * to;
}

size_t page_size(MemoryKind kind)
{
	bool huge = kind == MemoryKind::hugetlb || kind == MemoryKind::thp;

	return huge ? huge_page : size_t(::sysconf(_SC_PAGESIZE));
}

Result<uint8_t *> map(size_t size, int flags, int fd, const std::string &on, std::string hint)
{
	void *address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (address == MAP_FAILED)
		return fail(errno, "map", on, std::move(hint));
	return static_cast<uint8_t *>(address);
}

// Anonymous memory aligned to huge pages, which the kernel is asked to use.
Result<uint8_t *> map_thp(size_t size, const std::string &on)
{
	uint8_t *start = TRY(
		map(size + huge_page, MAP_PRIVATE | MAP_ANONYMOUS, -1, on, "free some memory"));
	uint8_t *aligned = reinterpret_cast<uint8_t *>(
		round_up(reinterpret_cast<uintptr_t>(start), huge_page));

	if (aligned != start)
		::munmap(start, aligned - start);
	::munmap(aligned + size, start + huge_page - aligned);
	if (::madvise(aligned, size, MADV_HUGEPAGE) < 0) {
		int error = errno;

		::munmap(aligned, size);
		return fail(error, "ask for huge pages for", on,
			    "the kernel has no transparent huge pages; use --mem anon");
	}
	return aligned;
}

Result<Fd> sized(Fd fd, size_t size, const std::string &on)
{
	if (::ftruncate(fd.get(), size) < 0)
		return fail(errno, "set the size of", on, "free space there");
	return fd;
}

// A file that goes away with its last user. Not O_TMPFILE: overlayfs learned that only in 6.2.
Result<Fd> unlinked_file(const std::string &directory)
{
	std::string path = directory + "/ringtap-XXXXXX";
	Fd fd(::mkostemp(path.data(), O_CLOEXEC));

	if (!fd)
		return fail(errno, "create", "a file in " + directory,
			    "name a directory that can be written to");
	::unlink(path.c_str());
	return fd;
}

// The file that a kind of memory maps; none for anonymous kinds.
Result<Fd> open_file(const MemoryOptions &options, size_t size, const std::string &on)
{
	if (options.kind == MemoryKind::memfd) {
		Fd fd(::memfd_create("ringtap-guest", MFD_CLOEXEC));

		if (!fd)
			return fail(errno, "create", on);
		return sized(std::move(fd), size, on);
	}
	if (options.kind == MemoryKind::file)
		return sized(TRY(unlinked_file(options.directory)), size, on);
	return Fd();
}

} // namespace

std::optional<MemoryKind> memory_kind_by_name(std::string_view name)
{
	for (auto &[known, kind] : kind_names)
		if (known == name)
			return kind;
	return std::nullopt;
}

std::string_view memory_kind_name(MemoryKind kind)
{
	for (auto &[name, known] : kind_names)
		if (known == kind)
			return name;
	return "unknown";
}

GuestMemory::GuestMemory(GuestMemory &&other) noexcept : regions_(std::exchange(other.regions_, {}))
{
}

GuestMemory &GuestMemory::operator=(GuestMemory &&other) noexcept
{
	if (this != &other) {
		unmap();
		regions_ = std::exchange(other.regions_, {});
	}
	return *this;
}

GuestMemory::~GuestMemory()
{
	unmap();
}

void GuestMemory::unmap()
{
	for (Region &region : regions_)
		::munmap(region.user, region.size);
	regions_.clear();
}

uint64_t GuestMemory::next_guest_address() const
{
	return regions_.empty()
		       ? first_guest_address
		       : regions_.back().guest + regions_.back().size + hole_between_regions;
}

Result<Done> GuestMemory::add(const MemoryOptions &options)
{
	size_t size = round_up(options.size, page_size(options.kind));
	std::string on = fmt::format("{} KiB of {} memory", size / 1024,
				     memory_kind_name(options.kind));
	uint64_t guest = next_guest_address();
	Fd file = TRY(open_file(options, size, on));
	uint8_t *user = nullptr;

	if (options.kind == MemoryKind::thp)
		user = TRY(map_thp(size, on));
	else if (options.kind == MemoryKind::hugetlb)
		user = TRY(map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, on,
			       fmt::format("reserve huge pages: sysctl vm.nr_hugepages={}",
					   size / huge_page)));
	else if (file)
		user = TRY(map(size, MAP_SHARED, file.get(), on, "free some memory"));
	else
		user = TRY(map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1, on, "free some memory"));
	regions_.push_back({guest, user, size, 0, std::move(file)});
	return Done{};
}

// What the device had in it before is not the guest's.
Result<Done> GuestMemory::add_device(const std::string &path, size_t size)
{
	size = round_up(size, page_size(MemoryKind::anon));

	std::string on = fmt::format("{} KiB of {}", size / 1024, path);
	Fd file = TRY(Fd::open(path, O_RDWR, "name a device that gives out memory"));
	uint8_t *user = TRY(map(size, MAP_SHARED, file.get(), on, "does it have that much?"));

	std::memset(user, 0, size);
	regions_.push_back({next_guest_address(), user, size, 0, std::move(file)});
	return Done{};
}

Result<GuestSpan> GuestMemory::allocate(size_t size, size_t align)
{
	for (Region &region : regions_) {
		size_t start = round_up(region.used, align);

		if (start > region.size || region.size - start < size)
			continue;
		region.used = start + size;
		return GuestSpan{region.guest + start, region.user + start, size};
	}
	return fail(ENOMEM, "allocate", fmt::format("{} bytes of guest memory", size),
		    "give the guest more memory");
}

uint8_t *GuestMemory::user(uint64_t guest, size_t size) const
{
	for (const Region &region : regions_)
		if (guest >= region.guest && guest - region.guest <= region.size &&
		    size <= region.size - (guest - region.guest))
			return region.user + (guest - region.guest);
	return nullptr;
}

std::optional<uint64_t> GuestMemory::guest(const void *user) const
{
	auto address = static_cast<const uint8_t *>(user);

	for (const Region &region : regions_)
		if (address >= region.user && address < region.user + region.size)
			return region.guest + (address - region.user);
	return std::nullopt;
}

std::vector<MemoryRegion> GuestMemory::regions() const
{
	std::vector<MemoryRegion> table;

	for (const Region &region : regions_)
		table.push_back(
			{region.guest, region.size, reinterpret_cast<uintptr_t>(region.user)});
	return table;
}

} // namespace ringtap
