// SPDX-License-Identifier: GPL-2.0-or-later
// How numbers, times and names of strangers are written for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringtap {

// Text from elsewhere without what a terminal would obey: control characters and bytes that are no
// UTF-8 become "\xNN".
[[nodiscard]] std::string printable(std::string_view text);

// "850 ns", "1.02 us", "12.3 s", "3 min 20 s", "2 h 5 min", "4 d 3 h".
[[nodiscard]] std::string duration_text(uint64_t nanoseconds);

// Three significant digits: "999", "1.23 k", "45.6 M".
[[nodiscard]] std::string scaled_text(double value);

// "512 bytes", "2.00 GiB".
[[nodiscard]] std::string bytes_text(uint64_t bytes);

// Since when, as a duration up to now; empty where since is not known.
[[nodiscard]] std::string since_text(const std::optional<uint64_t> &since, uint64_t now);

// That the module is too old to tell of some things, named here; empty where there are none.
[[nodiscard]] std::string untold_text(const std::vector<std::string_view> &what);

// Columns as wide as what is in them, two spaces apart; the numbers of right_aligned columns end
// below each other. The first row is the head.
[[nodiscard]] std::string table_text(const std::vector<std::vector<std::string>> &rows,
				     const std::vector<bool> &right_aligned);

} // namespace ringtap
