// SPDX-License-Identifier: GPL-2.0-or-later
// LibFuzzer target: a driver that writes anything, anywhere, between the verbs of its device
//
// The first bytes choose layout, size, features and position; the rest is a script of verbs
// and driver's writes, each a byte of opcode and its arguments.
#include "ring_rig.h"
#include "states.h"

using namespace ringtap::fuzz;

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	count_states("ring_fuzz");
	return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	states().inputs++;
	Script script(data, size);
	RingRig rig(script);
	for (unsigned steps = 0; rig.running() && !script.done() && steps < 2000; steps++)
		rig.step(script);
	return 0;
}
