// SPDX-License-Identifier: GPL-2.0-or-later
// Result<T>: a value, or an Error that says what failed, on what, and what to do about it.
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace ringtap {

// Reads as a sentence: "cannot <what> <on>: <errno in words>; <hint>".
struct Error {
	int code = 0;     // errno value, 0 where no system call failed
	std::string what; // what failed, as a verb phrase: "open"
	std::string on;   // on what: "/dev/vhost-net"
	std::string hint; // what the user can do; may be empty

	[[nodiscard]] std::string message() const;
};

// The value of a step that has none.
struct Done {};

template <class T>
using Result = tl::expected<T, Error>;

// fail(errno, "open", path, "load the module") makes any Result<T> a failed one.
[[nodiscard]] inline tl::unexpected<Error> fail(int code, std::string what, std::string on,
						std::string hint = {})
{
	return tl::unexpected<Error>(Error{code, std::move(what), std::move(on), std::move(hint)});
}

[[nodiscard]] inline tl::unexpected<Error> fail(Error error)
{
	return tl::unexpected<Error>(std::move(error));
}

// The value of an expression that gives a Result, or return its error to our caller.
#define TRY(expression)                                                        \
	({                                                                     \
		auto try_result = (expression);                                \
		if (!try_result)                                               \
			return ::ringtap::fail(std::move(try_result).error()); \
		std::move(*try_result);                                        \
	})

} // namespace ringtap
