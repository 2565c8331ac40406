// SPDX-License-Identifier: GPL-2.0-or-later
// Posts bursts, waits for them to be done, and reads the worker's clock around them.
#include "bench/burst.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "bench/give_way.h"
#include "bench/tap_counters.h"

namespace ringtap {

namespace {

constexpr int stall_ms = 10000;
constexpr size_t page = 4096;

Result<Done> lost(const char *where, uint64_t wanted, uint64_t got)
{
	return fail(EIO, "trust", fmt::format("{}: {} frames of {} arrived", where, got, wanted),
		    "the measurement is worthless; the queue's counters and dmesg may say why");
}

} // namespace

BurstDriver::BurstDriver(const Workload &workload) :
	workload_(workload), stream_({workload.direction, workload.size, false})
{
}

Result<Done> BurstDriver::start(const Subject &subject, Tap &tap, const BenchMemory &memory,
				int cpu)
{
	net_.queue.layout = subject.layout;
	net_.queue.size = workload_.ring_size;
	NetGuest::Needs needs = NetGuest::memory_needed(net_);
	size_t size = needs.rings + needs.buffers + page;

	if (memory.device.empty())
		TRY(memory_.add({MemoryKind::anon, size}));
	else
		TRY(memory_.add_device(memory.device, size));
	// The first touch of a page is not the worker's to pay.
	for (const MemoryRegion &region : memory_.regions())
		std::memset(reinterpret_cast<void *>(region.user), 0, region.size);
	guest_ = TRY(NetGuest::create(memory_, net_));
	if (!workload_.transmits()) {
		// An ethertype of nobody: what this socket sends must not come back to it.
		socket_ = TRY(PacketSocket::open({tap.ifindex(), ETH_P_LOOPBACK}));
	}
	TRY(tap.set_vnet_hdr_size(int(guest_->header_size())));

	device_ = TRY(VhostDevice::open(subject.node));
	TRY(device_->set_owner());
	clock_ = TRY(WorkerClock::find());
	TRY(clock_->pin(cpu));
	TRY(negotiate(subject.logged));
	TRY(device_->set_memory(memory_.regions()));
	TRY(guest_->fill());
	TRY(guest_->start(*device_, tap.queue().get()));
	if (subject.logged)
		TRY(log_rings());
	TRY(guest_->rx().kick());

	GiveWay way = TRY(GiveWay::begin());

	return clock_->settle();
}

Result<Done> BurstDriver::negotiate(bool logged)
{
	FeatureSet features = NetGuest::features(net_);
	uint64_t end = 0;

	if (logged) {
		for (const MemoryRegion &region : memory_.regions())
			end = std::max(end, region.guest + region.size);
		// A bit for a page.
		log_.resize(end / page / 8 + page);
		TRY(device_->set_log_base(log_.data()));
		features.add(VHOST_F_LOG_ALL);
	}
	return device_->set_features(features);
}

// Rings are logged once VHOST_SET_VRING_ADDR says where they are for the guest.
Result<Done> BurstDriver::log_rings()
{
	const Virtqueue *queues[] = {&guest_->rx(), &guest_->tx()};

	for (unsigned i = 0; i < 2; i++)
		TRY(device_->set_vring_addr(i, queues[i]->address(),
					    queues[i]->guest_address().device));
	return Done{};
}

// Sleep until the device signals, and on until the worker has nothing left to do.
Result<Done> BurstDriver::wait(Virtqueue &queue)
{
	GiveWay way = TRY(GiveWay::begin());

	if (!TRY(queue.call().wait(stall_ms)))
		return fail(ETIMEDOUT, "wait for", "the device to use a burst",
			    "the device lost a frame or a notification (a bug of the module)");
	TRY(clock_->settle());
	queue.disable_cb();
	TRY(queue.drain_signals());
	return Done{};
}

Result<Done> BurstDriver::transmit()
{
	for (unsigned i = 0; i < workload_.batch; i++) {
		FrameStream::Frame frame = stream_.make(sent_++);

		if (!TRY(guest_->send(frame.offload, frame.bytes)))
			return fail(ENOSPC, "post", "a whole burst", "use a smaller --batch");
	}
	// The signal is asked for before the device can be done, as by a driver that sleeps.
	(void)guest_->tx().enable_cb();
	TRY(guest_->tx().kick());
	TRY(wait(guest_->tx()));

	unsigned done = TRY(guest_->reap());

	if (done != workload_.batch)
		TRY(lost("used ring", workload_.batch, done));
	return Done{};
}

Result<Done> BurstDriver::take_received()
{
	uint64_t frames = 0, first = sent_ - workload_.batch;

	while (auto frame = TRY(guest_->receive())) {
		uint64_t sequence = TRY(stream_.check(frame->offload, frame->bytes));

		if (sequence != first + frames)
			return fail(EIO, "trust",
				    fmt::format("the order of frames: {} came", sequence));
		frames++;
	}
	if (frames != workload_.batch)
		TRY(lost("used ring", workload_.batch, frames));
	return Done{};
}

Result<Done> BurstDriver::receive()
{
	(void)guest_->rx().enable_cb();
	for (unsigned i = 0; i < workload_.batch; i++)
		if (!TRY(socket_->send({}, stream_.make(sent_++).bytes)))
			return fail(ENOBUFS, "push", "a whole burst into the TAP",
				    "its queue is full; use a smaller --batch");
	TRY(wait(guest_->rx()));
	TRY(take_received());
	TRY(guest_->fill());
	TRY(guest_->rx().kick());
	// A device that asked for the kick looks at what is new before the next burst comes.
	GiveWay way = TRY(GiveWay::begin());

	return clock_->settle();
}

Result<Done> BurstDriver::bursts(uint64_t packets)
{
	for (uint64_t done = 0; done < packets; done += workload_.batch) {
		TRY(workload_.transmits() ? transmit() : receive());
		bursts_++;
	}
	return Done{};
}

Result<Sample> BurstDriver::run(const Subject &subject, const Workload &workload, Tap &tap,
				const BenchMemory &memory, int cpu)
{
	BurstDriver driver(workload);

	TRY(WorkerClock::wait_for_none());
	TRY(driver.start(subject, tap, memory, cpu));

	NetGuest &guest = *driver.guest_;
	Virtqueue &queue = workload.transmits() ? guest.tx() : guest.rx();
	TapCounters before = TRY(TapCounters::read(tap.name()));

	TRY(driver.bursts(workload.warm_up));

	uint64_t warm = driver.sent_, warm_bursts = driver.bursts_;
	NotifyCounts counts = queue.counts();
	uint64_t start = TRY(driver.clock_->nanoseconds());

	TRY(driver.bursts(workload.packets));

	uint64_t end = TRY(driver.clock_->nanoseconds());
	TapCounters after = TRY(TapCounters::read(tap.name()));
	uint64_t counted = workload.transmits() ? after.received - before.received
						: after.transmitted - before.transmitted;

	// What the guest sends, the TAP receives.
	if (counted != driver.sent_)
		TRY(lost(tap.name().c_str(), driver.sent_, counted));
	TRY(guest.stop(*driver.device_));
	return Sample{driver.sent_ - warm, driver.bursts_ - warm_bursts, end - start,
		      queue.counts().kicks - counts.kicks, queue.counts().signals - counts.signals};
}

} // namespace ringtap
