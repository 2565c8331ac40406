// SPDX-License-Identifier: GPL-2.0-or-later
// Changes the scheduling class of the calling thread.
#include "bench/give_way.h"

#include <cerrno>
#include <utility>

#include <sched.h>

namespace ringtap {

Result<GiveWay> GiveWay::begin()
{
	sched_param parameters{};

	if (::sched_setscheduler(0, SCHED_IDLE, &parameters) < 0)
		return fail(errno, "run at", "the lowest priority", "run as root");
	return GiveWay();
}

Result<Done> GiveWay::take_over()
{
	sched_param parameters{};

	parameters.sched_priority = 1;
	if (::sched_setscheduler(0, SCHED_FIFO, &parameters) < 0)
		return fail(errno, "run at", "a real-time priority", "run as root");
	return Done{};
}

GiveWay::GiveWay(GiveWay &&other) noexcept : active_(std::exchange(other.active_, false)) {}

GiveWay::~GiveWay()
{
	// Who could give it away may have it back.
	if (active_)
		(void)take_over();
}

} // namespace ringtap
