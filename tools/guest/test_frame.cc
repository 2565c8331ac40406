// SPDX-License-Identifier: GPL-2.0-or-later
// Builds numbered frames and compares what came out with what went in.
#include "guest/test_frame.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

constexpr uint32_t magic = 0x52544150; // "RTAP"
constexpr size_t noise_period = 4096;
constexpr size_t tcp_offset = ETH_HLEN + sizeof(iphdr);
constexpr size_t segment_offset = tcp_offset + sizeof(tcphdr);

// In front of the payload.
struct Stamp {
	uint32_t magic;
	uint32_t checksum; // of the number and of the payload that follows
	uint64_t sequence;
};

// Locally administered addresses; the TAP's own is another, so the host's stack ignores them.
constexpr uint8_t guest_mac[ETH_ALEN] = {0x02, 0x72, 0x74, 0, 0, 1};
constexpr uint8_t host_mac[ETH_ALEN] = {0x02, 0x72, 0x74, 0, 0, 2};

// FNV-1a, eight bytes at a time, of the number and what follows it.
uint32_t checksum_of(uint64_t sequence, std::span<const uint8_t> bytes)
{
	uint64_t hash = (0xcbf29ce484222325 ^ sequence) * 0x100000001b3;

	for (size_t i = 0; i < bytes.size(); i += sizeof(hash)) {
		uint64_t word = 0;

		std::memcpy(&word, bytes.data() + i, std::min(bytes.size() - i, sizeof(word)));
		hash = (hash ^ word) * 0x100000001b3;
	}
	return hash ^ hash >> 32;
}

// Bytes that no shifted copy of themselves equals (xorshift).
std::vector<uint8_t> make_noise(size_t size)
{
	std::vector<uint8_t> noise(size);
	uint64_t state = 0x9e3779b97f4a7c15;

	for (uint8_t &byte : noise) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		byte = state >> 32;
	}
	return noise;
}

// The ones' complement sum of RFC 1071, folded but not inverted.
uint16_t internet_sum(std::span<const uint8_t> bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes.size(); i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

size_t first_difference(std::span<const uint8_t> a, std::span<const uint8_t> b)
{
	return std::ranges::mismatch(a, b).in1 - a.begin();
}

std::string offload_text(const Offload &o)
{
	return fmt::format("flags {:#x} gso_type {:#x} gso_size {} csum {}+{}", o.flags, o.gso_type,
			   o.gso_size, o.csum_start, o.csum_offset);
}

} // namespace

FrameStream::FrameStream(const Options &options) :
	options_(options), noise_(make_noise(noise_period + frame_max()))
{
}

unsigned FrameStream::smallest(bool offload)
{
	return (offload ? segment_offset : ETH_HLEN) + sizeof(Stamp);
}

uint16_t FrameStream::ethertype() const
{
	return options_.offload ? ETH_P_IP : plain_ethertype;
}

unsigned FrameStream::frame_max() const
{
	return options_.offload ? longest_segmented : options_.size;
}

size_t FrameStream::payload_offset() const
{
	return options_.offload ? segment_offset : ETH_HLEN;
}

// Segmented frames come in all sizes above one segment, the longest that IPv4 has among them.
unsigned FrameStream::size_of(uint64_t sequence) const
{
	constexpr unsigned shortest = segment_offset + mss + 1;

	if (!options_.offload || sequence % 2 == 0)
		return options_.size;
	if (sequence % 16 == 15)
		return frame_max();
	return shortest + sequence * 7919 % (frame_max() - shortest);
}

void FrameStream::put_ethernet(std::vector<uint8_t> &frame) const
{
	bool to_guest = options_.direction == Direction::to_guest;
	uint16_t type = htons(ethertype());

	std::memcpy(frame.data(), to_guest ? guest_mac : host_mac, ETH_ALEN);
	std::memcpy(frame.data() + ETH_ALEN, to_guest ? host_mac : guest_mac, ETH_ALEN);
	std::memcpy(frame.data() + 2 * ETH_ALEN, &type, sizeof(type));
}

// An IPv4 and a TCP header whose checksum field holds the sum of the pseudo header alone, as the
// one who completes it expects.
void FrameStream::put_tcp(std::vector<uint8_t> &frame, uint64_t sequence) const
{
	iphdr ip{};
	tcphdr tcp{};
	uint16_t length = frame.size() - ETH_HLEN;

	ip.version = 4;
	ip.ihl = 5;
	ip.tot_len = htons(length);
	ip.frag_off = htons(IP_DF);
	ip.ttl = 64;
	ip.protocol = IPPROTO_TCP;
	ip.saddr = htonl(0xc0000201); // 192.0.2.1 and .2: for documentation, never routed
	ip.daddr = htonl(0xc0000202);
	ip.check = htons(~internet_sum({reinterpret_cast<uint8_t *>(&ip), sizeof(ip)}));

	std::array<uint8_t, 12> pseudo{};

	length -= sizeof(ip);
	std::memcpy(pseudo.data(), &ip.saddr, 8);
	pseudo[9] = IPPROTO_TCP;
	pseudo[10] = length >> 8;
	pseudo[11] = length & 0xff;
	tcp.source = htons(4660);
	tcp.dest = htons(9);
	tcp.seq = htonl(sequence);
	tcp.doff = sizeof(tcp) / 4;
	tcp.ack = 1;
	tcp.window = htons(65535);
	tcp.check = htons(internet_sum(pseudo));
	std::memcpy(frame.data() + ETH_HLEN, &ip, sizeof(ip));
	std::memcpy(frame.data() + tcp_offset, &tcp, sizeof(tcp));
}

FrameStream::Frame FrameStream::make(uint64_t sequence)
{
	size_t payload = payload_offset() + sizeof(Stamp);
	Frame frame;

	frame_.resize(size_of(sequence));
	put_ethernet(frame_);
	if (options_.offload) {
		put_tcp(frame_, sequence);
		frame.offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		frame.offload.csum_start = tcp_offset;
		frame.offload.csum_offset = offsetof(tcphdr, check);
		frame.offload.hdr_len = segment_offset;
		if (frame_.size() > segment_offset + mss) {
			frame.offload.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
			frame.offload.gso_size = mss;
		}
	}

	size_t length = frame_.size() - payload;

	std::memcpy(frame_.data() + payload, noise_.data() + sequence * 13 % noise_period, length);

	Stamp stamp{magic + uint32_t(options_.direction),
		    checksum_of(sequence, std::span(frame_).subspan(payload)), sequence};

	std::memcpy(frame_.data() + payload_offset(), &stamp, sizeof(stamp));
	frame.bytes = frame_;
	return frame;
}

bool FrameStream::ours(std::span<const uint8_t> bytes) const
{
	bool to_guest = options_.direction == Direction::to_guest;

	return bytes.size() >= ETH_HLEN &&
	       !std::memcmp(bytes.data() + ETH_ALEN, to_guest ? host_mac : guest_mac, ETH_ALEN);
}

Result<uint64_t> FrameStream::check(const Offload &offload, std::span<const uint8_t> bytes)
{
	std::string on = fmt::format("a frame of {} bytes", bytes.size());
	Stamp stamp;

	if (bytes.size() < payload_offset() + sizeof(stamp))
		return fail(EBADMSG, "recognize", on, "it is too short to be one of ours");
	std::memcpy(&stamp, bytes.data() + payload_offset(), sizeof(stamp));
	if (stamp.magic != magic + uint32_t(options_.direction))
		return fail(EBADMSG, "recognize", on, "its stamp was overwritten");
	if (stamp.checksum !=
	    checksum_of(stamp.sequence, bytes.subspan(payload_offset() + sizeof(stamp))))
		return fail(EBADMSG, "verify the checksum of",
			    fmt::format("frame {}", stamp.sequence), "it was changed on the way");

	Frame expected = make(stamp.sequence);

	if (!std::ranges::equal(expected.bytes, bytes))
		return fail(
			EBADMSG, "verify", fmt::format("frame {}", stamp.sequence),
			fmt::format("byte {} is not what was sent ({} bytes came, {} were sent)",
				    first_difference(expected.bytes, bytes), bytes.size(),
				    expected.bytes.size()));

	// hdr_len is a hint that a host may recompute (5.1.6.2.2), and DATA_VALID may be added.
	Offload want = expected.offload, have = offload;

	want.hdr_len = have.hdr_len = 0;
	have.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (!(want == have))
		return fail(EBADMSG, "verify the offloads of",
			    fmt::format("frame {}", stamp.sequence),
			    fmt::format("came as {}, sent as {}", offload_text(have),
					offload_text(want)));
	return stamp.sequence;
}

} // namespace ringtap
