// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of words.
#include "lib/netlink_names.h"

#include <algorithm>
#include <cctype>

#include "lib/features.h"

namespace ringtap {

namespace {

constexpr NlName device_state_names[] = {
	{RINGTAP_DEVICE_STATE_UNOWNED, "unowned", "nobody has made it theirs"},
	{RINGTAP_DEVICE_STATE_STOPPED, "stopped", "no queue has a backend"},
	{RINGTAP_DEVICE_STATE_RUNNING, "running", "at least one queue is served"},
	{RINGTAP_DEVICE_STATE_BROKEN, "broken", "at least one queue is broken"},
};

constexpr NlName queue_state_names[] = {
	{RINGTAP_QUEUE_STATE_STOPPED, "stopped", "no backend"},
	{RINGTAP_QUEUE_STATE_RUNNING, "running", "served by its worker"},
	{RINGTAP_QUEUE_STATE_BROKEN, "broken", "not served, for its ring is bad"},
	{RINGTAP_QUEUE_STATE_MISSING, "missing", "the VMM has not told yet where its ring is"},
};

constexpr NlName backend_names[] = {
	{RINGTAP_BACKEND_NONE, "none", "nothing"},
	{RINGTAP_BACKEND_TUN, "tun", "TAP of the tun driver, frames in batches"},
	{RINGTAP_BACKEND_TAP, "tap", "macvtap or ipvtap, frames one by one"},
	{RINGTAP_BACKEND_PACKET, "packet", "packet socket, frames one by one"},
};

constexpr NlName layout_names[] = {
	{RINGTAP_LAYOUT_SPLIT, "split", "virtio 1.3, 2.7"},
	{RINGTAP_LAYOUT_PACKED, "packed", "virtio 1.3, 2.8"},
};

constexpr NlName ring_error_names[] = {
	{RINGTAP_RING_ERROR_NONE, "none", "nothing"},
	{RINGTAP_RING_ERROR_FAULT, "fault", "ring memory cannot be reached any more"},
	{RINGTAP_RING_ERROR_AVAIL_IDX, "avail_idx", "available index ran ahead of the ring size"},
	{RINGTAP_RING_ERROR_HEAD, "head", "available entry names a descriptor that does not exist"},
	{RINGTAP_RING_ERROR_NEXT, "next", "a chain continues at a descriptor that does not exist"},
	{RINGTAP_RING_ERROR_LOOP, "loop", "a chain is longer than its table"},
	{RINGTAP_RING_ERROR_TOO_LONG, "too_long", "a chain has more buffers than are supported"},
	{RINGTAP_RING_ERROR_ORDER, "order", "a device-readable buffer after a device-writable one"},
	{RINGTAP_RING_ERROR_INDIRECT_LEN, "indirect_len", "length of an indirect table is not one"},
	{RINGTAP_RING_ERROR_INDIRECT_NESTED, "indirect_nested",
	 "an indirect table inside an indirect table"},
	{RINGTAP_RING_ERROR_INDIRECT_NEXT, "indirect_next",
	 "an indirect descriptor that is part of a longer chain"},
	{RINGTAP_RING_ERROR_INDIRECT_ADDR, "indirect_addr",
	 "an indirect table outside guest memory"},
	{RINGTAP_RING_ERROR_BUFFER, "buffer", "a buffer outside guest memory"},
	{RINGTAP_RING_ERROR_DIRECTION, "direction",
	 "buffers of the wrong direction for the queue, or none"},
	{RINGTAP_RING_ERROR_HEADER, "header", "no room for, or nonsense in, the virtio-net header"},
	{RINGTAP_RING_ERROR_LOG, "log",
	 "the dirty log cannot be written, which is not the driver's doing"},
};

constexpr NlName event_names[] = {
	{RINGTAP_CMD_DEVICE_OPEN, "device_open", "opened"},
	{RINGTAP_CMD_DEVICE_CLOSE, "device_close", "closed"},
	{RINGTAP_CMD_ATTACH, "attach", "attached"},
	{RINGTAP_CMD_DETACH, "detach", "detached"},
	{RINGTAP_CMD_RING_ERROR, "ring_error", "broken"},
	{RINGTAP_CMD_TAP_GONE, "tap_gone", "interface deleted"},
};

constexpr NlName counter_names[] = {
	{RINGTAP_A_STATS_PACKETS, "packets", "frames handed to the TAP, or delivered to the guest"},
	{RINGTAP_A_STATS_BYTES, "bytes", "their bytes, without the virtio header"},
	{RINGTAP_A_STATS_BATCHES, "batches", "runs of frames handed over or delivered together"},
	{RINGTAP_A_STATS_KICKS, "kicks", "times the worker was woken for the queue"},
	{RINGTAP_A_STATS_SIGNALS, "signals", "call eventfd signalled"},
	{RINGTAP_A_STATS_SIGNALS_SUPPRESSED, "signals_suppressed",
	 "signals the driver did not want"},
	{RINGTAP_A_STATS_POLL_HITS, "poll_hits", "busy polls that found work"},
	{RINGTAP_A_STATS_POLL_MISSES, "poll_misses", "busy polls that did not"},
	{RINGTAP_A_STATS_ALONE, "alone", "frames that went one by one (sendmsg, recvmsg)"},
	{RINGTAP_A_STATS_NO_BUFFERS, "no_buffers",
	 "times the guest had posted too few receive buffers"},
	{RINGTAP_A_STATS_BACKPRESSURE, "backpressure", "times the TAP's send buffer was full"},
	{RINGTAP_A_STATS_DROP_SHORT, "drop_short", "frames under 14 bytes"},
	{RINGTAP_A_STATS_DROP_LONG, "drop_long", "frames the TAP cannot take"},
	{RINGTAP_A_STATS_DROP_HEADER, "drop_header", "virtio header that contradicts the frame"},
	{RINGTAP_A_STATS_DROP_NOMEM, "drop_nomem", "no memory for a frame"},
	{RINGTAP_A_STATS_DROP_TAP, "drop_tap", "frames the TAP refused, or the TAP is gone"},
	{RINGTAP_A_STATS_DROP_NO_ROOM, "drop_no_room", "frames larger than the guest's buffers"},
	{RINGTAP_A_STATS_DROP_OFFLOAD, "drop_offload",
	 "frames whose offload the virtio header cannot say"},
	{RINGTAP_A_STATS_DROP_DETACHED, "drop_detached",
	 "frames taken from a TAP that then went away"},
	{RINGTAP_A_STATS_DROP_TAP_FULL, "drop_tap_full",
	 "frames that a TAP had no room for when they were given back"},
	{RINGTAP_A_STATS_IOTLB_MISSES, "iotlb_misses",
	 "times the queue had to wait for a translation of the VMM's"},
	{RINGTAP_A_STATS_LOGGED_PAGES, "logged_pages",
	 "4 KiB pages of guest memory marked in the dirty log, each time anew"},
};

} // namespace

std::span<const NlName> device_states()
{
	return device_state_names;
}

std::span<const NlName> queue_states()
{
	return queue_state_names;
}

std::span<const NlName> backends()
{
	return backend_names;
}

std::span<const NlName> layouts()
{
	return layout_names;
}

std::span<const NlName> ring_errors()
{
	return ring_error_names;
}

std::span<const NlName> events()
{
	return event_names;
}

std::span<const NlName> counters()
{
	return counter_names;
}

bool is_drop(const NlName &counter)
{
	return counter.name.starts_with("drop_");
}

const NlName *find_name(std::span<const NlName> table, unsigned value)
{
	auto found = std::ranges::find(table, value, &NlName::value);

	return found == table.end() ? nullptr : &*found;
}

std::string name_or_number(std::span<const NlName> table, unsigned value)
{
	const NlName *name = find_name(table, value);

	return name ? std::string(name->name) : std::to_string(value);
}

uint64_t drops_of(const NlStats &stats)
{
	uint64_t drops = 0;

	for (const NlName &counter : counters())
		if (is_drop(counter))
			drops += stats.count(counter.value);
	return drops;
}

std::string short_features(const FeatureSet &features)
{
	std::string text;

	for (unsigned bit : features.list()) {
		std::string name = feature_name(bit);
		size_t prefix = name.find("F_");

		if (prefix != std::string::npos)
			name.erase(0, prefix + 2);
		std::ranges::transform(name, name.begin(),
				       [](unsigned char c) { return std::tolower(c); });
		text += (text.empty() ? "" : " ") + name;
	}
	return text;
}

} // namespace ringtap
