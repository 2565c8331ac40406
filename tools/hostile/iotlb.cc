// SPDX-License-Identifier: GPL-2.0-or-later
// Device IOTLB: translations that never come, are taken back, lead nowhere, or are too many.
#include <chrono>
#include <fstream>
#include <thread>

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "guest/iommu.h"
#include "hostile/tests.h"

namespace ringtap {

namespace {

using Body = Result<Done> (*)(Rig &rig, const KernelLog &log);

constexpr uint64_t all = ~0ULL;
constexpr int moment_ms = 100;

Result<Done> on_rig(const RigOptions &options, Body body)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	KernelLog log = TRY(KernelLog::from_now());

	TRY(rig->honest());
	TRY(body(*rig, log));
	return expect_closed(std::move(rig));
}

// Bytes that this process has pinned.
Result<uint64_t> pinned()
{
	std::ifstream status("/proc/self/status");
	std::string word;
	uint64_t kib = 0;

	while (status >> word)
		if (word == "VmPin:" && status >> kib)
			return kib << 10;
	return fail(0, "read", "VmPin");
}

MemoryRegion identity(std::span<const uint8_t> bytes)
{
	auto at = reinterpret_cast<uintptr_t>(bytes.data());

	return {at, bytes.size(), at};
}

MemoryRegion lying_buffer(const Rig &rig)
{
	return {rig.buffer.guest, rig.buffer.size, reinterpret_cast<uintptr_t>(rig.buffer.user)};
}

Result<Done> take_back(const Rig &rig, const MemoryRegion &range)
{
	return Iommu::take_back(*rig.device, range.guest, range.size);
}

bool readable(const VhostDevice &device, int timeout_ms)
{
	pollfd wait{device.fd().get(), POLLIN, 0};

	return ::poll(&wait, 1, timeout_ms) == 1;
}

Result<vhost_iotlb_msg> next_question(const VhostDevice &device)
{
	if (!readable(device, Rig::deadline_ms))
		return fail(ETIMEDOUT, "see", "a question of the device's");

	vhost_msg_v2 msg = TRY(device.read_iotlb());

	TRY(expect(msg.type == VHOST_IOTLB_MSG_V2 && msg.iotlb.type == VHOST_IOTLB_MISS,
		   fmt::format("a miss, it is {}, {}", msg.type, unsigned(msg.iotlb.type))));
	return msg.iotlb;
}

Result<std::string> state(const Rig &rig)
{
	return TRY(DeviceStats::read()).text(rig.counter("state"));
}

// The frame waits at either side until what is missing is told.
Result<Done> offer_one(Rig &rig)
{
	RawDescriptor descriptor = rig.good();

	if (rig.sends())
		rig.write_frame(raw_frame(60, ++rig.serial));
	rig.ring->offer(std::span(&descriptor, 1));
	TRY(rig.notify());
	return rig.provoke();
}

// The pins are gone before write() returns, and there again once the ring is known again.
Result<Done> ring_taken_back(Rig &rig, const KernelLog &)
{
	MemoryRegion ring = identity(rig.ring->all());

	// Its ring is pinned when the worker comes to it.
	TRY(rig.other_works(1));

	uint64_t before = TRY(pinned());
	unsigned used = rig.ring->used();

	TRY(take_back(rig, ring));
	TRY(expect(TRY(state(rig)) == "missing", "the queue missing its ring"));
	TRY(expect(TRY(pinned()) < before, "the ring's pages no longer pinned"));
	TRY(offer_one(rig));

	vhost_iotlb_msg miss = TRY(next_question(*rig.device));

	TRY(expect(miss.iova == rig.ring->address().desc, "a question for the descriptors"));
	TRY(expect(miss.perm == (rig.options.layout == Layout::packed ? VHOST_ACCESS_RW
								      : VHOST_ACCESS_RO),
		   fmt::format("the right permission, it is {}", unsigned(miss.perm))));
	TRY(rig.other_works(10));
	TRY(Iommu::tell(*rig.device, ring));
	TRY(rig.wait_used(used + 1));
	TRY(expect(TRY(state(rig)) == "running", "the queue running"));
	TRY(expect(TRY(pinned()) == before, "the ring's pages pinned again"));
	return rig.honest();
}

Result<Done> buffer_taken_back(Rig &rig, const KernelLog &)
{
	unsigned used = rig.ring->used();

	TRY(take_back(rig, lying_buffer(rig)));
	TRY(offer_one(rig));

	vhost_iotlb_msg miss = TRY(next_question(*rig.device));

	TRY(expect(miss.iova == rig.buffer.guest, "a question for the buffer"));
	TRY(expect(miss.perm == (rig.sends() ? VHOST_ACCESS_RO : VHOST_ACCESS_WO),
		   fmt::format("the right permission, it is {}", unsigned(miss.perm))));
	TRY(expect(TRY(state(rig)) == "running", "the queue running"));
	TRY(expect(rig.ring->used() == used, "nothing done with the buffer"));
	TRY(rig.other_works(10));
	TRY(Iommu::tell(*rig.device, lying_buffer(rig)));
	TRY(rig.wait_used(used + 1));
	return rig.honest();
}

// Nobody answers, nobody reads: there is one question and no more, however often it is kicked.
Result<Done> never_told(Rig &rig, const KernelLog &)
{
	TRY(Iommu::take_back(*rig.device, 0, 0));
	TRY(offer_one(rig));
	for (int i = 0; i < 5000; i++)
		TRY(rig.notify());
	TRY(next_question(*rig.device));
	while (readable(*rig.device, moment_ms)) {
		auto other = TRY(rig.device->read_iotlb());

		// The other queue's one, if it was at work.
		TRY(expect(other.iotlb.iova != rig.ring->address().desc, "no question twice"));
	}

	// What was read is asked again a second later, and not before.
	auto begin = std::chrono::steady_clock::now();
	int again = 0, kicks = 0;

	for (; kicks < 200 || again == 0; kicks++) {
		TRY(rig.notify());
		if (readable(*rig.device, 10)) {
			TRY(rig.device->read_iotlb());
			again++;
		}
		TRY(expect(std::chrono::steady_clock::now() - begin <
				   std::chrono::milliseconds(Rig::deadline_ms),
			   "the question asked again"));
	}

	auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin);

	// Those of both queues.
	TRY(expect(
		again <= 2 * (seconds.count() + 1),
		fmt::format("{} questions in {} s for {} kicks", again, seconds.count(), kicks)));
	TRY(expect(TRY(state(rig)) == "missing", "the queue still missing its ring"));
	return rig.translate();
}

// SET_FEATURES empties the IOTLB and forgets questions. An answer to one of before is none.
Result<Done> features_meanwhile(Rig &rig, const KernelLog &)
{
	FeatureSet features = NetGuest::features({.queue = {.layout = rig.options.layout,
							    .event_idx = rig.options.event_idx,
							    .indirect_max = 2},
						  .mergeable = rig.options.mergeable,
						  .platform = true});
	unsigned used = rig.ring->used();

	TRY(take_back(rig, lying_buffer(rig)));
	TRY(offer_one(rig));
	TRY(next_question(*rig.device));
	TRY(rig.device->set_features(features));
	TRY(rig.translate());
	TRY(rig.wait_used(used + 1));
	return rig.honest();
}

// A question goes with the queue that had it.
Result<Done> detached_meanwhile(Rig &rig, const KernelLog &)
{
	TRY(take_back(rig, lying_buffer(rig)));
	TRY(offer_one(rig));
	TRY(expect(readable(*rig.device, Rig::deadline_ms), "a question"));
	TRY(rig.detach());
	TRY(expect(!readable(*rig.device, moment_ms), "no question once detached"));
	TRY(rig.translate());
	rig.ring->reset();
	TRY(rig.attach());
	return rig.honest();
}

// What may not be read, or written, is no buffer.
Result<Done> buffer_forbidden(Rig &rig, const KernelLog &log)
{
	TRY(take_back(rig, lying_buffer(rig)));
	TRY(Iommu::tell(*rig.device, lying_buffer(rig),
			rig.sends() ? VHOST_ACCESS_WO : VHOST_ACCESS_RO));
	TRY(offer_one(rig));
	TRY(expect_broken(rig, log, "buffer"));
	TRY(take_back(rig, lying_buffer(rig)));
	TRY(rig.translate());
	return expect_revived(rig, 1);
}

Result<Done> buffer_nowhere(Rig &rig, const KernelLog &log)
{
	MemoryRegion nowhere = TRY(Iommu::decoys(rig.memory))[1];

	TRY(take_back(rig, lying_buffer(rig)));
	nowhere.guest = rig.buffer.guest;
	TRY(Iommu::tell(*rig.device, nowhere));
	TRY(offer_one(rig));
	TRY(expect_broken(rig, log, "buffer"));
	TRY(take_back(rig, lying_buffer(rig)));
	TRY(rig.translate());
	return expect_revived(rig, 1);
}

Result<Done> ring_forbidden(Rig &rig, const KernelLog &log)
{
	MemoryRegion ring = identity(rig.ring->all());

	TRY(take_back(rig, ring));
	TRY(Iommu::tell(*rig.device, ring, VHOST_ACCESS_RO));
	TRY(offer_one(rig));
	TRY(expect_broken(rig, log, "fault"));
	TRY(take_back(rig, ring));
	TRY(rig.translate());
	return expect_revived(rig, 1);
}

// A ring that leads nowhere is one that cannot be pinned, and then one that is not there.
Result<Done> ring_nowhere(Rig &rig, const KernelLog &log)
{
	MemoryRegion ring = identity(rig.ring->all());
	MemoryRegion nowhere = TRY(Iommu::decoys(rig.memory))[2];

	TRY(take_back(rig, ring));
	nowhere.guest = ring.guest;
	nowhere.size = ring.size;
	TRY(Iommu::tell(*rig.device, nowhere));
	TRY(offer_one(rig));
	TRY(expect_broken(rig, log, "fault"));
	TRY(take_back(rig, ring));
	TRY(rig.translate());
	return expect_revived(rig, 1);
}

// Its words would not be in one piece.
Result<Done> ring_misaligned(Rig &rig, const KernelLog &log)
{
	MemoryRegion ring = identity(rig.ring->all());

	TRY(take_back(rig, ring));
	ring.user++;
	ring.size--;
	TRY(Iommu::tell(*rig.device, ring));
	TRY(offer_one(rig));
	TRY(expect_broken(rig, log, "fault"));
	TRY(take_back(rig, ring));
	TRY(rig.translate());
	return expect_revived(rig, 1);
}

// All at once and again, while frames are under way on both queues.
Result<Done> taken_back_meanwhile(Rig &rig, const KernelLog &)
{
	std::atomic<bool> failed = false;
	std::jthread owner([&](const std::stop_token &stop) {
		while (!stop.stop_requested() && !failed)
			failed = !Iommu::take_back(*rig.device, 0, 0) || !rig.translate();
	});

	for (int i = 0; i < 20; i++) {
		TRY(rig.honest());
		TRY(rig.other_works(10));
		TRY(rig.detach());
		rig.ring->reset();
		TRY(rig.attach());
	}
	owner.request_stop();
	owner.join();
	return expect(!failed, "all messages taken");
}

// As many as there is room for stay; the oldest go.
Result<Done> a_million(Rig &rig, const KernelLog &)
{
	MemoryRegion range = lying_buffer(rig);

	range.size = 4096;
	range.guest = 1ULL << 40;
	for (int i = 0; i < 1000000; i++, range.guest += range.size)
		TRY(Iommu::tell(*rig.device, range));
	// Those of everything, again and again.
	for (int i = 0; i < 5000; i++)
		for (uint64_t first : {0, 1})
			TRY(Iommu::tell(*rig.device, {first, all, 0}, 0));
	TRY(Iommu::take_back(*rig.device, 0, 0));
	TRY(rig.translate());
	return rig.honest();
}

Result<Done> refused(const VhostDevice &device, const MemoryRegion &range, int code)
{
	auto told = Iommu::tell(device, range);

	return expect(!told && told.error().code == code,
		      fmt::format("{} for [{:#x}, +{:#x}] at {:#x}", strerrorname_np(code),
				  range.guest, range.size, range.user));
}

Result<Done> no_ranges(Rig &rig, const KernelLog &)
{
	const VhostDevice &device = *rig.device;
	uint64_t user = lying_buffer(rig).user;

	TRY(refused(device, {0, 0, user}, EINVAL));
	TRY(refused(device, {all, 2, user}, EFAULT));
	TRY(refused(device, {1 << 20, all, user}, EFAULT));
	TRY(refused(device, {0, 4096, 1ULL << 63}, EFAULT));
	TRY(refused(device, {0, 4096, all}, EFAULT));
	TRY(refused(device, {0, 1ULL << 62, user}, EFAULT));
	// Taking back what never was, and what wraps around, which is everything.
	TRY(Iommu::take_back(device, 1ULL << 50, 4096));
	TRY(rig.honest());
	TRY(Iommu::take_back(device, all, 2));
	TRY(expect(TRY(state(rig)) == "missing", "everything taken back"));
	TRY(rig.translate());
	return rig.honest();
}

// What another process may do with a descriptor that it was given.
Result<Done> anyone_but_the_owner(Rig &rig, const KernelLog &)
{
	TRY(take_back(rig, lying_buffer(rig)));
	TRY(offer_one(rig));
	TRY(expect(readable(*rig.device, Rig::deadline_ms), "a question"));

	pid_t pid = ::fork();

	if (pid < 0)
		return fail(errno, "have", "a child");
	if (pid == 0) {
		auto told = Iommu::tell(*rig.device, lying_buffer(rig));
		auto read = rig.device->read_iotlb();

		::_exit(!told && told.error().code == EPERM && !read && read.error().code == EPERM
				? 0
				: 1);
	}

	int status = 0;

	::waitpid(pid, &status, 0);
	TRY(expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "EPERM for a child"));
	TRY(next_question(*rig.device));
	TRY(rig.translate());
	return rig.honest();
}

// A process that waits since before there was an owner: the owner's questions are not for it.
Result<Done> reader_since_before(RigOptions options)
{
	pid_t pid = -1;

	options.at_first = [&](const VhostDevice &device) -> Result<Done> {
		TRY(device.set_features({VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM}));
		pid = ::fork();
		if (pid == 0) {
			auto read = device.read_iotlb();

			::_exit(!read && read.error().code == EPERM ? 0 : 1);
		}
		return pid < 0 ? Result<Done>(fail(errno, "have", "a child")) : Done{};
	};

	std::unique_ptr<Rig> rig = TRY(Rig::open(options));
	int status = -1;

	TRY(take_back(*rig, lying_buffer(*rig)));
	TRY(offer_one(*rig));
	::waitpid(pid, &status, 0);
	TRY(next_question(*rig->device));
	TRY(rig->translate());
	TRY(rig->honest());
	return expect(status == 0, fmt::format("EPERM for the other reader ({:#x})", status));
}

// Who waits for a question is told when there will be none.
Result<Done> reader_waits(const std::string &node)
{
	VhostDevice device = TRY(VhostDevice::open(node));
	FeatureSet features;

	features.add(VIRTIO_F_VERSION_1);
	TRY(device.set_owner());

	FeatureSet platform = features;

	platform.add(VIRTIO_F_ACCESS_PLATFORM);
	TRY(device.set_features(platform));

	int code = 0;
	std::atomic<bool> ended = false;
	std::jthread reader([&] {
		auto read = device.read_iotlb();

		code = read ? 0 : read.error().code;
		ended = true;
	});

	::poll(nullptr, 0, moment_ms);
	TRY(expect(!ended, "the reader waiting"));
	TRY(device.set_features(features));
	reader.join();
	return expect(code == EBADFD, fmt::format("EBADFD, it is {}", code));
}

void add(Tests &tests, const RigOptions &options, const char *name, Body body, bool breaks = false)
{
	tests.push_back({test_name(options, name),
			 [options, body] { return on_rig(options, body); }, breaks});
}

} // namespace

void add_iotlb(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index}) {
			RigOptions options{
				.node = node, .layout = layout, .queue = queue, .platform = true};

			add(tests, options, "a ring taken back, and told again", ring_taken_back);
			add(tests, options, "a buffer taken back, and told again",
			    buffer_taken_back);
			add(tests, options, "IOTLB misses never read", never_told);
			add(tests, options, "features set anew before the answer",
			    features_meanwhile);
			add(tests, options, "a question whose queue is detached",
			    detached_meanwhile);
			add(tests, options, "a buffer without permission", buffer_forbidden, true);
			add(tests, options, "a buffer that leads nowhere", buffer_nowhere, true);
			add(tests, options, "a ring that may not be written", ring_forbidden, true);
			add(tests, options, "a ring that leads nowhere", ring_nowhere, true);
			add(tests, options, "a ring at an odd address", ring_misaligned, true);
			add(tests, options, "all taken back, under traffic, as it is attached",
			    taken_back_meanwhile);
		}
	}

	RigOptions options{.node = node, .platform = true};

	add(tests, options, "ranges that are none", no_ranges);
	add(tests, options, "messages of anyone but the owner", anyone_but_the_owner);
	add(tests, options, "a million IOTLB updates and [0, 2^64-1] ranges", a_million);
	tests.push_back({"who waits for a question since before there was an owner",
			 [options] { return reader_since_before(options); }});
	tests.push_back({"who waits for a question when there is no IOTLB any more",
			 [node] { return reader_waits(node); }});
}

} // namespace ringtap
