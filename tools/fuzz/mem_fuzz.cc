// SPDX-License-Identifier: GPL-2.0-or-later
// LibFuzzer target: a VMM that says anything about guest memory and ring memory
//
// Tables of regions that wrap, overlap and lie, made with allocations that fail; translations
// and copies at their edges, through views that outlive tables; areas of ring memory, some of
// whose pages cannot be pinned or mapped.
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "access_log.h"
#include "script.h"
#include "states.h"

extern "C" {
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/vhost_types.h>

#include "area.h"
#include "area_map.h"
#include "mem.h"
}
#include "shim.h"

using namespace ringtap::fuzz;

namespace {

constexpr size_t host_bytes = 16 * PAGE_SIZE;
constexpr uint64_t half = ~uint64_t{0} / 2;

// First to last byte, as a last of all ones has no size that fits.
struct Range {
	uint64_t first, last, uaddr;
};

class Memory {
public:
	Memory();
	~Memory();
	Memory(const Memory &) = delete;
	Memory &operator=(const Memory &) = delete;
	Memory(Memory &&) = delete;
	Memory &operator=(Memory &&) = delete;
	void step(Script &script);

private:
	struct Table {
		rtap_mem *mem = nullptr;
		std::vector<Range> ranges;
	};
	struct View {
		rtap_mem_view view{};
		std::vector<Range> ranges;
	};

	uint64_t edge(Script &script);
	void create(Script &script);
	void translate(Script &script);
	void copy(Script &script);
	void map(Script &script);
	void map_pieces(Script &script);
	void copy_pieces(Script &script, rtap_area &area, const std::vector<rtap_piece> &pieces);
	void set_view(Script &script);
	uint64_t host() const { return reinterpret_cast<uint64_t>(host_.get()); }

	struct Free {
		void operator()(uint8_t *p) const { std::free(p); }
	};
	std::unique_ptr<uint8_t, Free> host_;
	AccessLog log_;
	std::array<Table, 2> tables_;
	std::array<View, 2> views_;
};

Memory::Memory() : host_(static_cast<uint8_t *>(std::aligned_alloc(PAGE_SIZE, host_bytes)))
{
	if (!host_)
		fail("there is no memory");
	rtap_shim_user_reset();
	rtap_shim_user_add(host_.get(), host_bytes);
}

Memory::~Memory()
{
	for (View &v : views_)
		rtap_mem_view_set(&v.view, nullptr);
	for (Table &t : tables_)
		rtap_mem_put(t.mem);
	rtap_shim_user_reset();
}

// Where something begins or ends, or one byte off it.
uint64_t Memory::edge(Script &script)
{
	uint8_t how = script.byte();
	uint64_t near = how >> 6 == 3 ? ~uint64_t{0} : (how >> 6) - uint64_t{1};
	if (how >> 6 == 0)
		near = 0;
	switch (how & 7) {
	case 0:
		return near;
	case 1:
		return half + near;
	case 2:
		return script.take<uint64_t>();
	case 3:
		return 0x10000 + near;
	case 4:
		return 0x10000 + script.take<uint16_t>();
	case 5:
		return ~uint64_t{0} - script.byte();
	default:
		return 0x10000 + (how >> 3 & 7) * 0x1000 + near;
	}
}

// Refused as stock refuses: what wraps, what is empty; but not the whole address space.
bool ranges_of(const std::vector<vhost_memory_region> &regions, std::vector<Range> &ranges)
{
	for (const vhost_memory_region &r : regions) {
		uint64_t first = r.guest_phys_addr, last = first + r.memory_size - 1;
		if (last < first)
			return false;
		ranges.push_back({first, last, r.userspace_addr});
	}
	return true;
}

void Memory::create(Script &script)
{
	Table &table = tables_[script.byte() & 1];
	std::vector<vhost_memory_region> regions(script.byte() % 9);
	for (vhost_memory_region &r : regions) {
		uint8_t how = script.byte();
		r.guest_phys_addr = edge(script);
		r.memory_size = how & 1 ? script.take<uint16_t>() : edge(script);
		r.userspace_addr = how & 2 ? edge(script) : host() + script.take<uint16_t>();
	}
	uint8_t trouble = script.byte();
	rtap_shim_alloc_fail_after(trouble & 1 ? trouble >> 1 & 15 : -1);
	auto nr = static_cast<uint32_t>(regions.size());
	if (trouble == 0xfe)
		nr = RTAP_MEM_REGIONS_MAX + 1; // refused before the first is looked at
	rtap_mem *mem = rtap_mem_create(regions.data(), nr);
	rtap_shim_alloc_fail_after(-1);
	std::vector<Range> ranges;
	long want = ranges_of(regions, ranges) ? 0 : -EFAULT;
	if (nr > RTAP_MEM_REGIONS_MAX)
		want = -E2BIG;
	long got = IS_ERR(mem) ? PTR_ERR(mem) : 0;
	if (got != want && !(trouble & 1 && got == -ENOMEM))
		fail("a table is taken, or refused, that should not be");
	if (got)
		return;
	rtap_mem_put(table.mem);
	table = {mem, ranges};
}

void Memory::set_view(Script &script)
{
	uint8_t which = script.byte();
	View &view = views_[which & 1];
	Table &table = tables_[which >> 1 & 1];
	if (which & 4) { // the views may be the last to know it
		rtap_mem_put(table.mem);
		table = {};
		return;
	}
	rtap_mem_view_set(&view.view, table.mem);
	view.ranges = table.ranges;
}

// Whether a region says that len bytes at gpa, and not one more unless it was not asked for, are
// at host. The whole address space may be told in two halves.
bool is_said(const std::vector<Range> &ranges, uint64_t gpa, uint64_t host, uint64_t len,
	     uint64_t asked)
{
	for (const Range &r : ranges) {
		if (gpa < r.first || gpa > r.last || r.uaddr + (gpa - r.first) != host)
			continue;
		uint64_t more = r.last - gpa; // bytes behind the first
		if (r.first == 0 && r.last == 2 * half + 1 && gpa <= half)
			more = half - gpa;
		if (len == asked ? more >= len - 1 : more == len - 1)
			return true;
	}
	return false;
}

// Whether a region has it. One that says it is at NULL may as well not: nothing is there.
bool is_known(const std::vector<Range> &ranges, uint64_t gpa)
{
	bool known = false;
	for (const Range &r : ranges) {
		if (gpa < r.first || gpa > r.last)
			continue;
		if (r.uaddr + (gpa - r.first) == 0)
			return false;
		known = true;
	}
	return known;
}

void Memory::translate(Script &script)
{
	View &v = views_[script.byte() & 1];
	uint64_t gpa = edge(script);
	uint32_t len = script.byte() & 1 ? ~0U - script.byte() : script.take<uint16_t>() + 1U;
	uint32_t chunk = 0;
	log_.begin("translate", 0);
	auto at = reinterpret_cast<uint64_t>(
		rtap_mem_translate(&v.view, RTAP_MEM_READ, gpa, len, &chunk));
	if (!chunk) {
		if (at || is_known(v.ranges, gpa))
			fail("an address is not found");
		return;
	}
	if (chunk > len || !is_said(v.ranges, gpa, at, chunk, len))
		fail("an address is translated to what no region says");
}

void Memory::copy(Script &script)
{
	uint8_t how = script.byte();
	View &v = views_[how & 1];
	uint64_t gpa = edge(script);
	uint32_t len = script.take<uint16_t>();
	bool write = how & 2;
	if (how & 4)
		rtap_shim_fault_after(script.byte() % 8);
	std::vector<uint8_t> bytes(len, 0xa5);
	log_.begin(write ? "write" : "read", len + size_t{1});
	int got = write ? rtap_mem_write(&v.view, gpa, bytes.data(), len)
			: rtap_mem_read(&v.view, gpa, bytes.data(), len);
	rtap_shim_fault_after(-1);
	size_t done = 0;
	bool faulted = false;
	for (const Access &a : log_.accesses()) {
		auto at = reinterpret_cast<uint64_t>(a.at);
		if (faulted || a.store != write ||
		    !is_said(v.ranges, gpa + done, at, a.len, len - done))
			fail("a copy goes where no region says");
		faulted = a.faulted;
		if (!faulted && std::memcmp(log_.bytes(a), bytes.data() + done, a.len) != 0)
			fail("a copy of the wrong bytes");
		done += faulted ? 0 : a.len;
	}
	if (!faulted && done < len && is_known(v.ranges, gpa + done))
		fail("a copy stops too early");
	if (got != (done == len ? 0 : -EFAULT))
		fail("the wrong answer");
}

void Memory::map(Script &script)
{
	uint8_t how = script.byte();
	uint64_t at = script.take<uint16_t>() % (host_bytes + 2 * PAGE_SIZE);
	size_t size = script.take<uint16_t>() % (4 * PAGE_SIZE) + 1;
	mm_struct mm{};
	rtap_area area{};
	// where an area lies that has 16 pages of user memory, or none behind them
	rtap_shim_pages_reset(how & 1 ? how >> 4 & 3 : -1, how & 2);
	rtap_shim_pages_in_file(how & 8 ? how >> 6 : -1);
	rtap_shim_alloc_fail_after(how & 4 ? how >> 6 & 1 : -1);
	log_.begin("map", 2 + size / PAGE_SIZE);
	rtap_piece piece{host() + at, size};
	int got = rtap_area_map(&area, &mm, &piece, 1);
	rtap_shim_alloc_fail_after(-1);
	if (got && (got != -ENOMEM || !(how & 4)))
		fail("the wrong answer");
	bool mapped = !got && area.kaddr;
	long pages = static_cast<long>((at + size - 1) / PAGE_SIZE - at / PAGE_SIZE) + 1;
	bool can = at + size <= host_bytes && !(how & 1 && (how >> 4 & 3) < pages) &&
		   !(how & 8 && how >> 6 < pages);
	if (!got && mapped != can)
		fail("memory is mapped that cannot be pinned, or is not that can");
	if (mapped && area.kaddr != host_.get() + at)
		fail("memory is mapped elsewhere");
	if (rtap_shim_pins() != (mapped ? pages : 0) || mm.pinned_vm.counter != rtap_shim_pins())
		fail("pins do not add up");
	if (!got && (area.size != size || reinterpret_cast<uint64_t>(area.uaddr) != host() + at))
		fail("an area is not as large as asked for");
	if (!got)
		rtap_area_unmap(&area, &mm);
	if (rtap_shim_pins() || rtap_shim_vmaps() || mm.pinned_vm.counter || area.pages)
		fail("something is left of an area");
}

// What is written to an area in pieces is where they say, and read back from there.
void Memory::copy_pieces(Script &script, rtap_area &area, const std::vector<rtap_piece> &pieces)
{
	size_t off = script.take<uint16_t>() % area.size, len = script.byte();
	std::vector<uint8_t> out(len), in(len);
	size_t from = 0, end = off + len;

	for (uint8_t &byte : out)
		byte = script.byte();
	log_.begin("copy pieces", 2 * pieces.size() + 2);
	int wrote = rtap_area_write(&area, off, out.data(), len);
	int read = rtap_area_read(&area, off, in.data(), len);
	if (wrote != read || wrote != (end <= area.size ? 0 : -EFAULT))
		fail("the wrong answer to a copy");
	if (wrote)
		return;
	if (in != out)
		fail("what was written is not read back");
	for (const rtap_piece &piece : pieces) {
		for (size_t at = std::max(off, from); at < std::min(end, from + piece.size); at++)
			if (host_.get()[piece.uaddr - host() + at - from] != out[at - off])
				fail("bytes are written elsewhere");
		from += piece.size;
	}
}

void Memory::map_pieces(Script &script)
{
	uint8_t how = script.byte();
	std::vector<rtap_piece> pieces(how % 3 + 2);
	mm_struct mm{};
	rtap_area area{};
	bool joins = true;
	size_t page = 0;

	// Behind each other with a hole between, so that none is written twice.
	for (rtap_piece &piece : pieces) {
		piece = {host() + page * PAGE_SIZE, PAGE_SIZE};
		page += 2 + script.byte() % 2;
	}
	pieces.front().uaddr += script.byte() * 2;
	pieces.front().size -= pieces.front().uaddr - host();
	if (how & 64) {
		pieces.back().uaddr += 2;
		pieces.back().size -= 2;
		joins = false;
	}
	pieces.back().size -= script.byte();
	rtap_shim_pages_reset(0, 0);
	rtap_shim_alloc_fail_after(how & 128 ? how >> 5 & 1 : -1);
	log_.begin("map pieces", 2 * pieces.size());
	int got = rtap_area_map(&area, &mm, pieces.data(), pieces.size());
	rtap_shim_alloc_fail_after(-1);
	if (got != (!joins ? -EFAULT : how & 128 ? -ENOMEM : 0))
		fail("pieces are put together that do not join, or are not that do");
	if (!got)
		copy_pieces(script, area, pieces);
	rtap_area_unmap(&area, &mm);
	if (rtap_shim_pins() || mm.pinned_vm.counter || area.pieces)
		fail("something is left of an area in pieces");
}

void Memory::step(Script &script)
{
	states().verbs++;
	switch (script.byte() % 8) {
	case 0:
		return create(script);
	case 1:
		return set_view(script);
	case 2:
	case 3:
	case 4:
		return translate(script);
	case 5:
		return map(script);
	case 7:
		return map_pieces(script);
	default:
		return copy(script);
	}
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	count_states("mem_fuzz");
	return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	states().inputs++;
	Script script(data, size);
	Memory memory;
	for (unsigned steps = 0; !script.done() && steps < 500; steps++)
		memory.step(script);
	return 0;
}
