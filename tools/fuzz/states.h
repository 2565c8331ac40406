// SPDX-License-Identifier: GPL-2.0-or-later
// Counts the states a campaign has seen: a verb call or a driver's write is one
#ifndef RINGTAP_FUZZ_STATES_H
#define RINGTAP_FUZZ_STATES_H

#include <cstdint>

namespace ringtap::fuzz {

struct States {
	uint64_t inputs = 0;
	uint64_t verbs = 0;  // calls of a function under test
	uint64_t writes = 0; // of a driver, by the script, one after the other with the verbs
	uint64_t raced = 0;  // of a driver, by a thread of its own while verbs ran
};

// Of this process. Appended to the file that RINGTAP_FUZZ_STATES names when the process ends,
// as one line: name, inputs, verbs, writes, raced.
States &states();

// What count_states() was told goes before the numbers. Call it once, before anything is counted.
void count_states(const char *name);

// For a process that is about to abort.
void write_states();

} // namespace ringtap::fuzz

#endif
