// SPDX-License-Identifier: GPL-2.0-or-later
// The loop that sends, receives, verifies and sleeps.
#include "guest/traffic.h"

#include <algorithm>

#include <poll.h>

#include <fmt/format.h>

namespace ringtap {

Traffic::Traffic(NetGuest &guest, PacketSocket &socket, const TrafficOptions &options) :
	guest_(guest), socket_(socket),
	options_(options), tx_{FrameStream({FrameStream::Direction::to_tap, options.size,
					    options.offload}),
			       options.tx_count},
	rx_{FrameStream({FrameStream::Direction::to_guest, options.size, options.offload}),
	    options.rx_count}
{
}

// Some frames more than were sent so far, in a direction that is used at all.
void Traffic::Flow::go_on(unsigned frames)
{
	if (count)
		count = std::max(count, result.sent + frames);
}

void Traffic::Flow::started()
{
	if (!result.sent++)
		first = Clock::now();
}

// A TAP queue keeps the order, so a number that is skipped is lost.
void Traffic::Flow::arrived(const Offload &offload, std::span<const uint8_t> bytes)
{
	if (!stream.ours(bytes)) {
		result.foreign++;
		return;
	}
	auto sequence = stream.check(offload, bytes);

	if (!sequence) {
		// It took some frame's place; which one shows when the next good one comes.
		result.corrupt++;
		if (result.first_error.empty())
			result.first_error = sequence.error().message();
		return;
	}
	if (*sequence < next) {
		result.out_of_order++;
		return;
	}
	if (*sequence > next && result.first_error.empty())
		result.first_error = fmt::format("frame {} came after frame {}", *sequence,
						 int64_t(next) - 1);
	next = *sequence + 1;
	result.verified++;
	result.bytes += bytes.size();
	last = Clock::now();
}

void Traffic::Flow::finish()
{
	result.lost = count - std::min(count, result.verified + result.corrupt);
	if (result.verified)
		result.seconds = std::chrono::duration<double>(last - first).count();
}

// Guest to TAP, first half: queue a batch, kick once.
Result<unsigned> Traffic::transmit()
{
	unsigned moved = TRY(guest_.reap());
	unsigned queued = 0;

	while (queued < options_.batch && tx_.result.sent < tx_.count &&
	       tx_.under_way() < options_.tx_window) {
		FrameStream::Frame frame = tx_.stream.make(tx_.result.sent);

		if (!TRY(guest_.send(frame.offload, frame.bytes)))
			break;
		tx_.started();
		queued++;
	}
	if (queued)
		TRY(guest_.tx().kick());
	return moved + queued;
}

// Guest to TAP, second half: what the TAP gave to the network.
Result<unsigned> Traffic::capture()
{
	unsigned moved = 0;

	for (; moved < options_.batch; moved++) {
		auto frame = TRY(socket_.receive());

		if (!frame)
			break;
		const virtio_net_hdr &header = frame->header;

		tx_.arrived({header.flags, header.gso_type, header.hdr_len, header.gso_size,
			     header.csum_start, header.csum_offset},
			    frame->bytes);
	}
	return moved;
}

// TAP to guest, first half: hand frames to the network interface.
Result<unsigned> Traffic::inject()
{
	unsigned moved = 0;

	for (; moved < options_.batch && rx_.result.sent < rx_.count; moved++) {
		if (rx_.under_way() >= options_.rx_window)
			break;
		FrameStream::Frame frame = rx_.stream.make(rx_.result.sent);

		if (!TRY(socket_.send(frame.offload.header(), frame.bytes)))
			break;
		rx_.started();
	}
	return moved;
}

// TAP to guest, second half: take frames off the ring and give the buffers back.
Result<unsigned> Traffic::receive()
{
	unsigned moved = 0;

	for (; moved < options_.batch; moved++) {
		auto frame = TRY(guest_.receive());

		if (!frame)
			break;
		if (guest_.header_size() == sizeof(virtio_net_hdr_v1) && !frame->num_buffers)
			headers_without_count_++;
		rx_.arrived(frame->offload, frame->bytes);
	}
	if (TRY(guest_.fill()))
		TRY(guest_.rx().kick());
	return moved;
}

// Nothing moved: ask both queues for a signal, look once more, and wait for whatever comes first.
Result<Done> Traffic::sleep(Clock::time_point deadline)
{
	auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
	pollfd files[] = {
		{socket_.get(), POLLIN, 0},
		{guest_.rx().call().get(), POLLIN, 0},
		{guest_.tx().call().get(), POLLIN, 0},
	};
	bool rx_idle = guest_.rx().enable_cb();
	bool tx_idle = guest_.tx().enable_cb();

	if (rx_idle && tx_idle &&
	    ::poll(files, std::size(files), std::max<int>(left.count(), 0)) < 0 && errno != EINTR)
		return fail(errno, "wait for", "the queues");
	guest_.rx().disable_cb();
	guest_.tx().disable_cb();
	TRY(guest_.rx().drain_signals());
	TRY(guest_.tx().drain_signals());
	return Done{};
}

Result<Done> Traffic::run()
{
	auto deadline = Clock::now() + options_.stall;

	while (!tx_.done() || !rx_.done() || guest_.tx().in_flight()) {
		if (options_.go_on && options_.go_on()) {
			tx_.go_on(options_.batch);
			rx_.go_on(options_.batch);
		}

		unsigned moved = TRY(transmit()) + TRY(capture()) + TRY(inject()) + TRY(receive());

		if (moved) {
			deadline = Clock::now() + options_.stall;
			continue;
		}
		if (Clock::now() >= deadline) {
			stalled_ = true;
			break;
		}
		TRY(sleep(deadline));
	}
	tx_.finish();
	rx_.finish();
	return Done{};
}

} // namespace ringtap
