// SPDX-License-Identifier: GPL-2.0-or-later
// Units, columns, and escapes of what could disturb a terminal.
#include "cli/words_view.h"

#include <algorithm>

#include <fmt/format.h>

namespace ringtap {

namespace {

constexpr uint64_t second = 1'000'000'000;

// Length of the UTF-8 sequence at the start of text that may be printed as it is; 0 for none.
size_t harmless(std::string_view text)
{
	auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
	unsigned char lead = byte(0);
	size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

	if (lead < 0x20 || lead == 0x7f || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4 ||
	    length > text.size())
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((byte(i) & 0xc0) != 0x80)
			return 0;
	// U+0080 to U+009F are control characters too.
	if (lead == 0xc2 && byte(1) < 0xa0)
		return 0;
	return length;
}

// Characters, taking each code point for one column.
size_t columns_of(const std::string &text)
{
	return static_cast<size_t>(std::ranges::count_if(
		text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string three_digits(double value)
{
	return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

} // namespace

std::string printable(std::string_view text)
{
	std::string result;

	while (!text.empty()) {
		size_t good = harmless(text);

		if (good)
			result += text.substr(0, good);
		else
			result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
		text.remove_prefix(std::max<size_t>(good, 1));
	}
	return result;
}

std::string duration_text(uint64_t ns)
{
	uint64_t s = ns / second;

	if (ns < 1000)
		return fmt::format("{} ns", ns);
	if (ns < second / 1000)
		return three_digits(static_cast<double>(ns) / 1e3) + " us";
	if (ns < second)
		return three_digits(static_cast<double>(ns) / 1e6) + " ms";
	if (s < 60)
		return three_digits(static_cast<double>(ns) / 1e9) + " s";
	if (s < 3600)
		return fmt::format("{} min {} s", s / 60, s % 60);
	if (s < 86400)
		return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
	return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

std::string scaled_text(double value)
{
	const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};
	size_t unit = 0;

	if (value < 999.5)
		return fmt::format("{:.0f}", value);
	for (; value >= 999.5 && unit + 1 < std::size(units); unit++)
		value /= 1000;
	return three_digits(value) + units[unit];
}

std::string bytes_text(uint64_t bytes)
{
	const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = static_cast<double>(bytes);
	size_t unit = 0;

	for (; value >= 1024 && unit + 1 < std::size(units); unit++)
		value /= 1024;
	return unit ? fmt::format("{} {}", three_digits(value), units[unit])
		    : fmt::format("{} bytes", bytes);
}

std::string since_text(const std::optional<uint64_t> &since, uint64_t now)
{
	return since ? duration_text(now > *since ? now - *since : 0) : "";
}

std::string untold_text(const std::vector<std::string_view> &what)
{
	if (what.empty())
		return "";
	return fmt::format(
		"the module is older than this version of ringtap: it tells nothing of {}",
		fmt::join(what, " and "));
}

std::string table_text(const std::vector<std::vector<std::string>> &rows,
		       const std::vector<bool> &right_aligned)
{
	std::vector<size_t> widths(right_aligned.size());
	std::string text;

	for (const auto &row : rows)
		for (size_t i = 0; i < row.size(); i++)
			widths[i] = std::max(widths[i], columns_of(row[i]));
	for (const auto &row : rows) {
		std::string line;

		for (size_t i = 0; i < row.size(); i++) {
			std::string gap(widths[i] - columns_of(row[i]), ' ');

			line += i ? "  " : "";
			line += right_aligned[i] ? gap + row[i] : row[i] + gap;
		}
		text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
	}
	return text;
}

} // namespace ringtap
