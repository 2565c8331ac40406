// SPDX-License-Identifier: GPL-2.0-or-later
// What a verb did to shared memory, access by access, and a reader that follows it
#include "access_log.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "shim.h"
#include "states.h"

namespace ringtap::fuzz {

static const AccessLog *current;

void fail(const char *what)
{
	std::fprintf(stderr, "oracle: %s\n", what);
	if (current)
		current->print();
	write_states();
	std::abort();
}

AccessLog::AccessLog()
{
	current = this;
	rtap_shim_watch(watch, this);
}

AccessLog::~AccessLog()
{
	rtap_shim_watch(nullptr, nullptr);
	current = nullptr;
}

void AccessLog::begin(const char *verb, size_t budget)
{
	accesses_.clear();
	data_.clear();
	verb_ = verb;
	budget_ = budget;
}

void AccessLog::interfere(Between between, void *arg)
{
	between_ = between;
	between_arg_ = arg;
}

void AccessLog::watch(void *self, const void *shared, const void *value, size_t n, int store)
{
	auto &log = *static_cast<AccessLog *>(self);
	if (log.accesses_.size() == log.budget_)
		fail("the verb does not end");
	const auto *bytes = static_cast<const uint8_t *>(value);
	log.accesses_.push_back(
		{static_cast<const uint8_t *>(shared), n, log.data_.size(), store != 0, !value});
	if (value)
		log.data_.insert(log.data_.end(), bytes, bytes + n);
	if (log.between_)
		log.between_(log.between_arg_, log.accesses_.back());
}

void AccessLog::print() const
{
	std::fprintf(stderr, "%s made %zu accesses:\n", verb_, accesses_.size());
	size_t first = accesses_.size() > 64 ? accesses_.size() - 64 : 0;
	for (size_t i = first; i < accesses_.size(); i++) {
		const Access &a = accesses_[i];
		std::fprintf(stderr, "  %s %p + %zu%s", a.store ? "store" : "load",
			     static_cast<const void *>(a.at), a.len, a.faulted ? " faulted" : ":");
		for (size_t k = 0; !a.faulted && k < a.len && k < 32; k++)
			std::fprintf(stderr, " %02x", bytes(a)[k]);
		std::fputc('\n', stderr);
	}
}

// The next part of an access; false if it faulted.
bool Replay::next(const void *at, size_t len, bool store, const uint8_t *&bytes, size_t &part)
{
	if (access_ == log_.accesses().size())
		fail("the verb did not look, or write, where it has to");
	const Access &a = log_.accesses()[access_];
	if (a.store != store)
		fail(store ? "a load where a store has to come"
			   : "a store where a load has to come");
	if (a.at + done_ != at)
		fail(store ? "a store in the wrong place"
			   : "a load in the wrong place, or a second time");
	part = a.len - done_ < len ? a.len - done_ : len;
	bytes = log_.bytes(a) + done_;
	done_ += part;
	if (done_ == a.len || a.faulted) {
		access_++;
		done_ = 0;
	}
	return !a.faulted;
}

bool Replay::load(const void *at, size_t len, void *to)
{
	const auto *from = static_cast<const uint8_t *>(at);
	auto *out = static_cast<uint8_t *>(to);
	while (len > 0) {
		const uint8_t *bytes;
		size_t part;
		if (!next(from, len, false, bytes, part))
			return false;
		std::memcpy(out, bytes, part);
		from += part;
		out += part;
		len -= part;
	}
	return true;
}

bool Replay::store(const void *at, const void *bytes, size_t len)
{
	const auto *to = static_cast<const uint8_t *>(at);
	const auto *want = static_cast<const uint8_t *>(bytes);
	while (len > 0) {
		const uint8_t *got;
		size_t part;
		if (!next(to, len, true, got, part))
			return false;
		if (std::memcmp(got, want, part) != 0)
			fail("a store of the wrong value");
		to += part;
		want += part;
		len -= part;
	}
	return true;
}

void Replay::finish() const
{
	if (access_ != log_.accesses().size() || done_)
		fail("an access too many");
}

} // namespace ringtap::fuzz
