// SPDX-License-Identifier: GPL-2.0-or-later
// Words for an Error.
#include "lib/result.h"

#include <cstring>

#include <fmt/format.h>

namespace ringtap {

std::string Error::message() const
{
	std::string text = fmt::format("cannot {}", what);

	if (!on.empty())
		text += fmt::format(" {}", on);
	if (code) {
		const char *name = ::strerrorname_np(code);

		text += fmt::format(": {} ({})", ::strerrordesc_np(code) ?: "unknown error",
				    name ? name : std::to_string(code).c_str());
	}
	if (!hint.empty())
		text += fmt::format("; {}", hint);
	return text;
}

} // namespace ringtap
