// SPDX-License-Identifier: GPL-2.0-or-later
// What the driver sides of both ring layouts share: buffers, options, memory ordering.
//
// Section numbers in this directory are those of the virtio specification 1.3 (2.7 split
// virtqueues, 2.8 packed virtqueues, 5.1 network device).
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/memory.h"
#include "lib/result.h"
#include "lib/vhost_abi.h"

namespace ringtap {

// Rings are little-endian (1.4); so are the machines this runs on, and no conversion is needed.
static_assert(std::endian::native == std::endian::little);

enum class Layout { split, packed };

struct QueueOptions {
	Layout layout = Layout::split;
	unsigned size = 256;       // descriptors; a power of two up to 32,768
	bool event_idx = true;     // VIRTIO_RING_F_EVENT_IDX
	bool in_order = false;     // VIRTIO_F_IN_ORDER
	unsigned indirect_max = 0; // longest indirect table, 0 without VIRTIO_RING_F_INDIRECT_DESC
	uint16_t start = 0;        // split: first ring index; packed: first slot
};

// One piece of guest memory that a chain is made of.
struct Buffer {
	uint64_t guest = 0;
	uint32_t size = 0;
};

// The driver's name for a chain, handed back with it.
using Token = uint64_t;

// A chain that the device is done with.
struct Used {
	Token token = 0;
	uint32_t length = 0; // bytes the device wrote
};

// What the driver remembers about a chain in flight; ring memory is not trusted to remember it.
struct InFlight {
	bool active = false;
	uint16_t descriptors = 0; // of the ring, not of an indirect table
	uint32_t writable = 0;    // bytes the device may write
	Token token = 0;
};

// Identifiers in the order they were given back (free ones) or handed out (ones in flight).
class Fifo {
public:
	explicit Fifo(unsigned size) : ring_(size) {}

	[[nodiscard]] unsigned count() const { return count_; }
	[[nodiscard]] uint16_t front() const { return ring_[head_]; }
	void push(uint16_t value) { ring_[(head_ + count_++) % ring_.size()] = value; }
	uint16_t pop()
	{
		uint16_t value = ring_[head_];

		head_ = (head_ + 1) % ring_.size();
		count_--;
		return value;
	}

private:
	std::vector<uint16_t> ring_;
	unsigned head_ = 0;
	unsigned count_ = 0;
};

// Fields that the other side reads or writes meanwhile are reached through these only.
inline uint16_t load_relaxed(uint16_t &field)
{
	return std::atomic_ref(field).load(std::memory_order_relaxed);
}
inline uint16_t load_acquire(uint16_t &field)
{
	return std::atomic_ref(field).load(std::memory_order_acquire);
}
inline void store_relaxed(uint16_t &field, uint16_t value)
{
	std::atomic_ref(field).store(value, std::memory_order_relaxed);
}
inline void store_release(uint16_t &field, uint16_t value)
{
	std::atomic_ref(field).store(value, std::memory_order_release);
}
inline void full_barrier()
{
	std::atomic_thread_fence(std::memory_order_seq_cst);
}

// Errors that both layouts find.
[[nodiscard]] Result<Done> check_queue_options(const QueueOptions &options);
[[nodiscard]] Result<Done> check_chain(std::span<const Buffer> out, std::span<const Buffer> in);
[[nodiscard]] tl::unexpected<Error> ring_full(unsigned wanted, unsigned free);
[[nodiscard]] tl::unexpected<Error> device_lied(const char *layout, const std::string &how);

} // namespace ringtap
