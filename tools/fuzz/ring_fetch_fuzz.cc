// SPDX-License-Identifier: GPL-2.0-or-later
// LibFuzzer target: a driver that writes between any two accesses of a verb, the same each time
//
// As ring_fuzz, but the last half of the input is a second script. It is asked after each load
// and before each store that a verb makes: to leave the ring alone, to change the very bytes
// that were loaded, or to write as a driver does. Whatever is fetched twice is found out.
#include "ring_rig.h"
#include "states.h"

using namespace ringtap::fuzz;

namespace {

struct Meddler {
	RingRig &rig;
	Script script;

	static void between(void *self, const Access &access)
	{
		auto &m = *static_cast<Meddler *>(self);
		if (m.script.done())
			return;
		uint8_t what = m.script.byte();
		if (what < 64)
			return;
		if (what >= 192)
			return m.rig.drive(m.script);
		if (access.store || access.faulted)
			return;
		states().writes++;
		// what is watched is memory of ours that the driver shares
		auto *bytes = const_cast<uint8_t *>(access.at);
		uint8_t change = what < 128 ? 0xff : m.script.byte();
		size_t n = access.len < 16 ? access.len : 16;
		for (size_t i = 0; i < n; i++)
			bytes[i] ^= change;
	}
};

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	count_states("ring_fetch_fuzz");
	return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	states().inputs++;
	Script script(data, size);
	Script meddling = script.split();
	RingRig rig(script);
	Meddler meddler{rig, meddling};
	rig.checked().log().interfere(Meddler::between, &meddler);
	for (unsigned steps = 0; rig.running() && !script.done() && steps < 2000; steps++)
		rig.step(script);
	return 0;
}
