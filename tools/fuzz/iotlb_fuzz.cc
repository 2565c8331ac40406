// SPDX-License-Identifier: GPL-2.0-or-later
// LibFuzzer target: a VMM that says anything to the device IOTLB, and queues that look and ask
//
// Translations that wrap, overlap, lack permission or memory; looked up in windows, in pieces and
// one by one; taken back; questions that are read, answered, replaced and taken back. A model
// that keeps everything in a list says what must come of it.
#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "access_log.h"
#include "script.h"
#include "states.h"

extern "C" {
#include "area.h"
#include "iotlb.h"
#include "mem.h"
}
#include "shim.h"

using namespace ringtap::fuzz;

namespace {

struct Entry {
	uint64_t first, last, uaddr;
	uint8_t perm;

	bool has(uint64_t iova) const { return first <= iova && iova <= last; }
};

struct Question {
	uint64_t iova;
	uint8_t perm;
	rtap_iotlb_question state = RTAP_IOTLB_NONE;
};

class Device {
public:
	Device();
	~Device();
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;
	Device(Device &&) = delete;
	Device &operator=(Device &&) = delete;
	void step(Script &script);

private:
	uint64_t address(Script &script);
	const Entry *find(uint64_t iova) const;
	bool told(uint64_t iova, uint64_t uaddr, uint8_t perm) const;
	void keep(const Entry &entry);
	void expect_miss(uint64_t iova, uint8_t perm) const;

	void start(Script &script);
	void add(Script &script);
	void remove(Script &script);
	void translate(Script &script);
	void gather(Script &script);
	void ask(Script &script);
	void read(Script &script);
	void look();

	rtap_iotlb iotlb_{};
	rtap_mem_view view_{};
	bool on_ = false;
	std::vector<Entry> entries_; // as they are looked up, the oldest first
	std::vector<Entry> valid_;   // those that went for new ones, too: windows may have them
	std::array<Question, RTAP_IOTLB_ASKERS> questions_{};
};

Device::Device()
{
	rtap_shim_user_reset();
	rtap_iotlb_init(&iotlb_);
	rtap_mem_view_set_iotlb(&view_, &iotlb_);
}

Device::~Device()
{
	rtap_iotlb_stop(&iotlb_);
	rtap_shim_user_reset();
}

// Few pages, so that they meet; and what is at the ends of everything.
uint64_t Device::address(Script &script)
{
	uint8_t how = script.byte();
	uint64_t off = how >> 6 == 3 ? script.byte() << 4 : (how >> 6) - uint64_t{1};

	switch (how & 15) {
	case 0:
		return how >> 6;
	case 1:
		return ~uint64_t{0} - (how >> 6);
	case 2:
		return (uint64_t{1} << 63) + off;
	case 3:
		return script.take<uint64_t>();
	default:
		return ((how & 7) + uint64_t{1}) * 0x1000 + off;
	}
}

const Entry *Device::find(uint64_t iova) const
{
	const Entry *found = nullptr;

	for (const Entry &e : entries_)
		if (e.has(iova) && (!found || e.first < found->first))
			found = &e;
	return found;
}

bool Device::told(uint64_t iova, uint64_t uaddr, uint8_t perm) const
{
	return std::ranges::any_of(valid_, [&](const Entry &e) {
		return e.has(iova) && (e.perm & perm) == perm &&
		       e.uaddr + (iova - e.first) == uaddr;
	});
}

void Device::keep(const Entry &entry)
{
	if (entries_.size() == RTAP_IOTLB_ENTRIES)
		entries_.erase(entries_.begin());
	entries_.push_back(entry);
	valid_.push_back(entry);
}

void Device::expect_miss(uint64_t iova, uint8_t perm) const
{
	const Entry *entry = on_ ? find(iova) : nullptr;

	if (entry && (entry->perm & perm) == perm)
		fail("what was told is not found");
	if (entry ? view_.miss.perm != 0 : view_.miss.perm != perm || view_.miss.iova != iova)
		fail("a miss is a violation, or the other way round");
}

void Device::start(Script &script)
{
	uint8_t how = script.byte();

	if (how & 1) {
		rtap_iotlb_stop(&iotlb_);
		on_ = false;
	} else {
		rtap_shim_alloc_fail_after(how & 2 ? 0 : -1);
		int err = rtap_iotlb_start(&iotlb_);
		rtap_shim_alloc_fail_after(-1);
		if (err != (how & 2 ? -ENOMEM : 0))
			fail("an IOTLB begins without memory, or does not with it");
		if (err)
			return;
		on_ = true;
	}
	rtap_mem_view_forget(&view_, 0, ~uint64_t{0});
	entries_.clear();
	valid_.clear();
	questions_ = {};
}

void Device::add(Script &script)
{
	uint8_t how = script.byte();
	uint64_t iova = address(script), uaddr = address(script);
	uint64_t size = how & 4 ? address(script) : (how >> 4) * 0x800ULL;
	uint8_t perm = how & 3;
	uint64_t last = iova + size - 1, half = ~uint64_t{0} / 2;
	uint32_t answered = 0, wanted = 0;
	bool fails = (how & 8) != 0;

	rtap_shim_alloc_fail_after(fails ? 0 : -1);
	int err = rtap_iotlb_add(&iotlb_, iova, size, uaddr, perm, &answered);
	rtap_shim_alloc_fail_after(-1);
	if (!on_ || last < iova) {
		if (err != -EFAULT || answered)
			fail("a range that is none is taken");
		return;
	}
	if (err != (fails ? -ENOMEM : 0))
		fail("the wrong answer to a translation");
	if (err)
		return;
	if (iova == 0 && last == ~uint64_t{0}) {
		keep({0, half, uaddr, perm});
		keep({half + 1, last, uaddr + half + 1, perm});
	} else {
		keep({iova, last, uaddr, perm});
	}
	for (unsigned i = 0; i < questions_.size(); i++)
		if (questions_[i].state != RTAP_IOTLB_NONE && iova <= questions_[i].iova &&
		    questions_[i].iova <= last) {
			questions_[i].state = RTAP_IOTLB_NONE;
			wanted |= 1U << i;
		}
	if (answered != wanted)
		fail("others are woken than those who asked");
}

void Device::remove(Script &script)
{
	uint64_t first = address(script), last = address(script);

	if (last < first)
		std::swap(first, last);
	rtap_iotlb_remove(&iotlb_, first, last);
	rtap_mem_view_forget(&view_, first, last);
	for (auto *list : {&entries_, &valid_})
		std::erase_if(*list,
			      [&](const Entry &e) { return e.first <= last && first <= e.last; });
}

void Device::translate(Script &script)
{
	uint8_t how = script.byte();
	uint64_t iova = address(script);
	uint32_t len = script.take<uint16_t>() + 1, chunk = 0;
	rtap_mem_access access = how & 1 ? RTAP_MEM_WRITE : RTAP_MEM_READ;
	uint8_t perm = how & 1 ? VHOST_MAP_WO : VHOST_MAP_RO;

	view_.miss.perm = 0;

	void *at = rtap_mem_translate(&view_, access, iova, len, &chunk);
	auto uaddr = reinterpret_cast<uint64_t>(at);

	// A translation to address 0 looks like none, and nothing is there to be read or written.
	if (!at && !view_.miss.perm && told(iova, 0, perm))
		return;
	if (!at)
		return expect_miss(iova, perm);
	if (!chunk || chunk > len || !told(iova, uaddr, perm) ||
	    !told(iova + chunk - 1, uaddr + chunk - 1, perm))
		fail("an address that nobody told");
}

void Device::gather(Script &script)
{
	std::array<rtap_piece, 3> pieces{};
	uint64_t iova = address(script), at = iova;
	size_t size = script.take<uint16_t>() + 1;
	uint8_t perm = script.byte() % 3 + 1;
	int nr = rtap_mem_gather(&view_, perm, iova, size, pieces.data(), pieces.size());

	if (nr == -E2BIG)
		return;
	if (nr == -EFAULT) {
		if (view_.miss.perm)
			expect_miss(view_.miss.iova, perm);
		return;
	}
	if (nr <= 0 || nr > 3)
		fail("pieces of nothing");
	for (int i = 0; i < nr; at += pieces[i].size, i++) {
		if (!told(at, pieces[i].uaddr, perm) ||
		    !told(at + pieces[i].size - 1, pieces[i].uaddr + pieces[i].size - 1, perm))
			fail("a piece that nobody told");
		if (i && pieces[i - 1].uaddr + pieces[i - 1].size == pieces[i].uaddr)
			fail("two pieces that are one");
	}
	if (at - iova != size)
		fail("pieces do not add up");
}

void Device::ask(Script &script)
{
	uint8_t how = script.byte();
	unsigned asker = how & 1;
	Question &q = questions_[asker];
	rtap_iotlb_miss miss{address(script), uint8_t(how % 3 + 1)};
	unsigned wakes = iotlb_.wait.wakes;

	if (how & 128) {
		rtap_iotlb_forget(&iotlb_, asker);
		q.state = RTAP_IOTLB_NONE;
		return;
	}
	bool asked = rtap_iotlb_ask(&iotlb_, asker, &miss);
	bool fresh = q.state == RTAP_IOTLB_NONE || q.iova != miss.iova || q.perm != miss.perm;
	bool there = on_ && find(miss.iova);

	if (asked == there)
		fail("asked for what is there, or not for what is not");
	if (there || !on_)
		q.state = RTAP_IOTLB_NONE;
	else if (fresh)
		q = {miss.iova, miss.perm, RTAP_IOTLB_UNREAD};
	if ((iotlb_.wait.wakes != wakes) != (on_ && !there && fresh))
		fail("the reader is not woken, or for nothing");
}

void Device::read(Script &script)
{
	rtap_iotlb_miss miss{};
	int asker = rtap_iotlb_next(&iotlb_, &miss), wanted = -EAGAIN;

	for (int i = RTAP_IOTLB_ASKERS - 1; i >= 0; i--)
		if (questions_[i].state == RTAP_IOTLB_UNREAD)
			wanted = i;
	if (asker != wanted)
		fail("the wrong question is read");
	if (asker < 0)
		return;
	Question &q = questions_[asker];
	if (miss.iova != q.iova || miss.perm != q.perm)
		fail("another question than was asked is read");
	q.state = RTAP_IOTLB_READ;
	if (script.byte() & 1) {
		rtap_iotlb_unread(&iotlb_, asker);
		q.state = RTAP_IOTLB_UNREAD;
	}
}

void Device::look()
{
	bool unread = std::ranges::any_of(
		questions_, [](const Question &q) { return q.state == RTAP_IOTLB_UNREAD; });

	if (rtap_iotlb_on(&iotlb_) != on_ || rtap_iotlb_has_unread(&iotlb_) != unread)
		fail("an IOTLB is not what was made of it");
	if (on_ && iotlb_.tree->nmaps != entries_.size())
		fail("an IOTLB has more than it was told, or less");
}

void Device::step(Script &script)
{
	states().verbs++;
	switch (script.byte() % 16) {
	case 0:
		start(script);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		add(script);
		break;
	case 5:
	case 6:
		remove(script);
		break;
	case 7:
	case 8:
		gather(script);
		break;
	case 9:
	case 10:
		ask(script);
		break;
	case 11:
		read(script);
		break;
	default:
		translate(script);
	}
	look();
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	count_states("iotlb_fuzz");
	return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	states().inputs++;
	Script script(data, size);
	Device device;
	for (unsigned steps = 0; !script.done() && steps < 2000; steps++)
		device.step(script);
	return 0;
}
