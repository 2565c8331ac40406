// SPDX-License-Identifier: GPL-2.0-or-later
// A device side written from virtio 2.7 and 2.8 for the oracle: what a verb has to do and answer
//
// It has no memory of its own: it follows the log of what the verb under test fetched, so it
// agrees with a verb that reads each field once and uses what it read, whoever writes meanwhile.
#ifndef RINGTAP_FUZZ_MODEL_H
#define RINGTAP_FUZZ_MODEL_H

#include <cstdint>
#include <vector>

#include "access_log.h"

extern "C" {
#include "ring.h"
}

namespace ringtap::fuzz {

// A piece of guest memory, and where it is in the host.
struct Region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;
};

struct Shape {
	bool packed;
	bool event_idx;
	bool in_order;
	bool notify_on_empty;
	uint32_t num;
};

// Where a ring lies, in the order of VHOST_SET_VRING_ADDR.
struct Areas {
	uint8_t *desc;
	uint8_t *driver;
	uint8_t *device;
};

// What a pop takes.
struct Taken {
	int ret = 0; // as rtap_ring_pop()
	rtap_ring_error kind = RTAP_RING_OK;
	std::vector<rtap_chain> chains;
	std::vector<rtap_seg> segs;
};

class Model {
public:
	Model(const Shape &shape, const Areas &areas, std::vector<Region> regions) :
		shape_(shape), areas_(areas), regions_(std::move(regions))
	{
	}

	// What the verb of that name has to return, given what it fetched and stored.
	int start(Replay &log);
	// first: buffers that are in the array already.
	void pop(Replay &log, uint32_t max, uint32_t first, uint32_t room, Taken &taken);
	void unpop(const rtap_chain *chains, uint32_t n);
	int push(Replay &log, const rtap_used *used, uint32_t n);
	int pending(Replay &log);
	int arm(Replay &log);
	int disarm(Replay &log);
	int should_signal(Replay &log);
	uint32_t save() const;
	void restore(uint32_t base);
	// Guest memory, region by region.
	bool read_guest(Replay &log, uint64_t gpa, void *to, uint32_t len) const;
	bool write_guest(Replay &log, uint64_t gpa, const void *from, uint32_t len) const;

	// Fail unless the ring is where the model is.
	void compare(const rtap_ring &ring) const;
	// Steps from the used position to the available one, modulo lap().
	uint32_t in_flight() const;
	uint32_t lap() const { return shape_.packed ? 2 * shape_.num : 65536; }

	// Why the verb that returned a negative number last did so.
	rtap_ring_error kind() const { return kind_; }

private:
	struct Desc {
		uint64_t addr;
		uint32_t len;
		uint16_t flags;
		uint16_t link;
	};
	// A chain that is being built.
	struct Chain {
		Taken &taken;
		uint32_t room;
		rtap_chain chain;
		uint32_t seen = 0;
		bool full = false;
	};
	// The part of an indirect table that was read last.
	struct Window {
		uint32_t first = 0;
		std::vector<uint8_t> bytes;
	};

	int fault(rtap_ring_error kind);
	bool load16(Replay &log, const uint8_t *at, uint16_t &v) const;
	// The low n bytes of v, in ring byte order.
	bool store(Replay &log, uint8_t *at, uint64_t v, size_t n) const;
	const Region *region(uint64_t gpa) const;
	Desc decode(const uint8_t *raw) const;

	rtap_ring_error add(Chain &c, const Desc &d) const;
	rtap_ring_error add_table(Replay &log, Chain &c, const Desc &table);
	bool give_up(Chain &c, rtap_ring_error kind);

	int split_start(Replay &log);
	int split_refresh(Replay &log);
	bool split_heads(Replay &log, uint32_t n, std::vector<uint16_t> &heads) const;
	rtap_ring_error split_chain(Replay &log, Chain &c, uint16_t head);
	void split_pop(Replay &log, uint32_t max, uint32_t room, Taken &taken);
	int split_push(Replay &log, const rtap_used *used, uint32_t n);
	int split_should_signal(Replay &log);

	void advance(uint32_t &pos, bool &wrap, uint32_t slots) const;
	int packed_store_armed(Replay &log);
	rtap_ring_error packed_chain(Replay &log, Chain &c, uint16_t head_flags);
	void packed_pop(Replay &log, uint32_t max, uint32_t room, Taken &taken);
	int packed_push(Replay &log, const rtap_used *used, uint32_t n);
	int packed_should_signal(Replay &log);
	bool packed_available(uint16_t flags) const;

	const Shape shape_;
	const Areas areas_;
	const std::vector<Region> regions_;
	Window window_;
	rtap_ring_error kind_ = RTAP_RING_OK;

	// split: free-running; packed: below num, with a wrap counter
	uint32_t avail_ = 0, used_ = 0;
	bool avail_wrap_ = false, used_wrap_ = false;
	uint16_t seen_avail_ = 0; // split: the driver's index as last read
	bool armed_ = false;
	bool answered_ = false;
	uint64_t unsignalled_ = 0;
};

} // namespace ringtap::fuzz

#endif
