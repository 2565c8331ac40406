// SPDX-License-Identifier: GPL-2.0-or-later
// Transmit and receive of a virtio-net driver: headers, buffers, and frames in and out of chains.
#include "guest/net.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace ringtap {

namespace {

// Buffers of one queue take at most this much memory, so that rings of 32,768 stay affordable.
constexpr size_t buffer_budget = 64 << 20;
constexpr size_t buffer_align = 64;

// 5.1.6: num_buffers is part of the header with MRG_RXBUF or VERSION_1 only; where a tunnel's headers
// are, if segments in one may come either way.
unsigned header_size_of(const NetOptions &options)
{
	if (options.guest_tunnels || options.host_tunnels)
		return sizeof(TunnelHeader);
	return options.mergeable || !options.legacy ? sizeof(virtio_net_hdr_v1)
						    : sizeof(virtio_net_hdr);
}

size_t aligned(size_t size)
{
	return (size + buffer_align - 1) / buffer_align * buffer_align;
}

size_t tx_size(const NetOptions &options)
{
	return header_size_of(options) + options.frame_max;
}

// 5.1.6.3.1: without MRG_RXBUF a buffer must hold the longest frame with its header.
size_t rx_size(const NetOptions &options)
{
	return options.mergeable ? options.buffer_size : tx_size(options);
}

// How many buffers a queue gets: as many as its ring holds chains, within the budget.
unsigned buffer_count(const NetOptions &options, size_t size)
{
	const QueueOptions &queue = options.queue;
	bool table = options.pieces > 1 && options.pieces <= queue.indirect_max;
	size_t chains = queue.size / (table ? 1 : options.pieces);

	return std::min(chains, std::max<size_t>(buffer_budget / aligned(size), 1));
}

} // namespace

NetGuest::Needs NetGuest::memory_needed(const NetOptions &options)
{
	const QueueOptions &queue = options.queue;
	size_t per_descriptor = sizeof(vring_desc) * (1 + queue.indirect_max) +
				sizeof(vring_used_elem) + sizeof(uint16_t);
	size_t tx = aligned(tx_size(options)) * buffer_count(options, tx_size(options));
	size_t rx = aligned(rx_size(options)) * buffer_count(options, rx_size(options));

	return {2 * (queue.size * per_descriptor + 4 * buffer_align), rx + tx + buffer_align};
}

FeatureSet NetGuest::features(const NetOptions &options)
{
	FeatureSet set;

	if (!options.legacy)
		set.add(VIRTIO_F_VERSION_1);
	if (options.mergeable)
		set.add(VIRTIO_NET_F_MRG_RXBUF);
	if (options.platform)
		set.add(VIRTIO_F_ACCESS_PLATFORM);
	if (options.guest_tunnels)
		set.add(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO);
	if (options.host_tunnels)
		set.add(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO);
	if (options.queue.layout == Layout::packed)
		set.add(VIRTIO_F_RING_PACKED);
	if (options.queue.event_idx)
		set.add(VIRTIO_RING_F_EVENT_IDX);
	if (options.queue.in_order)
		set.add(VIRTIO_F_IN_ORDER);
	if (options.queue.indirect_max)
		set.add(VIRTIO_RING_F_INDIRECT_DESC);
	return set;
}

NetGuest::NetGuest(const NetOptions &options, Virtqueue rx, Virtqueue tx) :
	options_(options), header_size_(header_size_of(options)), rx_(std::move(rx)),
	tx_(std::move(tx))
{
}

virtio_net_hdr Offload::header() const
{
	virtio_net_hdr header{};

	header.flags = flags;
	header.gso_type = gso_type;
	header.hdr_len = hdr_len;
	header.gso_size = gso_size;
	header.csum_start = csum_start;
	header.csum_offset = csum_offset;
	return header;
}

Result<NetGuest> NetGuest::create(GuestMemory &memory, const NetOptions &options)
{
	Virtqueue rx = TRY(Virtqueue::create(memory, options.queue));
	Virtqueue tx = TRY(Virtqueue::create(memory, options.queue));
	NetGuest guest(options, std::move(rx), std::move(tx));

	TRY(guest.allocate(memory));
	return guest;
}

Result<Done> NetGuest::allocate(GuestMemory &memory)
{
	unsigned tx = buffer_count(options_, tx_size(options_));
	unsigned rx = buffer_count(options_, rx_size(options_));

	if (!tx || !rx)
		return fail(EINVAL, "cut a chain",
			    fmt::format("into {} descriptors on a ring of {}", options_.pieces,
					options_.queue.size),
			    "use a larger ring, fewer pieces or indirect descriptors");
	for (unsigned i = 0; i < rx; i++) {
		rx_buffers_.push_back(TRY(memory.allocate(rx_size(options_), buffer_align)));
		rx_free_.push_back(rx - 1 - i);
	}
	for (unsigned i = 0; i < tx; i++) {
		tx_buffers_.push_back(TRY(memory.allocate(tx_size(options_), buffer_align)));
		tx_free_.push_back(tx - 1 - i);
	}
	return Done{};
}

// Cut the first size bytes of a buffer into descriptors. Where the cuts are is nobody's business
// (2.7.4), but a legacy device may insist on a header of its own (2.7.4.2).
std::span<const Buffer> NetGuest::cut(const GuestSpan &span, size_t size)
{
	unsigned left = std::min<size_t>(options_.pieces, size);
	size_t offset = 0;

	pieces_.clear();
	if (options_.legacy && left > 1) {
		pieces_.push_back({span.guest, header_size_});
		offset = header_size_;
		left--;
	}
	for (; left; left--) {
		size_t length = (size - offset) / left;

		pieces_.push_back({span.guest + offset, uint32_t(length)});
		offset += length;
	}
	return pieces_;
}

Result<bool> NetGuest::send(const Offload &offload, std::span<const uint8_t> frame)
{
	if (frame.size() > options_.frame_max)
		return fail(EMSGSIZE, "send", fmt::format("a frame of {} bytes", frame.size()),
			    fmt::format("this guest was made for {}", options_.frame_max));
	if (tx_free_.empty() || !tx_.has_room(options_.pieces))
		return false;

	unsigned slot = tx_free_.back();
	const GuestSpan &buffer = tx_buffers_[slot];
	// 5.1.6.2.1: the driver writes num_buffers as 0.
	TunnelHeader header{};
	const virtio_net_hdr plain = offload.header();

	std::memcpy(&header, &plain, sizeof(plain));
	header.outer_th_offset = offload.outer_th_offset;
	header.inner_nh_offset = offload.inner_nh_offset;
	std::memcpy(buffer.user, &header, header_size_);
	std::memcpy(buffer.user + header_size_, frame.data(), frame.size());
	TRY(tx_.add_buf(cut(buffer, header_size_ + frame.size()), {}, slot));
	tx_free_.pop_back();
	return true;
}

Result<unsigned> NetGuest::reap()
{
	unsigned frames = 0;

	while (auto used = TRY(tx_.get_buf())) {
		tx_free_.push_back(used->token);
		frames++;
	}
	return frames;
}

Result<unsigned> NetGuest::fill()
{
	unsigned added = 0;

	while (!rx_free_.empty() && rx_.has_room(options_.pieces)) {
		unsigned slot = rx_free_.back();
		const GuestSpan &buffer = rx_buffers_[slot];

		TRY(rx_.add_buf({}, cut(buffer, buffer.size), slot));
		rx_free_.pop_back();
		added++;
	}
	return added;
}

Result<std::optional<ReceivedFrame>> NetGuest::receive()
{
	rx_free_.insert(rx_free_.end(), rx_held_.begin(), rx_held_.end());
	rx_held_.clear();

	auto used = TRY(rx_.get_buf());

	if (!used)
		return std::nullopt;
	return TRY(collect(*used));
}

// 5.1.6.4: the header says how many buffers a frame has. 5.1.6.4.1: all of them are used by then,
// and all but the last are full.
Result<ReceivedFrame> NetGuest::collect(const Used &first)
{
	const GuestSpan &buffer = rx_buffers_[first.token];
	TunnelHeader whole{};
	const virtio_net_hdr_v1 &header = whole.v1;

	if (first.length < header_size_)
		return device_lied("receive", fmt::format("{} bytes written, less than the header",
							  first.length));
	std::memcpy(&whole, buffer.user, header_size_);
	if (whole.hash_value || whole.hash_report || whole.padding)
		return device_lied("receive", "a hash that nobody asked for");

	unsigned buffers = options_.mergeable ? header.num_buffers : 1;

	if (buffers == 0 || buffers > rx_buffers_.size())
		return device_lied("receive", fmt::format("a frame of {} buffers", buffers));

	ReceivedFrame frame;

	frame.offload = {header.flags,          header.gso_type,      header.hdr_len,
			 header.gso_size,       header.csum_start,    header.csum_offset,
			 whole.outer_th_offset, whole.inner_nh_offset};
	frame.num_buffers = header.num_buffers;
	if (buffers == 1) {
		rx_held_.push_back(first.token);
		frame.bytes = {buffer.user + header_size_, first.length - header_size_};
		return frame;
	}
	scratch_.clear();
	TRY(append(first, header_size_, true));
	for (unsigned i = 1; i < buffers; i++) {
		auto used = TRY(rx_.get_buf());

		if (!used)
			return device_lied("receive", fmt::format("{} of the {} buffers of a frame "
								  "are used",
								  i, buffers));
		TRY(append(*used, 0, i + 1 < buffers));
	}
	frame.bytes = scratch_;
	return frame;
}

Result<Done> NetGuest::append(const Used &used, unsigned skip, bool must_be_full)
{
	const GuestSpan &buffer = rx_buffers_[used.token];

	if (must_be_full && used.length != buffer.size)
		return device_lied("receive", fmt::format("a buffer of {} bytes has {}, and the "
							  "frame goes on in the next",
							  buffer.size, used.length));
	rx_held_.push_back(used.token);
	scratch_.insert(scratch_.end(), buffer.user + skip, buffer.user + used.length);
	return Done{};
}

Result<Done> NetGuest::start(const VhostDevice &device, int backend) const
{
	TRY(rx_.connect(device, rx_index, options_.platform));
	TRY(tx_.connect(device, tx_index, options_.platform));
	TRY(device.set_backend(rx_index, backend));
	return device.set_backend(tx_index, backend);
}

Result<Done> NetGuest::stop(const VhostDevice &device) const
{
	TRY(device.set_backend(rx_index, -1));
	return device.set_backend(tx_index, -1);
}

} // namespace ringtap
