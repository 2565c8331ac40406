// SPDX-License-Identifier: GPL-2.0-or-later
// Names of the feature bits that a vhost-net node and its guest negotiate.
#include "lib/features.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "lib/vhost_abi.h"

namespace ringtap {

namespace {

constexpr FeatureBit features[] = {
	{VIRTIO_NET_F_CSUM, "NET_F_CSUM", "device takes partial checksums"},
	{VIRTIO_NET_F_GUEST_CSUM, "NET_F_GUEST_CSUM", "driver takes partial checksums"},
	{VIRTIO_NET_F_MTU, "NET_F_MTU", "device says its MTU"},
	{VIRTIO_NET_F_MAC, "NET_F_MAC", "device says its MAC address"},
	{VIRTIO_NET_F_GUEST_TSO4, "NET_F_GUEST_TSO4", "driver takes TCPv4 segments"},
	{VIRTIO_NET_F_GUEST_TSO6, "NET_F_GUEST_TSO6", "driver takes TCPv6 segments"},
	{VIRTIO_NET_F_GUEST_ECN, "NET_F_GUEST_ECN", "driver takes TSO with ECN"},
	{VIRTIO_NET_F_GUEST_UFO, "NET_F_GUEST_UFO", "driver takes UDP fragments"},
	{VIRTIO_NET_F_HOST_TSO4, "NET_F_HOST_TSO4", "device takes TCPv4 segments"},
	{VIRTIO_NET_F_HOST_TSO6, "NET_F_HOST_TSO6", "device takes TCPv6 segments"},
	{VIRTIO_NET_F_HOST_ECN, "NET_F_HOST_ECN", "device takes TSO with ECN"},
	{VIRTIO_NET_F_HOST_UFO, "NET_F_HOST_UFO", "device takes UDP fragments"},
	{VIRTIO_NET_F_MRG_RXBUF, "NET_F_MRG_RXBUF", "a frame may fill several receive buffers"},
	{VIRTIO_NET_F_STATUS, "NET_F_STATUS", "link status"},
	{VIRTIO_NET_F_CTRL_VQ, "NET_F_CTRL_VQ", "control queue"},
	{VIRTIO_NET_F_MQ, "NET_F_MQ", "several queue pairs"},
	{VIRTIO_F_NOTIFY_ON_EMPTY, "F_NOTIFY_ON_EMPTY", "signal when the ring runs empty"},
	{VHOST_F_LOG_ALL, "VHOST_F_LOG_ALL", "log every write for live migration"},
	{VHOST_NET_F_VIRTIO_NET_HDR, "F_ANY_LAYOUT",
	 "any framing; to vhost: VHOST_NET_F_VIRTIO_NET_HDR, the header ends at the device"},
	{VIRTIO_RING_F_INDIRECT_DESC, "F_INDIRECT_DESC", "indirect descriptor tables"},
	{VIRTIO_RING_F_EVENT_IDX, "F_EVENT_IDX", "notification suppression by event index"},
	{VIRTIO_F_VERSION_1, "F_VERSION_1", "virtio 1.0 or newer"},
	{VIRTIO_F_ACCESS_PLATFORM, "F_ACCESS_PLATFORM", "addresses go through an IOMMU"},
	{VIRTIO_F_RING_PACKED, "F_RING_PACKED", "packed ring layout"},
	{VIRTIO_F_IN_ORDER, "F_IN_ORDER", "buffers are used in the order they were made available"},
	{VIRTIO_F_ORDER_PLATFORM, "F_ORDER_PLATFORM", "barriers as for real hardware"},
	{VIRTIO_F_SR_IOV, "F_SR_IOV", "single root I/O virtualization"},
	{VIRTIO_F_NOTIFICATION_DATA, "F_NOTIFICATION_DATA", "extra data in notifications"},
	{VIRTIO_F_NOTIF_CONFIG_DATA, "F_NOTIF_CONFIG_DATA", "device chooses notification data"},
	{VIRTIO_F_RING_RESET, "F_RING_RESET", "one queue can be reset"},
	{VIRTIO_F_ADMIN_VQ, "F_ADMIN_VQ", "administration queues"},
	{VIRTIO_NET_F_GUEST_USO4, "NET_F_GUEST_USO4", "driver takes UDPv4 segments"},
	{VIRTIO_NET_F_GUEST_USO6, "NET_F_GUEST_USO6", "driver takes UDPv6 segments"},
	{VIRTIO_NET_F_HOST_USO, "NET_F_HOST_USO", "device takes UDP segments"},
	{VIRTIO_NET_F_HASH_REPORT, "NET_F_HASH_REPORT", "packet hash in the header"},
	{VIRTIO_NET_F_GUEST_HDRLEN, "NET_F_GUEST_HDRLEN", "driver gives the exact header length"},
	{VIRTIO_NET_F_RSS, "NET_F_RSS", "receive-side scaling"},
	{VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, "NET_F_GUEST_UDP_TUNNEL_GSO",
	 "driver takes segments inside UDP tunnels"},
	{VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, "NET_F_GUEST_UDP_TUNNEL_GSO_CSUM",
	 "the same with outer checksums"},
	{VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, "NET_F_HOST_UDP_TUNNEL_GSO",
	 "device takes segments inside UDP tunnels"},
	{VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, "NET_F_HOST_UDP_TUNNEL_GSO_CSUM",
	 "the same with outer checksums"},
};

constexpr FeatureBit backend_features[] = {
	{VHOST_BACKEND_F_IOTLB_MSG_V2, "IOTLB_MSG_V2", "IOTLB messages of version 2"},
	{VHOST_BACKEND_F_IOTLB_BATCH, "IOTLB_BATCH", "IOTLB updates in batches"},
	{VHOST_BACKEND_F_IOTLB_ASID, "IOTLB_ASID", "address space identifiers"},
	{VHOST_BACKEND_F_SUSPEND, "SUSPEND", "device can be suspended"},
	{VHOST_BACKEND_F_RESUME, "RESUME", "device can be resumed"},
	{VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK, "ENABLE_AFTER_DRIVER_OK",
	 "queues can be enabled late"},
	{VHOST_BACKEND_F_DESC_ASID, "DESC_ASID", "an address space for descriptors"},
	{VHOST_BACKEND_F_IOTLB_PERSIST, "IOTLB_PERSIST", "IOTLB survives a reset"},
};

std::string name_in(std::span<const FeatureBit> table, unsigned bit)
{
	auto found = std::ranges::find(table, bit, &FeatureBit::bit);

	return found == table.end() ? fmt::format("bit{}", bit) : std::string(found->name);
}

std::string upper(std::string_view text)
{
	std::string result(text);

	std::ranges::transform(result, result.begin(), [](unsigned char c) { return toupper(c); });
	return result;
}

// The name without the prefix that says whose bit it is.
std::string_view short_name(std::string_view name)
{
	for (std::string_view prefix :
	     {"VIRTIO_NET_F_", "VIRTIO_RING_F_", "VIRTIO_F_", "VHOST_F_", "NET_F_", "F_"})
		if (name.starts_with(prefix))
			return name.substr(prefix.size());
	return name;
}

} // namespace

std::span<const FeatureBit> known_features()
{
	return features;
}

std::span<const FeatureBit> known_backend_features()
{
	return backend_features;
}

std::string feature_name(unsigned bit)
{
	return name_in(features, bit);
}

std::string backend_feature_name(unsigned bit)
{
	return name_in(backend_features, bit);
}

std::optional<unsigned> feature_by_name(std::string_view name)
{
	std::string wanted = upper(name);
	std::string_view digits = wanted;
	unsigned bit = 0;

	if (digits.starts_with("BIT"))
		digits.remove_prefix(3);
	auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bit);

	if (error == std::errc() && end == digits.data() + digits.size())
		return bit < FeatureSet::bits ? std::optional(bit) : std::nullopt;
	for (const FeatureBit &known : features)
		if (short_name(known.name) == short_name(wanted))
			return known.bit;
	return std::nullopt;
}

std::vector<unsigned> FeatureSet::list() const
{
	std::vector<unsigned> members;

	for (unsigned bit = 0; bit < bits; bit++)
		if (has(bit))
			members.push_back(bit);
	return members;
}

std::string FeatureSet::hex() const
{
	return high() ? fmt::format("{:#x}{:016x}", high(), low()) : fmt::format("{:#x}", low());
}

std::string FeatureSet::text() const
{
	std::string words;

	for (unsigned bit : list())
		words += (words.empty() ? "" : " ") + feature_name(bit);
	return words.empty() ? "none" : words;
}

std::string backend_features_text(uint64_t features)
{
	std::string words;

	for (unsigned bit = 0; bit < 64; bit++)
		if (features >> bit & 1)
			words += (words.empty() ? "" : " ") + backend_feature_name(bit);
	return words.empty() ? "none" : words;
}

} // namespace ringtap
