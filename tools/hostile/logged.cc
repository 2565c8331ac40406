// SPDX-License-Identifier: GPL-2.0-or-later
// Sets a device up that logs, has it write, and tells what it has written.
#include "hostile/logged.h"

#include <chrono>
#include <cstring>

#include <poll.h>

#include <fmt/format.h>

#include "guest/iommu.h"
#include "guest/traffic.h"
#include "hostile/rig.h"

namespace ringtap {

namespace {

constexpr uint64_t page_size = 4096; // of the log, whatever it is here
// With IOVAs, guest physical memory is elsewhere: who logs an IOVA sets a wrong bit.
constexpr uint64_t physical_shift = 1ULL << 30;

uint64_t page_of(uint64_t guest)
{
	return guest / page_size;
}

} // namespace

Result<std::unique_ptr<Logged>> Logged::open(const LoggedOptions &options)
{
	std::unique_ptr<Logged> logged(
		new Logged(options, TRY(DirtyLog::create(2 * physical_shift, options.skew))));

	TRY(logged->make_guest());
	TRY(logged->start());
	return logged;
}

NetOptions Logged::net_options() const
{
	NetOptions net;

	net.queue.layout = options.layout;
	net.queue.size = options.ring_size;
	net.queue.event_idx = true;
	net.mergeable = options.mergeable;
	net.buffer_size = options.buffer_size;
	net.platform = options.platform;
	return net;
}

Result<Done> Logged::make_guest()
{
	NetGuest::Needs needs = NetGuest::memory_needed(net_options());
	PacketSocket::Options far;
	TapOptions near;

	TRY(memory.add({options.kind, needs.rings + needs.buffers, {}}));
	guest = TRY(NetGuest::create(memory, net_options()));
	near.vnet_hdr_size = int(guest->header_size());
	tap = TRY(Tap::create("log%d", near));
	TRY(tap->set_up());
	far.ifindex = tap->ifindex();
	far.ethertype = Rig::raw_ethertype;
	socket = TRY(PacketSocket::open(far));
	return Done{};
}

Result<Done> Logged::describe_memory()
{
	std::vector<MemoryRegion> regions = memory.regions();

	if (!options.platform)
		return device->set_memory(regions);
	TRY(device->set_backend_features(1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2));
	TRY(translate());
	for (MemoryRegion &region : regions)
		region.guest += physical_shift;
	return device->set_memory(regions);
}

Result<Done> Logged::translate() const
{
	if (options.platform)
		for (const MemoryRegion &region : memory.regions())
			TRY(Iommu::tell(*device, region));
	return Done{};
}

Virtqueue &Logged::queue(unsigned index)
{
	return index == NetGuest::rx_index ? guest->rx() : guest->tx();
}

const Virtqueue &Logged::queue(unsigned index) const
{
	return const_cast<Logged *>(this)->queue(index);
}

Result<Done> Logged::attach(unsigned index)
{
	unsigned base = TRY(device->vring_base(index));

	TRY(queue(index).connect(*device, index, options.platform));
	if (attached_[index])
		TRY(device->set_vring_base(index, base));
	attached_[index] = true;
	return device->set_backend(index, tap->queue().get());
}

Result<Done> Logged::start()
{
	device = TRY(VhostDevice::open(options.node));
	TRY(device->set_owner());
	TRY(device->set_features(NetGuest::features(net_options())));
	TRY(describe_memory());
	TRY(guest->fill());
	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index})
		TRY(attach(index));
	return guest->rx().kick();
}

Result<Done> Logged::set_logging(bool on)
{
	FeatureSet features = NetGuest::features(net_options());

	if (on)
		features.add(VHOST_F_LOG_ALL);
	TRY(device->set_features(features));
	// Features begin with an empty IOTLB each time.
	TRY(translate());
	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index}) {
		const Virtqueue &q = queue(index);
		VringAddress at = options.platform ? q.guest_address() : q.address();

		TRY(device->set_vring_addr(index, at, on ? q.guest_address().device : 0));
	}
	return Done{};
}

Result<uint64_t> Logged::count(const std::string &name) const
{
	return TRY(DeviceStats::read()).count(name);
}

Result<Done> Logged::wait_for(const std::string &counter, uint64_t value)
{
	auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);

	while (TRY(count(counter)) < value) {
		if (std::chrono::steady_clock::now() >= deadline)
			return fail(ETIMEDOUT, "see", fmt::format("{} of {}", value, counter));
		::poll(nullptr, 0, 2);
	}
	return Done{};
}

Result<Done> Logged::deliver(unsigned frames)
{
	for (; frames; frames--, sent_++) {
		std::vector<uint8_t> frame = raw_frame(60 + serial_ * 97 % 1400, serial_);

		serial_++;
		TRY(expect(TRY(socket->send({}, frame)), "room for a frame"));
	}
	return wait_for("rx.packets", sent_);
}

Result<Done> Logged::take_all()
{
	while (TRY(guest->receive()))
		;
	TRY(guest->fill());
	return guest->rx().kick();
}

Result<Done> Logged::prepare(unsigned frames)
{
	TRY(guest->reap());
	for (; frames; frames--, delivered_++) {
		std::vector<uint8_t> frame = raw_frame(60 + serial_ * 89 % 1400, serial_);

		serial_++;
		TRY(expect(TRY(guest->send({}, frame)), "room for a frame"));
	}
	return Done{};
}

Result<Done> Logged::transmit()
{
	TRY(guest->tx().kick());
	return wait_for("tx.packets", delivered_);
}

Result<Done> Logged::settle()
{
	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index})
		TRY(device->vring_base(index));
	return Done{};
}

Logged::Copy Logged::copy() const
{
	Copy copy;

	for (const MemoryRegion &region : memory.regions()) {
		auto *at = reinterpret_cast<const uint8_t *>(region.user);

		copy.emplace_back(at, at + region.size);
	}
	return copy;
}

std::set<uint64_t> Logged::differing(const Copy &before) const
{
	uint64_t shift = options.platform ? physical_shift : 0;
	auto copy = before.begin();
	std::set<uint64_t> pages;

	for (const MemoryRegion &region : memory.regions()) {
		auto *at = reinterpret_cast<const uint8_t *>(region.user);

		for (uint64_t off = 0; off < region.size; off += page_size)
			if (std::memcmp(at + off, copy->data() + off, page_size) != 0)
				pages.insert(page_of(region.guest + shift + off));
		copy++;
	}
	return pages;
}

void Logged::refresh(Copy &copy, const std::set<uint64_t> &pages) const
{
	uint64_t shift = options.platform ? physical_shift : 0;
	auto to = copy.begin();

	for (const MemoryRegion &region : memory.regions()) {
		auto *at = reinterpret_cast<const uint8_t *>(region.user);

		for (uint64_t off = 0; off < region.size; off += page_size)
			if (pages.contains(page_of(region.guest + shift + off)))
				std::memcpy(to->data() + off, at + off, page_size);
		to++;
	}
}

void Logged::add_pages(std::set<uint64_t> &pages, uint64_t user, size_t size) const
{
	uint64_t shift = options.platform ? physical_shift : 0;
	uint64_t at = *memory.guest(reinterpret_cast<const void *>(user)) + shift;

	for (uint64_t page = page_of(at); page <= page_of(at + size - 1); page++)
		pages.insert(page);
}

std::set<uint64_t> Logged::driver_pages() const
{
	std::set<uint64_t> pages;

	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index}) {
		VringAddress at = queue(index).address();

		add_pages(pages, at.driver,
			  options.layout == Layout::packed ? 4 : 6 + 2 * options.ring_size);
		add_pages(pages, at.desc, 16 * options.ring_size);
	}
	return pages;
}

std::set<uint64_t> Logged::ring_pages() const
{
	std::set<uint64_t> pages;

	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index}) {
		VringAddress at = queue(index).address();
		bool packed = options.layout == Layout::packed;

		add_pages(pages, at.device, packed ? 4 : 6 + 8 * options.ring_size);
		if (packed)
			add_pages(pages, at.desc, 16 * options.ring_size);
	}
	return pages;
}

} // namespace ringtap
