// SPDX-License-Identifier: GPL-2.0-or-later
// A ring and its memory, made and driven as a script says, for the ring targets
#ifndef RINGTAP_FUZZ_RING_RIG_H
#define RINGTAP_FUZZ_RING_RIG_H

#include <cstdint>
#include <optional>
#include <vector>

#include "log_oracle.h"
#include "oracle.h"
#include "script.h"

namespace ringtap::fuzz {

// Ring memory of exact size, so that ASan sees every access outside of it.
using RingBlock = std::vector<uint8_t>;

class RingRig {
public:
	static constexpr uint64_t gpa_base = 0x10000;
	static constexpr size_t guest_bytes = 0x8000;

	explicit RingRig(Script &script);
	~RingRig();
	RingRig(const RingRig &) = delete;
	RingRig &operator=(const RingRig &) = delete;
	RingRig(RingRig &&) = delete;
	RingRig &operator=(RingRig &&) = delete;

	bool running() const { return running_; }
	// Call a verb, or write as a driver does.
	void step(Script &script);
	// Write as a driver does; also from within a verb.
	void drive(Script &script);

	CheckedRing &checked() { return *checked_; }
	// All that a driver may write to: the three areas and guest memory.
	std::vector<RingBlock *> memory() { return {&desc_, &driver_, &device_, &guest_}; }

private:
	bool make_areas(bool mapped, uint8_t odd);
	std::vector<Region> make_memory(bool logged);
	void verb(uint8_t op, Script &script);
	void check_log();
	void pop(Script &script);
	void push(Script &script);
	void restart(Script &script);

	bool packed() const { return ring_.layout == RTAP_LAYOUT_PACKED; }
	uint8_t *slot(uint32_t i) { return desc_.data() + i * size_t{16}; }
	void write_desc(uint8_t *to, uint64_t addr, uint32_t len, uint16_t flags, uint16_t link);
	void scribble(Script &script);
	void descriptor(Script &script);
	void chain(Script &script);
	void table(Script &script);
	void event(Script &script);
	void offer(Script &script);
	void announce(uint16_t head, uint16_t n);

	RingBlock desc_, driver_, device_, guest_;
	rtap_mem *mem_ = nullptr;
	rtap_mem_view view_{};
	rtap_ring ring_{};
	std::optional<CheckedRing> checked_;
	std::optional<LogOracle> log_;
	bool running_ = false;
};

} // namespace ringtap::fuzz

#endif
