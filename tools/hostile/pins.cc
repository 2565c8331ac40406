// SPDX-License-Identifier: GPL-2.0-or-later
// Pinned pages: what a ring takes is the owner's VmPin, and what could not stay pinned is let go.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hostile/fuse_file.h"
#include "hostile/tests.h"

namespace ringtap {

namespace {

constexpr uint64_t page = 4096;

Result<uint64_t> pinned()
{
	return kilobytes("/proc/self/status", "VmPin");
}

uint64_t pages_of(uint64_t address, uint64_t size)
{
	return (address + size - 1) / page - address / page + 1;
}

// What the three parts of a ring take, of which each is pinned by itself. The sizes are those of the
// virtio specification, 2.7 and 2.8, with the words that EVENT_IDX adds only where it is negotiated.
uint64_t ring_pages(const HostileRing &ring)
{
	VringAddress at = ring.address();
	uint64_t n = ring.size();

	if (ring.layout() == Layout::packed)
		return pages_of(at.desc, 16 * n) + pages_of(at.driver, 4) + pages_of(at.device, 4);
	return pages_of(at.desc, 16 * n) + pages_of(at.driver, 4 + 2 * n) +
	       pages_of(at.device, 4 + 8 * n);
}

// With the device itself all of it goes, that of the other queue too.
Result<Done> nothing_after_close(Rig &rig)
{
	rig.device.reset();
	for (int ms = 0; TRY(pinned()) != 0; ms++) {
		if (ms == Rig::deadline_ms)
			return fail(ETIMEDOUT, "see", "nothing pinned after close");
		::poll(nullptr, 0, 1);
	}
	return Done{};
}

Result<Done> pins_are_shown(const RigOptions &options)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	uint64_t ours = ring_pages(*rig->ring) * page, with = TRY(pinned());

	for (int i = 0; i < 3; i++) {
		TRY(rig->detach());

		uint64_t without = TRY(pinned());

		TRY(expect(with - without == ours,
			   fmt::format("{} bytes pinned by the ring, there are {}", ours,
				       with - without)));
		rig->ring->reset();
		TRY(rig->attach());
		TRY(expect(TRY(pinned()) == with, "as much pinned as before"));
	}
	return nothing_after_close(*rig);
}

// The page frame behind an address, as proc(5) has it.
uint64_t frame_number(const void *at)
{
	auto pagemap = Fd::open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (!pagemap || ::pread(pagemap->get(), &entry, sizeof(entry),
				off_t(reinterpret_cast<uintptr_t>(at) / page * sizeof(entry))) < 0)
		return 0;
	return entry & ((1ull << 55) - 1);
}

// Whether an anonymous page is pinned: a child that is forked has a copy of it at once, and shares others.
Result<bool> is_pinned(const void *at)
{
	uint64_t ours = frame_number(at), theirs = 0;
	int ends[2];

	if (!ours)
		return fail(ENOTSUP, "find", "a page's frame", "/proc/self/pagemap does not tell");
	if (::pipe2(ends, O_CLOEXEC) < 0)
		return fail(errno, "make", "a pipe");

	Fd reader(ends[0]), writer(ends[1]);
	pid_t pid = ::fork();

	if (pid == 0) {
		theirs = frame_number(at);
		(void)!::write(writer.get(), &theirs, sizeof(theirs));
		::_exit(0);
	}

	bool told = pid > 0 && ::read(reader.get(), &theirs, sizeof(theirs)) == sizeof(theirs);

	if (pid > 0)
		::waitpid(pid, nullptr, 0);
	TRY(expect(told, "a child tell of its memory"));
	return theirs != ours;
}

// One page of the descriptors is in a file, which may not be pinned for long; the rest may.
Result<Done> partly_in_a_file(const RigOptions &options, bool first)
{
	// The server has a copy of every descriptor that there is: not of the device's.
	std::shared_ptr<FuseFile> file = TRY(FuseFile::make(FuseFile::Server::process));
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	std::span<uint8_t> area = rig->ring->desc_area();
	uint8_t *in_file = first ? area.data() : area.data() + area.size() - page;
	uint8_t *anonymous = area.data() + area.size() / 2;
	uint8_t *other_area = rig->ring->driver_area().data();
	uint64_t all = ring_pages(*rig->ring) * page, with = TRY(pinned());

	TRY(rig->honest());
	TRY(expect(TRY(is_pinned(anonymous)), "the descriptors pinned"));
	TRY(rig->detach());
	TRY(file->supply());
	TRY(file->map(in_file, true));
	for (int i = 0; i < 3; i++) {
		uint64_t none = TRY(pinned());

		TRY(expect(with - none == all, "what the ring had let go of"));
		rig->ring->reset();
		TRY(rig->attach());
		TRY(expect(TRY(pinned()) - none == all - area.size(),
			   fmt::format("{} bytes pinned without the descriptors, there are {}",
				       all - area.size(), TRY(pinned()) - none)));
		TRY(expect(!TRY(is_pinned(anonymous)), "no page of the descriptors pinned"));
		TRY(expect(TRY(is_pinned(other_area)), "another part of the ring pinned"));
		for (int n = 0; n < 5; n++)
			TRY(rig->honest());
		TRY(rig->detach());
		TRY(expect(TRY(pinned()) == none, "as much pinned as before it was attached"));
	}
	TRY(expect(!TRY(is_pinned(other_area)), "nothing of the ring pinned"));
	return nothing_after_close(*rig);
}

} // namespace

void add_pins(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		for (unsigned size : {16, 1024, 32768}) {
			RigOptions options{.node = node, .layout = layout, .ring = size};
			std::string name = fmt::format(
				"VmPin has a ring of {} while it is attached", size);

			tests.push_back({test_name(options, name.c_str()),
					 [=] { return pins_are_shown(options); }});
		}
		for (bool first : {true, false}) {
			RigOptions options{.node = node, .layout = layout, .ring = 1024};
			std::string name = fmt::format("a ring whose {} page may not be pinned",
						       first ? "first" : "last");

			tests.push_back({test_name(options, name.c_str()),
					 [=] { return partly_in_a_file(options, first); }});
		}
	}
}

} // namespace ringtap
