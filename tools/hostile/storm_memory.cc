// SPDX-License-Identifier: GPL-2.0-or-later
// Translations and dirty logs of a storm. Nothing here minds what becomes of it.
#include "hostile/storm_memory.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/vhost_abi.h"

namespace ringtap {

namespace {

constexpr uint64_t page = 4096;
constexpr unsigned log_shift = 12 + 3; // a bit for a page

void write_message(int fd, const vhost_iotlb_msg &iotlb)
{
	vhost_msg_v2 message{};

	message.type = VHOST_IOTLB_MSG_V2;
	message.iotlb = iotlb;
	(void)!::write(fd, &message, sizeof(message));
}

uint64_t user_address(const StormMemory &memory)
{
	return reinterpret_cast<uintptr_t>(memory.user);
}

} // namespace

void storm_translate(int fd, const StormMemory &memory)
{
	uint64_t user = user_address(memory);

	for (uint64_t iova : {memory.guest, user})
		write_message(fd, {iova, memory.size, user, VHOST_ACCESS_RW, VHOST_IOTLB_UPDATE});
}

void storm_take_back(int fd, const StormMemory &memory, StormRandom &random)
{
	uint64_t pages = memory.size / page, first = random() % pages * page;
	uint64_t start = random() % 2 != 0 ? memory.guest : user_address(memory);

	if (random() % 8 == 0)
		write_message(fd, {0, ~0ull, 0, 0, VHOST_IOTLB_INVALIDATE});
	else
		write_message(fd, {start + first, (1 + random() % 8) * page, 0, 0,
				   VHOST_IOTLB_INVALIDATE});
}

void storm_log(int fd, const StormMemory &memory, StormRandom &random)
{
	uint64_t base = user_address(memory) + random() % memory.size - (memory.guest >> log_shift);

	(void)::ioctl(fd, VHOST_SET_LOG_BASE, &base);
}

} // namespace ringtap
