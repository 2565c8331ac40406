// SPDX-License-Identifier: GPL-2.0-or-later
// sha256.h: SHA-256 (FIPS 180-4) of a stream, so that the guest needs no library.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace ringtap {

class Sha256 {
public:
	void add(const void *data, size_t size)
	{
		auto *bytes = static_cast<const uint8_t *>(data);

		total_ += size;
		while (size) {
			size_t part = std::min(size, block_.size() - fill_);

			std::memcpy(block_.data() + fill_, bytes, part);
			fill_ += part;
			bytes += part;
			size -= part;
			if (fill_ == block_.size())
				compress();
		}
	}

	// Ends the stream.
	std::string hex()
	{
		uint64_t bits = total_ * 8;
		const uint8_t one = 0x80, zero = 0;

		add(&one, 1);
		while (fill_ != block_.size() - sizeof(bits))
			add(&zero, 1);
		for (int shift = 56; shift >= 0; shift -= 8) {
			auto byte = static_cast<uint8_t>(bits >> shift);

			add(&byte, 1);
		}
		std::string text;

		for (uint32_t word : state_) {
			char digits[9];

			std::snprintf(digits, sizeof(digits), "%08x", word);
			text += digits;
		}
		return text;
	}

private:
	static constexpr std::array<uint32_t, 64> constants = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
		0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
		0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
		0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
		0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
		0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
		0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
		0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
		0xc67178f2,
	};

	void compress()
	{
		std::array<uint32_t, 64> w;
		auto [a, b, c, d, e, f, g, h] = state_;

		for (int i = 0; i < 16; i++)
			w[i] = uint32_t{block_[4 * i]} << 24 | block_[4 * i + 1] << 16 |
			       block_[4 * i + 2] << 8 | block_[4 * i + 3];
		for (int i = 16; i < 64; i++) {
			uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^
				      w[i - 15] >> 3;
			uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^
				      w[i - 2] >> 10;

			w[i] = w[i - 16] + s0 + w[i - 7] + s1;
		}
		for (int i = 0; i < 64; i++) {
			uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
			uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + constants[i] + w[i];
			uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
			uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));

			h = g, g = f, f = e, e = d + t1;
			d = c, c = b, b = a, a = t1 + t2;
		}
		const std::array<uint32_t, 8> sum = {a, b, c, d, e, f, g, h};

		for (size_t i = 0; i < sum.size(); i++)
			state_[i] += sum[i];
		fill_ = 0;
	}

	std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	std::array<uint8_t, 64> block_ = {};
	size_t fill_ = 0;
	uint64_t total_ = 0;
};

} // namespace ringtap
