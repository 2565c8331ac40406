// SPDX-License-Identifier: GPL-2.0-or-later
// HostileRing: a driver's ring with no rules, to write anything at all into.
#pragma once

#include "guest/ring.h"
#include "lib/vhost.h"

namespace ringtap {

// Where ring memory is, which decides how a device in the kernel reaches it.
enum class RingPlace {
	mapped,   // anonymous memory: can be pinned and mapped
	secret,   // memfd_secret(2): nobody but this process may map it
	readonly, // a split ring's descriptor table that the device's address lets it read only
};

[[nodiscard]] const char *ring_place_name(RingPlace place);

// One descriptor as it shall stand in the ring. For split rings link is next, for packed ones the
// buffer id; packed availability flags are added where they belong.
struct RawDescriptor {
	uint64_t guest = 0;
	uint32_t size = 0;
	uint16_t flags = 0;
	uint16_t link = 0;
};

// Owns its memory, which is no part of guest memory: vhost takes any user address for a ring.
// Single-threaded.
class HostileRing {
public:
	// ENOSYS, EPERM or ENXIO if the kernel has no such place.
	[[nodiscard]] static Result<HostileRing> create(Layout layout, unsigned size,
							RingPlace place);

	[[nodiscard]] Layout layout() const { return layout_; }
	[[nodiscard]] unsigned size() const { return size_; }
	// What the device is told.
	[[nodiscard]] VringAddress address() const;
	[[nodiscard]] unsigned base() const;

	// As new: all zero, nothing available, back at the start.
	void reset();

	// The slot that is n after the next one to be filled.
	[[nodiscard]] unsigned slot(unsigned n = 0) const { return (next_ + n) % size_; }

	// The descriptors that make an honest chain of these: NEXT and links are filled in.
	[[nodiscard]] std::vector<RawDescriptor> chain(
		std::span<const RawDescriptor> buffers) const;

	// Write descriptors into the next slots, exactly as given, and make them available as one
	// chain from the first of them. No limit is kept to.
	void offer(std::span<const RawDescriptor> descriptors);

	// Between the two, chains are offered that the device sees at release(), all at once.
	void hold();
	void release();

	// Split: make a head available that may be none.
	void offer_head(uint16_t head);
	// Split: what the available index says, whatever is true.
	void set_avail_index(uint16_t index);
	[[nodiscard]] uint16_t avail_index() const { return avail_; }

	// Packed: the flags word of a slot, and what makes a slot available now.
	void set_flags(unsigned slot, uint16_t flags);
	[[nodiscard]] uint16_t available_flags() const;

	// What a table in guest memory looks like with these in it.
	static void write_table(const GuestSpan &table, std::span<const RawDescriptor> descriptors,
				Layout layout);

	// Chains offered so far, and those of them that the device gave back.
	[[nodiscard]] unsigned offered() const { return offered_; }
	[[nodiscard]] unsigned used();

	// The three areas as this process writes them.
	[[nodiscard]] std::span<uint8_t> desc_area() const { return {memory_.user, driver_at_}; }
	[[nodiscard]] std::span<uint8_t> driver_area() const
	{
		return {memory_.user + driver_at_, device_at_ - driver_at_};
	}
	[[nodiscard]] std::span<uint8_t> device_area() const
	{
		return {memory_.user + device_at_, memory_.size - device_at_};
	}
	// All of it, where the device was told it is.
	[[nodiscard]] std::span<uint8_t> all() const { return {memory_.user, memory_.size}; }

	// Exchange memory with another ring of the same kind; each keeps its own state.
	void swap_memory(HostileRing &other);

	// Take the pages away, or put fresh zero pages in their place; the addresses stay.
	[[nodiscard]] Result<Done> unmap();
	[[nodiscard]] Result<Done> map_again();
	// Change how the process itself may reach it: PROT_*.
	[[nodiscard]] Result<Done> protect(int prot);

private:
	// Two mappings at most: what we write, and what the device is told of the descriptors.
	struct Mapping {
		uint8_t *user = nullptr;
		size_t size = 0;

		Mapping() = default;
		Mapping(uint8_t *at, size_t bytes) : user(at), size(bytes) {}
		Mapping(const Mapping &) = delete;
		Mapping &operator=(const Mapping &) = delete;
		Mapping(Mapping &&other) noexcept :
			user(std::exchange(other.user, nullptr)), size(other.size)
		{
		}
		Mapping &operator=(Mapping &&other) noexcept
		{
			std::swap(user, other.user);
			std::swap(size, other.size);
			return *this;
		}
		~Mapping();
	};

	HostileRing(Layout layout, unsigned size);

	[[nodiscard]] Result<Done> map(RingPlace place);
	void offer_packed(std::span<const RawDescriptor> descriptors);

	Layout layout_;
	unsigned size_;
	size_t driver_at_, device_at_;
	Mapping memory_;
	Mapping readonly_; // of the descriptor area
	unsigned next_ = 0;
	bool wrap_ = true;
	uint16_t avail_ = 0;
	unsigned offered_ = 0;
	bool held_ = false;
	std::optional<std::pair<unsigned, uint16_t>> held_head_; // packed: a slot and its flags
	// Packed: where the next used descriptor is awaited, and how far it was followed.
	std::vector<uint16_t> slots_; // of each offered chain
	unsigned used_slot_ = 0, used_count_ = 0;
	bool used_wrap_ = true;
};

} // namespace ringtap
