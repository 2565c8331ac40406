// SPDX-License-Identifier: GPL-2.0-or-later
// GiveWay: lets the workers on the driver's processor finish what they have, uninterrupted.
#pragma once

#include "lib/result.h"

namespace ringtap {

// The calling thread has a real-time priority, but for as long as one of these exists the lowest
// there is: it wakes up when nobody else on its processor has anything to do.
class GiveWay {
public:
	[[nodiscard]] static Result<GiveWay> begin();

	// The priority the driver has without: bursts are complete before anybody else runs.
	[[nodiscard]] static Result<Done> take_over();

	GiveWay(GiveWay &&other) noexcept;
	GiveWay &operator=(GiveWay &&) = delete;
	GiveWay(const GiveWay &) = delete;
	GiveWay &operator=(const GiveWay &) = delete;
	~GiveWay();

private:
	GiveWay() = default;

	bool active_ = true;
};

} // namespace ringtap
