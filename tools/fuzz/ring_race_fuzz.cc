// SPDX-License-Identifier: GPL-2.0-or-later
// LibFuzzer target: a driver in a thread of its own, which writes while the verbs run
//
// As ring_fuzz, but the last half of the input is a list of words that the second thread writes,
// round and round, to the ring and to guest memory. When which word is written is up to the
// machine. The oracle needs no luck all the same: it judges each verb by what that verb fetched,
// and on a failure prints it, which is all there is to know of the race.
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "ring_rig.h"
#include "states.h"

using namespace ringtap::fuzz;

namespace {

struct Word {
	uint8_t *at; // aligned to its size
	unsigned size;
	std::array<uint64_t, 2> values; // written in turn
};

template <class T>
void store(uint8_t *at, uint64_t value)
{
	__atomic_store_n(reinterpret_cast<T *>(at), static_cast<T>(value), __ATOMIC_RELAXED);
}

// A thread that lives as long as the program, and writes when it is told to.
class Writer {
public:
	Writer() : thread_([this] { run(); }) { thread_.detach(); }

	void start(const std::vector<Word> &words)
	{
		words_ = &words;
		writes_ = 0;
		set(running);
	}

	// The number of words written. None is from here on.
	uint64_t stop()
	{
		set(stopping);
		while (state_.load(std::memory_order_acquire) != idle)
			std::this_thread::yield();
		return writes_;
	}

private:
	enum State { idle, running, stopping };

	void set(State s)
	{
		state_.store(s, std::memory_order_release);
		state_.notify_one();
	}

	static void write(const Word &w, uint64_t value)
	{
		switch (w.size) {
		case 1:
			return store<uint8_t>(w.at, value);
		case 2:
			return store<uint16_t>(w.at, value);
		case 4:
			return store<uint32_t>(w.at, value);
		default:
			return store<uint64_t>(w.at, value);
		}
	}

	[[noreturn]] void run()
	{
		for (;;) {
			state_.wait(idle, std::memory_order_acquire);
			for (size_t round = 0; state_.load(std::memory_order_acquire) == running;
			     round++) {
				for (const Word &w : *words_)
					write(w, w.values[round % 2]);
				writes_ += words_->size();
			}
			state_.store(idle, std::memory_order_release);
		}
	}

	std::atomic<State> state_{idle};
	const std::vector<Word> *words_ = nullptr;
	uint64_t writes_ = 0;
	std::thread thread_;
};

std::vector<Word> words_of(Script &script, RingRig &rig)
{
	std::vector<Word> words;
	while (!script.done() && words.size() < 256) {
		uint8_t how = script.byte();
		RingBlock &block = *rig.memory()[how % 4];
		// mostly whole words near the start of an area: indices, flags, first slots
		size_t at = how & 16 ? script.take<uint16_t>() : script.byte();
		unsigned size = 1U << (how >> 2 & 3);
		if (block.size() < size)
			continue;
		at = at % (block.size() - size + 1) & ~(size - size_t{1});
		uint64_t value = script.take<uint16_t>();
		if (how & 32) // length and flags of a split descriptor
			value |= uint64_t{script.take<uint16_t>()} << 32;
		words.push_back({block.data() + at, size, {value, value ^ script.byte()}});
	}
	return words;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	count_states("ring_race_fuzz");
	return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static auto *writer = new Writer;
	states().inputs++;
	Script script(data, size);
	Script writing = script.split();
	RingRig rig(script);
	const std::vector<Word> words = words_of(writing, rig);
	if (words.empty())
		return 0;
	writer->start(words);
	for (unsigned steps = 0; rig.running() && !script.done() && steps < 2000; steps++)
		rig.step(script);
	states().raced += writer->stop();
	return 0;
}
