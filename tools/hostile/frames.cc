// SPDX-License-Identifier: GPL-2.0-or-later
// Frames too short, too long, or not as their header says: dropped, counted, given back.
#include <algorithm>
#include <cstring>

#include <unistd.h>

#include <fmt/format.h>

#include "hostile/tests.h"

namespace ringtap {

namespace {

constexpr uint32_t header_size = sizeof(virtio_net_hdr_v1);
constexpr size_t whole_frame = 65535 + ETH_HLEN + 8; // the longest IP packet behind two VLAN tags

// Offers a chain, and sees it come back with one more of a reason's drops and nothing sent.
Result<Done> expect_drop(Rig &rig, std::span<const RawDescriptor> chain, const char *reason)
{
	DeviceStats before = TRY(DeviceStats::read());
	std::string name = rig.counter(reason);
	unsigned used = rig.ring->used();

	rig.ring->offer(chain);
	TRY(rig.notify());
	TRY(rig.wait_used(used + 1));

	DeviceStats after = TRY(DeviceStats::read());

	TRY(expect(
		after.count(name) == before.count(name) + 1,
		fmt::format("{} {}, it is {}", name, before.count(name) + 1, after.count(name))));
	TRY(expect(after.sum(rig.counter("drop_")) == before.sum(rig.counter("drop_")) + 1,
		   "one drop in all"));
	return expect(after.count(rig.counter("packets")) == before.count(rig.counter("packets")),
		      "no packet sent");
}

// Each of 0 to 13 bytes: in one buffer, behind a header of its own, in a table.
Result<Done> short_frames(Rig &rig)
{
	for (uint32_t size = 0; size < ETH_HLEN; size++) {
		RawDescriptor one = rig.part(0, header_size + size);
		RawDescriptor two[] = {rig.part(0, header_size), rig.part(header_size, size)};
		RawDescriptor table = rig.table_of(2 * sizeof(vring_desc));

		TRY(expect_drop(rig, std::span(&one, 1), "drop_short"));
		TRY(expect_drop(rig, rig.ring->chain(two), "drop_short"));
		two[0].flags |= rig.ring->layout() == Layout::split ? VRING_DESC_F_NEXT : 0;
		two[0].link = 1;
		rig.fill_table(two);
		TRY(expect_drop(rig, std::span(&table, 1), "drop_short"));
	}
	return rig.honest();
}

Result<Done> shortest_frame(Rig &rig)
{
	std::vector<uint8_t> frame = raw_frame(ETH_HLEN, ++rig.serial);
	RawDescriptor descriptor = rig.part(0, rig.write_frame(frame));

	rig.ring->offer(std::span(&descriptor, 1));
	TRY(rig.notify());
	return rig.expect_raw(frame);
}

Result<Done> longest_frame(Rig &rig)
{
	std::vector<uint8_t> frame = raw_frame(whole_frame, ++rig.serial);
	RawDescriptor descriptor = rig.part(0, rig.write_frame(frame));

	rig.ring->offer(std::span(&descriptor, 1));
	TRY(rig.notify());
	TRY(rig.expect_raw(frame));
	return rig.honest();
}

Result<Done> long_frames(Rig &rig)
{
	RawDescriptor one = rig.part(0, header_size + whole_frame + 1);

	TRY(expect_drop(rig, std::span(&one, 1), "drop_long"));
	TRY(rig.honest());
	one.size = 0xffffffff;
	TRY(expect_drop(rig, std::span(&one, 1), "drop_long"));
	return rig.honest();
}

// In 32 bits these lengths add up to a frame of 60 bytes.
Result<Done> length_wraps(Rig &rig)
{
	RawDescriptor two[] = {rig.part(0, 0xffffffff), rig.part(0, header_size + 61)};

	TRY(expect_drop(rig, rig.ring->chain(two), "drop_long"));
	return rig.honest();
}

// Checksums that would lie behind the frame's end, or whose place wraps 16 bits.
Result<Done> checksum_outside(Rig &rig)
{
	const std::pair<uint16_t, uint16_t> places[] = {{59, 0}, {60, 0},          {1000, 16},
							{0, 59}, {0xffff, 0xffff}, {0xfff0, 0x20}};

	for (auto [start, offset] : places) {
		virtio_net_hdr_v1 header{};

		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = start;
		header.csum_offset = offset;

		RawDescriptor one = rig.part(0,
					     rig.write_frame(raw_frame(60, ++rig.serial), header));

		TRY(expect_drop(rig, std::span(&one, 1), "drop_header"));
	}
	return rig.honest();
}

// Headers with a kind of segmentation that there is not, and with segments of 0 bytes.
std::vector<virtio_net_hdr_v1> nonsense_headers()
{
	std::vector<virtio_net_hdr_v1> headers(2);

	headers[0].gso_type = 0x7f;
	headers[0].gso_size = 100;
	headers[1].gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	headers[0].hdr_len = headers[1].hdr_len = 54;
	return headers;
}

// The same frames given to the TAP by write(2): it refuses them, and counts what it counts.
Result<uint64_t> errors_of_write(Rig &rig)
{
	LinkCounts before = TRY(link_counts(rig.tap->name()));

	for (const virtio_net_hdr_v1 &header : nonsense_headers()) {
		uint32_t size = rig.write_frame(raw_frame(60, ++rig.serial), header);

		TRY(expect(::write(rig.tap->queue().get(), rig.buffer.user, size) < 0,
			   "the TAP refuse segmentation nonsense"));
	}
	return TRY(link_counts(rig.tap->name())).rx_frame_errors - before.rx_frame_errors;
}

// What only the TAP can judge it drops, and counts as it would for anybody.
Result<Done> segmentation_nonsense(Rig &rig)
{
	uint64_t errors = TRY(errors_of_write(rig));
	LinkCounts before = TRY(link_counts(rig.tap->name()));

	for (const virtio_net_hdr_v1 &header : nonsense_headers()) {
		unsigned used = rig.ring->used();
		RawDescriptor one = rig.part(0,
					     rig.write_frame(raw_frame(60, ++rig.serial), header));

		rig.ring->offer(std::span(&one, 1));
		TRY(rig.notify());
		TRY(rig.wait_used(used + 1));
	}
	TRY(rig.honest());

	LinkCounts after = TRY(link_counts(rig.tap->name()));

	return expect(after.rx_frame_errors == before.rx_frame_errors + errors &&
			      after.rx_packets == before.rx_packets + 1,
		      fmt::format("{} frame errors and 1 packet at the TAP, there are {} and {}",
				  errors, after.rx_frame_errors - before.rx_frame_errors,
				  after.rx_packets - before.rx_packets));
}

// A frame that fits no buffer is dropped and counted; its buffer takes the next one.
Result<Done> no_room(Rig &rig)
{
	RawDescriptor small = rig.part(0, 100);
	unsigned used = rig.ring->used();
	std::vector<uint8_t> fits = raw_frame(80, ++rig.serial);

	std::memset(rig.buffer.user, 0, 200);
	rig.ring->offer(std::span(&small, 1));
	TRY(rig.notify());
	TRY(rig.raw_socket->send({}, raw_frame(200, ++rig.serial)));
	TRY(rig.raw_socket->send({}, fits));
	TRY(rig.wait_used(used + 1));
	TRY(expect(std::memcmp(rig.buffer.user + rig.guest->header_size(), fits.data(),
			       fits.size()) == 0,
		   "the frame that fits in the buffer"));

	DeviceStats stats = TRY(DeviceStats::read());

	TRY(expect(stats.count("rx.drop_no_room") == 1,
		   fmt::format("drop_no_room 1, it is {}", stats.count("rx.drop_no_room"))));
	return rig.honest();
}

// Lengths that no memory has: the frame needs the first bytes only, so nothing is wrong.
Result<Done> huge_buffers(Rig &rig)
{
	RawDescriptor two[] = {rig.part(0, 0xffffffff), rig.part(0, 0xffffffff)};
	std::vector<uint8_t> frame = raw_frame(60, ++rig.serial);
	unsigned used = rig.ring->used();

	rig.ring->offer(rig.ring->chain(two));
	TRY(rig.notify());
	TRY(rig.raw_socket->send({}, frame));
	TRY(rig.wait_used(used + 1));
	return rig.honest();
}

void add(Tests &tests, const RigOptions &options, const char *name, RigTest body)
{
	tests.push_back(
		{test_name(options, name), [options, body] { return on_rig(options, body); }});
}

} // namespace

void add_frames(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		RigOptions options{.node = node, .layout = layout};

		add(tests, options, "frames of 0 to 13 bytes are dropped", short_frames);
		add(tests, options, "a frame of 14 bytes arrives", shortest_frame);
		add(tests, options, "the longest frame arrives", longest_frame);
		add(tests, options, "longer frames are dropped", long_frames);
		add(tests, options, "lengths that wrap 2^32 are too long", length_wraps);
		add(tests, options, "a checksum outside the frame is dropped", checksum_outside);
		add(tests, options, "segmentation nonsense is the TAP's to count",
		    segmentation_nonsense);
		options.queue = NetGuest::rx_index;
		add(tests, options, "buffers of 4 GiB each", huge_buffers);
		options.mergeable = false;
		add(tests, options, "a frame larger than its buffer is dropped", no_room);
	}
}

} // namespace ringtap
