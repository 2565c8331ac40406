// SPDX-License-Identifier: GPL-2.0-or-later
// What a VMM changes on running rings: eventfds, ring addresses, the memory table.
#include <algorithm>
#include <cstring>
#include <thread>

#include <poll.h>

#include <fmt/format.h>

#include "hostile/tests.h"

namespace ringtap {

namespace {

// QEMU masks MSI-X vectors like this: whoever has the old eventfd hears nothing more.
Result<Done> call_swap(Rig &rig)
{
	EventFd other = TRY(EventFd::create());

	TRY(expect(TRY(rig.call.wait(Rig::deadline_ms)), "a signal on the first call eventfd"));
	TRY(rig.device->set_vring_call(rig.options.queue, other.get()));
	TRY(rig.call.drain());
	TRY(rig.honest());
	TRY(expect(TRY(other.wait(Rig::deadline_ms)), "a signal on the new call eventfd"));
	TRY(rig.device->set_vring_call(rig.options.queue, -1));
	TRY(other.drain());
	TRY(rig.honest());
	TRY(rig.device->set_vring_call(rig.options.queue, rig.call.get()));
	TRY(rig.honest());
	TRY(expect(TRY(other.drain()) == 0, "nothing on an eventfd that was taken away"));
	return expect(TRY(rig.call.wait(Rig::deadline_ms)), "a signal on the one put back");
}

// A kick eventfd that was signalled before it is given counts; one taken away does not.
Result<Done> kick_swap(Rig &rig)
{
	std::vector<uint8_t> frame = raw_frame(60, ++rig.serial);
	EventFd other = TRY(EventFd::create());
	unsigned used = rig.ring->used();
	RawDescriptor good = rig.good();

	TRY(rig.device->set_vring_kick(rig.options.queue, other.get()));
	rig.write_frame(frame);
	// Attaching a kick eventfd makes the device look once: let it, before there is something.
	TRY(rig.other_works(20));
	rig.ring->offer(std::span(&good, 1));
	TRY(rig.kick.signal());
	TRY(rig.other_works(50));
	TRY(expect(rig.ring->used() == used, "no answer to the kick eventfd taken away"));
	TRY(other.signal());
	TRY(rig.wait_used(used + 1));
	TRY(rig.expect_raw(frame));
	TRY(rig.device->set_vring_kick(rig.options.queue, rig.kick.get()));
	return rig.honest();
}

Result<Done> error_swap(Rig &rig)
{
	EventFd other = TRY(EventFd::create());
	RawDescriptor bad = rig.table_of(8);

	TRY(rig.device->set_vring_err(rig.options.queue, other.get()));
	rig.ring->offer(std::span(&bad, 1));
	TRY(rig.notify());
	TRY(rig.provoke());
	TRY(expect(TRY(other.wait(Rig::deadline_ms)), "the new error eventfd signalled"));
	return expect(TRY(rig.errors_signalled()) == 0, "nothing on the old error eventfd");
}

Result<Done> error_swap_test(const RigOptions &options)
{
	std::unique_ptr<Rig> rig = TRY(Rig::open(options));

	TRY(rig->honest());
	TRY(error_swap(*rig));
	return expect_closed(std::move(rig));
}

// QEMU does this when a migration starts. The ring goes on at its new place, exactly there.
Result<Done> address_swap(Rig &rig)
{
	for (RingPlace place : {RingPlace::mapped, RingPlace::secret, RingPlace::mapped}) {
		auto made = HostileRing::create(rig.options.layout, rig.options.ring, place);

		if (!made && place == RingPlace::secret)
			continue;
		HostileRing old = TRY(std::move(made));
		std::span<uint8_t> from = rig.ring->all();

		// The new ring gets all that the old one knows; the pages change places.
		std::memcpy(old.all().data(), from.data(), from.size());
		TRY(rig.device->set_vring_addr(rig.options.queue, old.address()));
		rig.ring->swap_memory(old);

		std::vector<uint8_t> before(old.all().begin(), old.all().end());

		for (int i = 0; i < 5; i++)
			TRY(rig.honest());
		TRY(expect(std::ranges::equal(old.all(), before), "the old ring left alone"));
	}
	return Done{};
}

// Addresses that cannot be: refused, and nothing changes.
Result<Done> address_swap_fails(Rig &rig)
{
	VringAddress odd = rig.ring->address();

	odd.device += 1;
	TRY(expect(!rig.device->set_vring_addr(rig.options.queue, odd), "an odd address refused"));
	odd.device = ~0ull << 12;
	TRY(expect(!rig.device->set_vring_addr(rig.options.queue, odd),
		   "a kernel address refused"));
	return rig.honest();
}

// The same memory, told in one, two or three regions, while both queues are busy.
Result<Done> table_swap(Rig &rig)
{
	std::vector<MemoryRegion> whole = rig.memory.regions(), cut;

	for (const MemoryRegion &region : whole) {
		uint64_t half = region.size / 8192 * 4096;

		cut.push_back({region.guest, half, region.user});
		cut.push_back({region.guest + half, region.size - half, region.user + half});
	}

	std::optional<Error> failed;
	unsigned swaps = 0;
	std::jthread swapper([&](std::stop_token stop) {
		while (!stop.stop_requested() && !failed) {
			for (auto &table : {whole, cut}) {
				auto done = rig.device->set_memory(table);

				if (!done)
					failed = done.error();
			}
			swaps++;
		}
	});

	for (int i = 0; i < 10; i++) {
		TRY(rig.other_works(50));
		TRY(rig.honest());
	}
	swapper.request_stop();
	swapper.join();
	if (failed)
		return fail(*failed);
	return expect(swaps > 0, "the memory table swapped at all");
}

// Attached and detached again and again, with traffic on the other queue; frames are not lost.
Result<Done> restarts(Rig &rig)
{
	for (int i = 0; i < 20; i++) {
		TRY(rig.detach());
		rig.ring->reset();
		TRY(rig.attach());
		TRY(rig.honest());
		TRY(rig.other_works(5));
	}
	return Done{};
}

} // namespace

void add_running(Tests &tests, const std::string &node)
{
	auto add = [&](const RigOptions &options, const char *name, auto run) {
		tests.push_back({test_name(options, name), run});
	};

	for (Layout layout : {Layout::split, Layout::packed})
		for (unsigned queue : {NetGuest::rx_index, NetGuest::tx_index}) {
			RigOptions options{.node = node, .layout = layout, .queue = queue};
			auto with = [&](RigTest body) {
				return [=] { return on_rig(options, body); };
			};

			add(options, "call eventfd swapped", with(call_swap));
			if (queue == NetGuest::tx_index)
				add(options, "kick eventfd swapped", with(kick_swap));
			add(options, "ring addresses swapped", with(address_swap));
			add(options, "ring addresses that are refused", with(address_swap_fails));
			add(options, "memory table swapped under traffic", with(table_swap));
			add(options, "attached and detached twenty times", with(restarts));
			add(options, "error eventfd swapped",
			    [=] { return error_swap_test(options); });
		}
}

} // namespace ringtap
