// SPDX-License-Identifier: GPL-2.0-or-later
// A plain device side of both ring layouts, to test the driver side against: obvious, not fast.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/virtqueue.h"
#include "lib/memory.h"

namespace ringtap::test {

// What a device finds in one available chain.
struct DeviceChain {
	uint16_t id = 0;
	unsigned descriptors = 0; // that it takes in the ring
	std::string readable;     // contents of the device-readable part
	std::vector<Buffer> writable;

	[[nodiscard]] size_t room() const;
};

class DeviceSide {
public:
	virtual ~DeviceSide() = default;

	// The next available chain. Test failures are reported through ADD_FAILURE().
	virtual std::optional<DeviceChain> pop() = 0;

	// Use a chain: length bytes were written into it.
	virtual void push(const DeviceChain &chain, uint32_t length) = 0;

	// IN_ORDER: use all of these chains, in the order they were popped, by one element.
	virtual void push_batch(const std::vector<DeviceChain> &chains, uint32_t last_length) = 0;

	// Ask for a notification at the next chain, or for none at all.
	virtual void want_kicks(bool wanted) = 0;

	// Whether the driver wants a signal for what was pushed since the last call.
	virtual bool should_signal() = 0;

	// Use a chain that the driver never made available.
	virtual void push_nonsense(uint16_t id, uint32_t length) = 0;

	// Copy text into the chain's writable buffers; the length written.
	uint32_t write(const DeviceChain &chain, const std::string &text);

protected:
	explicit DeviceSide(const GuestMemory &memory) : memory_(memory) {}
	void add_buffer(DeviceChain &chain, uint64_t guest, uint32_t size, bool writable);

	const GuestMemory &memory_;
};

[[nodiscard]] std::unique_ptr<DeviceSide> make_device(const GuestMemory &memory,
						      const VringAddress &address,
						      const QueueOptions &options);

} // namespace ringtap::test
