// SPDX-License-Identifier: GPL-2.0-or-later
// Iommu: translates a guest's addresses for a device that has an IOTLB, as a VMM does.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "lib/memory.h"
#include "lib/vhost.h"

namespace ringtap {

// In a thread of its own: answers what the device misses, a page at a time, and takes translations
// back now and then. The guest's I/O virtual addresses are its physical ones; that they are
// translated and not looked up in the memory table, decoys() sees to.
class Iommu {
public:
	struct Options {
		// Take back this often, in translations told between: a page, a region or all.
		unsigned take_back = 0; // 0: never
		// Tell of each page by an address of its own: what is contiguous for the guest is
		// not for us. For memory that is shared.
		bool scatter = false;
		uint32_t seed = 1;
	};

	struct Counts {
		uint64_t misses = 0;      // translations that the device asked for
		uint64_t invalidated = 0; // messages that took some back
	};

	// The caller keeps device and memory, and has acknowledged ACCESS_PLATFORM and IOTLB_MSG_V2.
	[[nodiscard]] static Result<std::unique_ptr<Iommu>> start(const VhostDevice &device,
								  const GuestMemory &memory,
								  const Options &options);
	Iommu(const Iommu &) = delete;
	Iommu &operator=(const Iommu &) = delete;
	~Iommu();

	// A memory table with the guest's addresses that leads nowhere: whoever uses it faults.
	[[nodiscard]] static Result<std::vector<MemoryRegion>> decoys(const GuestMemory &memory);

	// Stop answering. The first thing that went wrong.
	[[nodiscard]] Result<Done> finish();
	// After finish().
	[[nodiscard]] const Counts &counts() const { return counts_; }

	// One message: a page, or an invalidation.
	[[nodiscard]] static Result<Done> tell(const VhostDevice &device, const MemoryRegion &range,
					       uint8_t perm = VHOST_ACCESS_RW);
	[[nodiscard]] static Result<Done> take_back(const VhostDevice &device, uint64_t iova,
						    uint64_t size);

private:
	Iommu(const VhostDevice &device, const GuestMemory &memory, const Options &options) :
		device_(device), memory_(memory), options_(options), random_(options.seed)
	{
	}

	[[nodiscard]] Result<Done> scatter();
	// Where the device is told that a page is; 0 where the guest has no memory.
	[[nodiscard]] uint64_t place_of(uint64_t page) const;
	[[nodiscard]] Result<Done> run();
	[[nodiscard]] Result<Done> answer();
	[[nodiscard]] Result<Done> invalidate();

	const VhostDevice &device_;
	const GuestMemory &memory_;
	Options options_;
	Counts counts_;
	std::minstd_rand random_;
	unsigned told_ = 0;                   // since something was taken back
	std::vector<MemoryRegion> backwards_; // second mappings, their pages in reverse order
	std::atomic<bool> stop_ = false;
	Result<Done> outcome_ = Done{};
	std::thread thread_;
};

} // namespace ringtap
