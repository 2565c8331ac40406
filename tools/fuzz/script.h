// SPDX-License-Identifier: GPL-2.0-or-later
// A fuzz input read as a script: values one after the other, zeroes when it has run out
#ifndef RINGTAP_FUZZ_SCRIPT_H
#define RINGTAP_FUZZ_SCRIPT_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ringtap::fuzz {

class Script {
public:
	Script(const uint8_t *data, size_t size) : data_(data), size_(size) {}
	bool done() const { return size_ == 0; }

	template <class T>
	T take()
	{
		T v{};
		size_t n = sizeof(v) < size_ ? sizeof(v) : size_;
		if (n)
			std::memcpy(&v, data_, n);
		data_ += n;
		size_ -= n;
		return v;
	}

	uint8_t byte() { return take<uint8_t>(); }
	// A number below limit, which is not 0 and at most 65,536.
	uint32_t below(uint32_t limit)
	{
		return (limit > 256 ? take<uint16_t>() : uint32_t{byte()}) % limit;
	}

	// Take the last half of what is left away, as a script of its own.
	Script split()
	{
		size_t n = size_ / 2;
		size_ -= n;
		return {data_ + size_, n};
	}

private:
	const uint8_t *data_;
	size_t size_;
};

} // namespace ringtap::fuzz

#endif
