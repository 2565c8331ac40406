// SPDX-License-Identifier: GPL-2.0-or-later
// What a storm tells devices of memory when it is in its right mind: translations, and where the dirty log is.
#pragma once

#include "hostile/storm.h"

namespace ringtap {

// Memory of all threads, by its guest's address and by ours.
struct StormMemory {
	uint64_t guest;
	uint8_t *user;
	size_t size;
};

// Have the device find all of it, by guest addresses and, for rings, by our own.
void storm_translate(int fd, const StormMemory &memory);
// Take pages of either kind back, or everything.
void storm_take_back(int fd, const StormMemory &memory, StormRandom &random);
// Have the dirty log be in it, too, somewhere.
void storm_log(int fd, const StormMemory &memory, StormRandom &random);

} // namespace ringtap
