// SPDX-License-Identifier: GPL-2.0-or-later
// What a verb did to shared memory, access by access, and a reader that follows it
#ifndef RINGTAP_FUZZ_ACCESS_LOG_H
#define RINGTAP_FUZZ_ACCESS_LOG_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringtap::fuzz {

// Say what is wrong, print the log of the verb that did it, and abort.
[[noreturn]] void fail(const char *what);

struct Access {
	const uint8_t *at; // in shared memory
	size_t len;
	size_t data; // where the log has a copy of the bytes, as they were loaded or stored
	bool store;
	bool faulted;
};

// Watches the kernel sources through the shim while it lives. One at a time.
class AccessLog {
public:
	// Runs after each load and before each store: the moment for a driver to interfere.
	using Between = void (*)(void *arg, const Access &access);

	AccessLog();
	~AccessLog();
	AccessLog(const AccessLog &) = delete;
	AccessLog &operator=(const AccessLog &) = delete;
	AccessLog(AccessLog &&) = delete;
	AccessLog &operator=(AccessLog &&) = delete;

	// A verb begins. One that makes more accesses than budget does not end: that fails.
	void begin(const char *verb, size_t budget);
	void interfere(Between between, void *arg);
	void print() const;

	const std::vector<Access> &accesses() const { return accesses_; }
	const uint8_t *bytes(const Access &a) const { return data_.data() + a.data; }
	const char *verb() const { return verb_; }

private:
	static void watch(void *self, const void *shared, const void *value, size_t n, int store);

	std::vector<Access> accesses_;
	std::vector<uint8_t> data_;
	const char *verb_ = "nothing";
	size_t budget_ = 0;
	Between between_ = nullptr;
	void *between_arg_ = nullptr;
};

// Follows a verb through its log. Whoever reads says which access has to come next, so that one
// too many, one too few or one elsewhere is found; how they are batched is left to the verb.
class Replay {
public:
	explicit Replay(const AccessLog &log) : log_(log) {}

	// These bytes are loaded next; what was loaded goes to to. False if the access faulted.
	bool load(const void *at, size_t len, void *to);
	// These bytes are stored next. False if the access faulted.
	bool store(const void *at, const void *bytes, size_t len);
	// Nothing else was done.
	void finish() const;

private:
	bool next(const void *at, size_t len, bool store, const uint8_t *&bytes, size_t &part);

	const AccessLog &log_;
	size_t access_ = 0;
	size_t done_ = 0; // bytes of that access that are accounted for
};

} // namespace ringtap::fuzz

#endif
