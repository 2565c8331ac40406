// SPDX-License-Identifier: GPL-2.0-or-later
// What the driver of a fuzzed ring writes: sense, near sense and anything
#include <cstring>

#include "ring_rig.h"
#include "states.h"

namespace ringtap::fuzz {

// Bytes anywhere.
void RingRig::scribble(Script &script)
{
	RingBlock &block = *memory()[script.byte() % 4];
	size_t at = script.take<uint16_t>() % block.size();
	size_t n = script.byte() % 33;
	for (size_t i = at; i < at + n && i < block.size(); i++)
		block[i] = script.byte();
}

void RingRig::write_desc(uint8_t *to, uint64_t addr, uint32_t len, uint16_t flags, uint16_t link)
{
	std::memcpy(to, &addr, 8);
	std::memcpy(to + 8, &len, 4);
	std::memcpy(to + (packed() ? 12 : 14), &link, 2);
	std::memcpy(to + (packed() ? 14 : 12), &flags, 2);
}

// A descriptor that is nearly right, in the ring or in a table, finds more than bytes anywhere.
void RingRig::descriptor(Script &script)
{
	uint32_t at = script.take<uint16_t>();
	bool table = at & 0x8000;
	uint16_t where = script.take<uint16_t>();
	uint64_t addr = gpa_base + (where & 0x7ff0);
	uint32_t len = where & 1 ? 16 * (at % 200) : script.take<uint16_t>();
	if (where & 2)
		len = where & 4 ? ~len : 16 * ((at % 200) << 8);
	uint16_t flags = script.byte() & 7;
	uint16_t link = script.take<uint16_t>();
	if (where & 8)
		link %= table ? 2048 : ring_.num;
	if (packed())
		flags |= script.byte() & 1 ? 0x80 : 0x8000;
	at &= 0x7fff;
	write_desc(table ? guest_.data() + at % (guest_bytes / 16) * 16 : slot(at % ring_.num),
		   addr, len, flags, link);
}

// A chain of up to 16 buffers, well formed, where the device looks next.
void RingRig::chain(Script &script)
{
	uint32_t shape = script.byte();
	uint32_t n = shape % 16 + 1;
	n = n < ring_.num ? n : ring_.num;
	uint32_t out = script.below(n + 1);
	bool wrap = ring_.avail_wrap;
	uint32_t first = ring_.last_avail % ring_.num, i = first;
	for (uint32_t k = 0; k < n; k++) {
		uint16_t flags = (k + 1 < n ? 1 : 0) | (k >= out ? 2 : 0);
		uint32_t next = i + 1 == ring_.num ? 0 : i + 1;
		if (packed())
			flags |= wrap ? 0x80 : 0x8000;
		write_desc(slot(i), gpa_base + k * 0x7f0, shape & 0x20 ? k : 64, flags,
			   static_cast<uint16_t>(packed() ? shape : next));
		wrap ^= next == 0;
		i = next;
	}
	if (!packed())
		announce(static_cast<uint16_t>(first), shape & 0x40 ? 1 : 1 + shape / 0x80);
}

// A table of up to 256 buffers, of which one may be anything, where the device looks next.
void RingRig::table(Script &script)
{
	uint32_t n = script.byte() + 1U, odd = script.byte();
	uint32_t at = script.byte() % (guest_bytes / 16);
	uint32_t out = odd & 1 ? n : n / 2;
	for (uint32_t k = 0; k < n; k++) {
		uint16_t flags = (k + 1 < n ? 1 : 0) | (k >= out ? 2 : 0);
		uint32_t len = odd & 2 ? 0 : 32, link = k + 1;
		if (k == odd && odd & 4) {
			flags = script.byte() & 7;
			link = script.take<uint16_t>() % (2 * n);
		}
		write_desc(guest_.data() + (at + k) % (guest_bytes / 16) * 16, gpa_base + k * 16,
			   len, flags, static_cast<uint16_t>(link));
	}
	// guest memory is seen with its halves swapped
	uint64_t gpa = gpa_base + (at * size_t{16} + guest_bytes / 2) % guest_bytes;
	uint32_t slot_at = ring_.last_avail % ring_.num;
	uint16_t flags = 4 | (!packed() ? 0 : ring_.avail_wrap ? 0x80 : 0x8000);
	write_desc(slot(slot_at), gpa, n * 16, flags, static_cast<uint16_t>(odd));
	if (!packed())
		announce(static_cast<uint16_t>(slot_at), 1);
}

// Split: make the same head available n times.
void RingRig::announce(uint16_t head, uint16_t n)
{
	uint16_t next = ring_.last_avail;
	for (; n > 0; n--, next++)
		std::memcpy(driver_.data() + 4 + next % ring_.num * size_t{2}, &head, 2);
	std::memcpy(driver_.data() + 2, &next, 2);
}

// Put a descriptor that is there where the device looks next: what is popped leads further than
// indices anywhere.
void RingRig::offer(Script &script)
{
	auto from = static_cast<uint16_t>(script.byte() % ring_.num);
	if (!packed())
		return announce(from, script.byte() % (ring_.num + 1));
	uint8_t *to = slot(ring_.last_avail % ring_.num);
	uint16_t flags;
	std::memcpy(&flags, slot(from) + 14, 2);
	flags = (flags & 7) | (ring_.avail_wrap ? 0x80 : 0x8000);
	std::memmove(to, slot(from), 16);
	std::memcpy(to + 14, &flags, 2);
}

// Ask for an interrupt around where the device is, or for none.
void RingRig::event(Script &script)
{
	uint8_t how = script.byte();
	auto event = static_cast<uint16_t>(ring_.last_used + how % 8 - 4);
	if (!packed()) {
		uint16_t flags = how >> 3 & 1;
		std::memcpy(driver_.data(), &flags, 2);
		if (ring_.event_idx)
			std::memcpy(driver_.data() + 4 + 2 * size_t{ring_.num}, &event, 2);
		return;
	}
	bool wrap = ring_.used_wrap ^ (event >= ring_.num);
	if (!(how & 32)) // else it may lie outside of the ring
		event %= ring_.num;
	event = (event & 0x7fff) | (wrap ? 0x8000 : 0);
	uint16_t flags = how & 8 ? 2 : how >> 4 & 3;
	std::memcpy(driver_.data(), &event, 2);
	std::memcpy(driver_.data() + 2, &flags, 2);
}

void RingRig::drive(Script &script)
{
	states().writes++;
	switch (script.byte() % 10) {
	case 0:
	case 1:
		return scribble(script);
	case 2:
	case 3:
		return descriptor(script);
	case 4:
	case 5:
		return chain(script);
	case 6:
		return table(script);
	case 7:
		return event(script);
	default:
		return offer(script);
	}
}

} // namespace ringtap::fuzz
