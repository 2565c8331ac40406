// SPDX-License-Identifier: GPL-2.0-or-later
// Backends other than the rig's TAP, and what a guest may ask of each of them alike.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "hostile/backends.h"

namespace ringtap {

namespace {

// A frame in a chain of buffers that begins with small ones: the header arrives whole.
Result<Done> header_in(Rig &rig, const PacketSocket &wire, std::span<const uint32_t> sizes)
{
	constexpr uint64_t apart = 64;
	std::vector<RawDescriptor> parts;
	std::vector<uint8_t> frame = raw_frame(60, ++rig.serial), got;
	size_t total = rig.guest->header_size() + frame.size();
	unsigned used = rig.ring->used();

	for (uint32_t size : sizes)
		parts.push_back(rig.part(parts.size() * apart, size));
	parts.push_back(rig.part(parts.size() * apart, 2048));
	std::memset(rig.buffer.user, 0xee, parts.size() * apart + 2048);
	rig.ring->offer(rig.ring->chain(parts));
	TRY(rig.notify());
	TRY(wire.send({}, frame));
	TRY(rig.wait_used(used + 1));
	for (const RawDescriptor &part : parts) {
		const uint8_t *from = rig.buffer.user + (part.guest - rig.buffer.guest);

		got.insert(got.end(), from, from + part.size);
	}

	virtio_net_hdr_v1 header{};

	std::memcpy(&header, got.data(), sizeof(header));
	TRY(expect(header.gso_type == 0 && header.num_buffers == 1,
		   fmt::format("a header for 1 buffer, it says {} and {:#x}", header.num_buffers,
			       header.gso_type)));
	return expect(
		std::equal(frame.begin(), frame.end(), got.begin() + ssize_t(total - frame.size())),
		"the frame behind the header");
}

// virtio 2.6.4: the device makes no assumption about how a driver cuts its buffers.
Result<Done> header_in_small_buffers(Rig &rig, const PacketSocket &wire)
{
	const std::vector<uint32_t> cuts[] = {
		{12},   {11, 1},   {10, 2}, {9, 3},
		{1, 1}, {3, 4, 5}, {},      std::vector<uint32_t>(rig.guest->header_size(), 1)};

	for (const auto &sizes : cuts)
		TRY(header_in(rig, wire, sizes));
	return Done{};
}

Result<Done> small_from_tap(Rig &rig)
{
	return header_in_small_buffers(rig, *rig.raw_socket);
}

Result<Done> small_from_macvtap(Rig &rig)
{
	WireOptions options{.name = "a macvtap",
			    .kind = WireOptions::Kind::macvtap,
			    .header = int(rig.guest->header_size())};
	std::unique_ptr<Wire> wire = TRY(Wire::make(options));
	PacketSocket far = TRY(wire->socket(Rig::raw_ethertype));

	TRY(rig.detach());
	rig.ring->reset();
	TRY(rig.attach_to(wire->end()));
	TRY(header_in_small_buffers(rig, far));
	return rig.detach();
}

} // namespace

void add_backends(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		RigOptions options{
			.node = node, .layout = layout, .queue = NetGuest::rx_index, .ring = 64};
		auto add = [&](const char *name, RigTest body) {
			tests.push_back(
				{test_name(options, name), [=] { return on_rig(options, body); }});
		};

		add("a header in small buffers, from a TAP", small_from_tap);
		add("a header in small buffers, from a macvtap", small_from_macvtap);
		options.tunnels = true;
		add("a tunnel's header in small buffers, from a TAP", small_from_tap);
		add("a tunnel's header in small buffers, from a macvtap", small_from_macvtap);
	}
	add_kinds(tests, node);
	add_tap_changes(tests, node);
	add_pressure(tests, node);
	add_filters(tests, node);
}

} // namespace ringtap
