// SPDX-License-Identifier: GPL-2.0-or-later
// A ring, its eventfds, and how a vhost device is told about both.
#include "guest/virtqueue.h"

namespace ringtap {

namespace {

uint64_t guest_of(const GuestMemory &memory, uint64_t user)
{
	return memory.guest(reinterpret_cast<const void *>(user)).value_or(0);
}

} // namespace

Virtqueue::Virtqueue(Ring ring, const GuestMemory &memory, EventFd kick, EventFd call,
		     EventFd error) :
	ring_(std::move(ring)),
	kick_(std::move(kick)), call_(std::move(call)), error_(std::move(error))
{
	VringAddress user = address();

	guest_address_ = {guest_of(memory, user.desc), guest_of(memory, user.driver),
			  guest_of(memory, user.device)};
}

Result<Virtqueue> Virtqueue::create(GuestMemory &memory, const QueueOptions &options)
{
	EventFd kick = TRY(EventFd::create());
	EventFd call = TRY(EventFd::create());
	EventFd error = TRY(EventFd::create());

	if (options.layout == Layout::packed)
		return Virtqueue(TRY(PackedQueue::create(memory, options)), memory, std::move(kick),
				 std::move(call), std::move(error));
	return Virtqueue(TRY(SplitQueue::create(memory, options)), memory, std::move(kick),
			 std::move(call), std::move(error));
}

Result<Done> Virtqueue::kick()
{
	bool wanted = std::visit([](auto &q) { return q.publish(); }, ring_);

	if (!wanted) {
		counts_.kicks_saved++;
		return Done{};
	}
	counts_.kicks++;
	return kick_.signal();
}

Result<uint64_t> Virtqueue::drain_signals()
{
	uint64_t count = TRY(call_.drain());

	counts_.signals += count;
	return count;
}

Result<Done> Virtqueue::connect(const VhostDevice &device, unsigned index, bool iotlb) const
{
	TRY(device.set_vring_num(index, size()));
	TRY(device.set_vring_base(index, base()));
	TRY(device.set_vring_addr(index, iotlb ? guest_address() : address()));
	TRY(device.set_vring_kick(index, kick_.get()));
	TRY(device.set_vring_call(index, call_.get()));
	return device.set_vring_err(index, error_.get());
}

} // namespace ringtap
