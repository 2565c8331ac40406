// SPDX-License-Identifier: GPL-2.0-or-later
// NetGuest: one queue pair of a virtio-net driver (virtio 1.3, 5.1.6), without a VM around it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "guest/virtqueue.h"
#include "lib/features.h"
#include "lib/memory.h"
#include "lib/vhost.h"

namespace ringtap {

struct NetOptions {
	QueueOptions queue = {};     // of both queues
	bool mergeable = true;       // VIRTIO_NET_F_MRG_RXBUF
	bool legacy = false;         // without VIRTIO_F_VERSION_1
	bool platform = false;       // VIRTIO_F_ACCESS_PLATFORM: somebody translates, see iommu.h
	bool guest_tunnels = false;  // VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO
	bool host_tunnels = false;   // VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO
	unsigned frame_max = 1514;   // longest frame, without header
	unsigned buffer_size = 1536; // of a receive buffer with mergeable, header included
	unsigned pieces = 1;         // descriptors a chain is cut into
};

// The header where segments in UDP tunnels may come either way (5.1.6).
struct TunnelHeader {
	virtio_net_hdr_v1 v1;
	uint32_t hash_value;
	uint16_t hash_report;
	uint16_t padding;
	uint16_t outer_th_offset;
	uint16_t inner_nh_offset;
};
static_assert(sizeof(TunnelHeader) == 24);

// The fields of a virtio-net header that are not about the ring (5.1.6). All zero: nothing to do.
struct Offload {
	uint8_t flags = 0;    // VIRTIO_NET_HDR_F_*
	uint8_t gso_type = 0; // VIRTIO_NET_HDR_GSO_*
	uint16_t hdr_len = 0;
	uint16_t gso_size = 0;
	uint16_t csum_start = 0;
	uint16_t csum_offset = 0;
	uint16_t outer_th_offset = 0; // these two of a segment in a UDP tunnel alone
	uint16_t inner_nh_offset = 0;

	// As a TAP or a packet socket has it: without num_buffers, and without what a tunnel adds.
	[[nodiscard]] virtio_net_hdr header() const;
	bool operator==(const Offload &) const = default;
};

struct ReceivedFrame {
	Offload offload;
	unsigned num_buffers = 0;       // as the device wrote it; 0 where the header has none
	std::span<const uint8_t> bytes; // valid until the next receive()
};

// Queue 0 receives, queue 1 transmits (5.1.2). Single-threaded.
class NetGuest {
public:
	static constexpr unsigned rx_index = 0;
	static constexpr unsigned tx_index = 1;

	// Guest memory that create() will take for rings and for buffers.
	struct Needs {
		size_t rings, buffers;
	};
	[[nodiscard]] static Needs memory_needed(const NetOptions &options);

	// The features a driver with these options negotiates.
	[[nodiscard]] static FeatureSet features(const NetOptions &options);

	[[nodiscard]] static Result<NetGuest> create(GuestMemory &memory,
						     const NetOptions &options);

	// Queue one frame; false if there is no room: reap() and try again.
	[[nodiscard]] Result<bool> send(const Offload &offload, std::span<const uint8_t> frame);

	// Take back what was transmitted. The number of frames.
	[[nodiscard]] Result<unsigned> reap();

	// Give all free receive buffers to the device (no kick).
	[[nodiscard]] Result<unsigned> fill();

	// The next received frame. Its buffers go back to the free ones at the next call.
	[[nodiscard]] Result<std::optional<ReceivedFrame>> receive();

	[[nodiscard]] Virtqueue &rx() { return rx_; }
	[[nodiscard]] Virtqueue &tx() { return tx_; }
	[[nodiscard]] unsigned header_size() const { return header_size_; }
	[[nodiscard]] unsigned tx_slots() const { return tx_buffers_.size(); }
	[[nodiscard]] unsigned rx_slots() const { return rx_buffers_.size(); }

	// Tell a device about both queues and hand them to the backend.
	[[nodiscard]] Result<Done> start(const VhostDevice &device, int backend) const;
	[[nodiscard]] Result<Done> stop(const VhostDevice &device) const;

private:
	NetGuest(const NetOptions &options, Virtqueue rx, Virtqueue tx);

	[[nodiscard]] Result<Done> allocate(GuestMemory &memory);
	[[nodiscard]] std::span<const Buffer> cut(const GuestSpan &span, size_t size);
	[[nodiscard]] Result<ReceivedFrame> collect(const Used &first);
	[[nodiscard]] Result<Done> append(const Used &used, unsigned skip, bool must_be_full);

	NetOptions options_;
	unsigned header_size_;
	Virtqueue rx_, tx_;
	std::vector<GuestSpan> rx_buffers_, tx_buffers_; // tokens are indices into these
	std::vector<unsigned> rx_free_, tx_free_;
	std::vector<unsigned> rx_held_; // of the frame handed out last
	std::vector<uint8_t> scratch_;  // a frame from more than one buffer
	std::vector<Buffer> pieces_;
};

} // namespace ringtap
