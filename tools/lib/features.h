// SPDX-License-Identifier: GPL-2.0-or-later
// Virtio and vhost feature bits: a set of them, and their names.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringtap {

// One known feature bit.
struct FeatureBit {
	unsigned bit;
	std::string_view name;    // as the virtio specification spells it, without VIRTIO_
	std::string_view meaning; // half a sentence
};

// A set of virtio feature bits 0 to 127, the room that VHOST_GET_FEATURES_ARRAY has today.
class FeatureSet {
public:
	static constexpr unsigned words = 2;
	static constexpr unsigned bits = 64 * words;

	constexpr FeatureSet() = default;
	constexpr explicit FeatureSet(uint64_t low, uint64_t high = 0) : word_{low, high} {}
	constexpr FeatureSet(std::initializer_list<unsigned> list)
	{
		for (unsigned bit : list)
			add(bit);
	}

	constexpr void add(unsigned bit) { word_[bit / 64] |= 1ull << (bit % 64); }
	constexpr void remove(unsigned bit) { word_[bit / 64] &= ~(1ull << (bit % 64)); }
	[[nodiscard]] constexpr bool has(unsigned bit) const
	{
		return bit < bits && (word_[bit / 64] >> (bit % 64) & 1);
	}
	[[nodiscard]] constexpr uint64_t low() const { return word_[0]; }
	[[nodiscard]] constexpr uint64_t high() const { return word_[1]; }
	[[nodiscard]] constexpr bool empty() const { return !word_[0] && !word_[1]; }

	// What is in this set and not in other.
	[[nodiscard]] constexpr FeatureSet without(const FeatureSet &other) const
	{
		return FeatureSet(word_[0] & ~other.word_[0], word_[1] & ~other.word_[1]);
	}
	[[nodiscard]] constexpr FeatureSet operator&(const FeatureSet &other) const
	{
		return FeatureSet(word_[0] & other.word_[0], word_[1] & other.word_[1]);
	}
	[[nodiscard]] constexpr FeatureSet operator|(const FeatureSet &other) const
	{
		return FeatureSet(word_[0] | other.word_[0], word_[1] | other.word_[1]);
	}
	constexpr bool operator==(const FeatureSet &) const = default;

	// The members in ascending order.
	[[nodiscard]] std::vector<unsigned> list() const;

	// As one number: "0x100008000".
	[[nodiscard]] std::string hex() const;

	// "VERSION_1 RING_PACKED bit41"; "none" for the empty set.
	[[nodiscard]] std::string text() const;

private:
	std::array<uint64_t, words> word_{};
};

// Known bits of a virtio-net device as vhost sees it, ascending.
[[nodiscard]] std::span<const FeatureBit> known_features();

// Known backend feature bits (VHOST_GET_BACKEND_FEATURES).
[[nodiscard]] std::span<const FeatureBit> known_backend_features();

// "RING_PACKED", or "bit41" for one without a name.
[[nodiscard]] std::string feature_name(unsigned bit);
[[nodiscard]] std::string backend_feature_name(unsigned bit);

// "RING_PACKED", "ring_packed", "VIRTIO_F_RING_PACKED", "34" or "bit34" to a bit number.
[[nodiscard]] std::optional<unsigned> feature_by_name(std::string_view name);

// Backend feature bits in words.
[[nodiscard]] std::string backend_features_text(uint64_t features);

} // namespace ringtap
