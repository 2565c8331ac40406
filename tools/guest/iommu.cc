// SPDX-License-Identifier: GPL-2.0-or-later
// Reads misses, writes translations.
#include "guest/iommu.h"

#include <poll.h>
#include <sys/mman.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

constexpr uint64_t page_size = 4096;
constexpr int look_again_ms = 20;

vhost_msg_v2 message(uint8_t type, uint64_t iova, uint64_t size)
{
	vhost_msg_v2 msg{};

	msg.type = VHOST_IOTLB_MSG_V2;
	msg.iotlb.type = type;
	msg.iotlb.iova = iova;
	msg.iotlb.size = size;
	return msg;
}

} // namespace

Result<Done> Iommu::tell(const VhostDevice &device, const MemoryRegion &range, uint8_t perm)
{
	vhost_msg_v2 msg = message(VHOST_IOTLB_UPDATE, range.guest, range.size);

	msg.iotlb.uaddr = range.user;
	msg.iotlb.perm = perm;
	return device.write_iotlb(msg);
}

Result<Done> Iommu::take_back(const VhostDevice &device, uint64_t iova, uint64_t size)
{
	return device.write_iotlb(message(VHOST_IOTLB_INVALIDATE, iova, size));
}

// The reservation is never given back: the device may have it for as long as it lives.
Result<std::vector<MemoryRegion>> Iommu::decoys(const GuestMemory &memory)
{
	std::vector<MemoryRegion> regions = memory.regions();

	for (MemoryRegion &region : regions) {
		void *nothing = ::mmap(nullptr, region.size, PROT_NONE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (nothing == MAP_FAILED)
			return fail(errno, "reserve", fmt::format("{} bytes", region.size));
		region.user = reinterpret_cast<uintptr_t>(nothing);
	}
	return regions;
}

Result<std::unique_ptr<Iommu>> Iommu::start(const VhostDevice &device, const GuestMemory &memory,
					    const Options &options)
{
	std::unique_ptr<Iommu> iommu(new Iommu(device, memory, options));

	if (options.scatter)
		TRY(iommu->scatter());
	iommu->thread_ = std::thread([self = iommu.get()] { self->outcome_ = self->run(); });
	return iommu;
}

Iommu::~Iommu()
{
	(void)finish();
}

Result<Done> Iommu::finish()
{
	stop_ = true;
	if (thread_.joinable())
		thread_.join();
	return outcome_;
}

// Moving none of a shared mapping's bytes elsewhere maps them there a second time: mremap(2).
Result<Done> Iommu::scatter()
{
	constexpr int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	backwards_ = TRY(decoys(memory_));
	for (const MemoryRegion &region : backwards_) {
		for (uint64_t at = 0; at < region.size; at += page_size) {
			uint8_t *page = memory_.user(region.guest + at, page_size);
			auto place = region.user + region.size - page_size - at;

			if (::mremap(page, 0, page_size, flags, place) == MAP_FAILED)
				return fail(errno, "map", "a page a second time",
					    "use memory that is shared: memfd or file");
		}
	}
	return Done{};
}

uint64_t Iommu::place_of(uint64_t page) const
{
	if (!options_.scatter)
		return reinterpret_cast<uintptr_t>(memory_.user(page, page_size));
	for (const MemoryRegion &region : backwards_)
		if (page - region.guest < region.size)
			return region.user + region.size - page_size - (page - region.guest);
	return 0;
}

Result<Done> Iommu::run()
{
	pollfd wait{device_.fd().get(), POLLIN, 0};

	while (!stop_) {
		if (::poll(&wait, 1, look_again_ms) > 0)
			TRY(answer());
		if (options_.take_back && told_ >= options_.take_back)
			TRY(invalidate());
	}
	return Done{};
}

Result<Done> Iommu::answer()
{
	vhost_msg_v2 msg = TRY(device_.read_iotlb());
	uint64_t page = msg.iotlb.iova & ~(page_size - 1);
	uint64_t user = place_of(page);

	if (msg.type != VHOST_IOTLB_MSG_V2 || msg.iotlb.type != VHOST_IOTLB_MISS)
		return fail(0, "read",
			    fmt::format("a message of type {}, {}", msg.type,
					unsigned(msg.iotlb.type)));
	if (!user)
		return fail(0, "translate", fmt::format("address {:#x}", msg.iotlb.iova),
			    "the guest has no memory there");
	counts_.misses++;
	told_++;
	return tell(device_, {page, page_size, user});
}

Result<Done> Iommu::invalidate()
{
	std::vector<MemoryRegion> regions = memory_.regions();
	const MemoryRegion &region = regions[random_() % regions.size()];
	uint64_t page = random_() % (region.size / page_size) * page_size;

	told_ = 0;
	counts_.invalidated++;
	switch (random_() % 4) {
	case 0:
		return take_back(device_, 0, 0); // how 2^64 is said
	case 1:
		return take_back(device_, region.guest, region.size);
	default:
		return take_back(device_, region.guest + page, page_size);
	}
}

} // namespace ringtap
