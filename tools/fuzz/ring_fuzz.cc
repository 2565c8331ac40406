// SPDX-License-Identifier: GPL-2.0-or-later
// LibFuzzer target: a driver that writes anything, anywhere, at any time
//
// The first bytes choose layout, size and features; the rest is a script of steps, each
// a byte of opcode and its arguments. Ring memory is of exact size, so that ASan sees
// every access outside of it. Beyond not crashing, what comes out of pop is checked.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

extern "C" {
#include <linux/err.h>
#include <linux/vhost_types.h>

#include "ring.h"
}
#include "shim.h"

namespace {

constexpr uint64_t gpa_base = 0x10000;
constexpr size_t guest_bytes = 0x8000;

// Script bytes; zeroes when it has run out.
class Script {
public:
	Script(const uint8_t *data, size_t size) : data_(data), size_(size) {}
	bool done() const { return size_ == 0; }

	template <class T>
	T take()
	{
		T v{};
		size_t n = sizeof(v) < size_ ? sizeof(v) : size_;
		std::memcpy(&v, data_, n);
		data_ += n;
		size_ -= n;
		return v;
	}

	// Copy the next bytes into memory that the driver owns.
	void scribble(uint8_t *to, size_t room)
	{
		size_t at = take<uint16_t>() % room;
		size_t n = take<uint8_t>() % 33;
		for (size_t i = 0; i < n && at + i < room; i++)
			to[at + i] = take<uint8_t>();
	}

private:
	const uint8_t *data_;
	size_t size_;
};

[[noreturn]] void fail()
{
	std::abort();
}

struct Device {
	explicit Device(Script &script);
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;
	Device(Device &&) = delete;
	Device &operator=(Device &&) = delete;
	~Device();
	void step(Script &script);

	void pop(uint32_t max);
	void push(Script &script);
	void write_descriptor(Script &script);
	void offer(Script &script);
	void check(const rtap_chain &chain, const rtap_segs &segs) const;

	rtap_area area(std::unique_ptr<uint8_t[]> &block, size_t size, bool mapped)
	{
		block = std::make_unique<uint8_t[]>(size);
		rtap_area a{};
		a.size = size;
		if (mapped) {
			a.kaddr = block.get();
		} else {
			a.uaddr = block.get();
			rtap_shim_user_add(block.get(), size);
		}
		return a;
	}

	std::unique_ptr<uint8_t[]> desc, driver, device, guest;
	rtap_mem *mem;
	rtap_mem_view view{};
	rtap_ring ring{};
	std::vector<rtap_chain> in_flight;
	std::vector<rtap_seg> segs = std::vector<rtap_seg>(RTAP_CHAIN_SEGS_MAX);
	bool running = false;
};

Device::Device(Script &script) : guest(std::make_unique<uint8_t[]>(guest_bytes))
{
	rtap_shim_user_reset();
	rtap_shim_user_add(guest.get(), guest_bytes);
	auto host = reinterpret_cast<uint64_t>(guest.get());
	vhost_memory_region regions[] = {
		{gpa_base, guest_bytes / 2, host + guest_bytes / 2, 0},
		{gpa_base + guest_bytes / 2, guest_bytes / 2, host, 0},
	};
	mem = rtap_mem_create(regions, 2);
	if (IS_ERR(mem))
		fail();
	rtap_mem_view_set(&view, mem);
	auto flags = script.take<uint8_t>();
	auto num = script.take<uint8_t>();
	ring.layout = flags & 1 ? RTAP_LAYOUT_PACKED : RTAP_LAYOUT_SPLIT;
	ring.event_idx = flags & 2;
	ring.in_order = flags & 4;
	ring.notify_on_empty = flags & 8;
	ring.num = flags & 1 ? num + 1U : 1U << (num % 9);
	ring.desc = area(desc, rtap_ring_desc_size(ring.layout, ring.num), flags & 16);
	ring.driver = area(driver, rtap_ring_driver_size(ring.layout, ring.num, ring.event_idx),
			   flags & 16);
	ring.device = area(device, rtap_ring_device_size(ring.layout, ring.num, ring.event_idx),
			   flags & 16);
	ring.mem = &view;
	uint32_t base = script.take<uint32_t>();
	rtap_ring_restore(&ring, flags & 32 ? base : 0x80008000);
	running = rtap_ring_start(&ring) == 0;
}

Device::~Device()
{
	rtap_mem_view_set(&view, nullptr);
	rtap_mem_put(mem);
	rtap_shim_user_reset();
}

void Device::check(const rtap_chain &c, const rtap_segs &s) const
{
	uint64_t sum = 0;
	if (c.seg + c.nr_out + c.nr_in > s.nr || c.nr_out + c.nr_in > RTAP_CHAIN_SEGS_MAX)
		fail();
	for (uint32_t i = 0; i < uint32_t{c.nr_out} + c.nr_in; i++) {
		if (!segs[c.seg + i].len)
			fail();
		sum += segs[c.seg + i].len;
	}
	if (sum != c.out_len + c.in_len || c.slots == 0 || c.slots > ring.num)
		fail();
	if (ring.layout == RTAP_LAYOUT_SPLIT && (c.id >= ring.num || c.slots != 1))
		fail();
}

void Device::pop(uint32_t max)
{
	std::vector<rtap_chain> chains(max);
	rtap_segs s{segs.data(), 0, static_cast<uint32_t>(segs.size())};
	uint16_t before = ring.last_avail;
	ring.fault.kind = RTAP_RING_OK;
	int n = rtap_ring_pop(&ring, chains.data(), max, &s);
	if (n < 0) {
		// a reason is given, and nothing was taken
		if (ring.fault.kind == RTAP_RING_OK || s.nr || ring.last_avail != before)
			fail();
		return;
	}
	if (static_cast<uint32_t>(n) > max)
		fail();
	for (int i = 0; i < n; i++) {
		check(chains[static_cast<size_t>(i)], s);
		in_flight.push_back(chains[static_cast<size_t>(i)]);
	}
}

void Device::push(Script &script)
{
	size_t n = script.take<uint16_t>() % (in_flight.size() + 1);
	std::vector<rtap_used> used;
	for (size_t i = 0; i < n; i++)
		used.push_back({script.take<uint16_t>(), in_flight[i].id, in_flight[i].slots,
				in_flight[i].nr_in == 0});
	if (rtap_ring_push(&ring, used.data(), static_cast<uint32_t>(n)) == 0)
		in_flight.erase(in_flight.begin(), in_flight.begin() + static_cast<ptrdiff_t>(n));
}

// A descriptor that is nearly right finds more than bytes anywhere.
void Device::write_descriptor(Script &script)
{
	uint32_t slot = script.take<uint16_t>();
	bool table = slot & 0x8000;
	uint16_t where = script.take<uint16_t>();
	uint64_t addr = gpa_base + (where & 0x7ff0);
	uint32_t len = where & 1 ? 16 * (slot % 200) : script.take<uint16_t>();
	uint16_t flags = script.take<uint8_t>() & 7;
	uint16_t link = script.take<uint16_t>();
	bool packed = ring.layout == RTAP_LAYOUT_PACKED;
	if (packed)
		flags |= script.take<uint8_t>() & 1 ? 0x80 : 0x8000;
	slot = (slot & 0x7fff) % (table ? guest_bytes / 16 : ring.num);
	uint8_t *to = (table ? guest : desc).get() + slot * size_t{16};
	std::memcpy(to, &addr, 8);
	std::memcpy(to + 8, &len, 4);
	std::memcpy(to + (packed ? 12 : 14), &link, 2);
	std::memcpy(to + (packed ? 14 : 12), &flags, 2);
}

// Put a descriptor that is there where the device looks next: what is popped leads further than
// indices anywhere.
void Device::offer(Script &script)
{
	uint16_t slot = script.take<uint8_t>() % ring.num;
	if (ring.layout == RTAP_LAYOUT_PACKED) {
		uint8_t *from = desc.get() + slot * size_t{16};
		uint8_t *to = desc.get() + ring.last_avail * size_t{16};
		uint16_t flags;
		std::memcpy(&flags, from + 14, 2);
		flags = (flags & 7) | (ring.avail_wrap ? 0x80 : 0x8000);
		std::memmove(to, from, 16);
		std::memcpy(to + 14, &flags, 2);
		return;
	}
	uint16_t next = ring.last_avail + 1;
	std::memcpy(driver.get() + 4 + ring.last_avail % ring.num * size_t{2}, &slot, 2);
	std::memcpy(driver.get() + 2, &next, 2);
}

void Device::step(Script &script)
{
	switch (script.take<uint8_t>() % 18) {
	case 0:
	case 1:
	case 2:
		return pop(script.take<uint8_t>());
	case 3:
	case 4:
		return push(script);
	case 5:
		(void)rtap_ring_arm(&ring);
		return;
	case 6:
		(void)rtap_ring_disarm(&ring);
		return;
	case 7:
		(void)rtap_ring_should_signal(&ring);
		return;
	case 8:
		if (rtap_ring_pending(&ring) < 0 && ring.fault.kind == RTAP_RING_OK)
			fail();
		return;
	case 9: {
		size_t n = script.take<uint8_t>() % (in_flight.size() + 1);
		rtap_ring_unpop(&ring, in_flight.data() + (in_flight.size() - n),
				static_cast<uint32_t>(n));
		in_flight.resize(in_flight.size() - n);
		return;
	}
	case 10:
		rtap_ring_restore(&ring, rtap_ring_save(&ring));
		in_flight.clear();
		running = rtap_ring_start(&ring) == 0;
		return;
	case 11:
		return script.scribble(desc.get(), ring.desc.size);
	case 12:
		return script.scribble(driver.get(), ring.driver.size);
	case 13:
		return script.scribble(script.take<uint8_t>() & 1 ? device.get() : guest.get(),
				       ring.device.size < guest_bytes ? ring.device.size
								      : guest_bytes);
	case 14:
		rtap_shim_fault_after(script.take<uint8_t>());
		return;
	case 15:
	case 16:
		return offer(script);
	default:
		return write_descriptor(script);
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Script script(data, size);
	Device device(script);
	for (unsigned steps = 0; device.running && !script.done() && steps < 2000; steps++)
		device.step(script);
	return 0;
}
