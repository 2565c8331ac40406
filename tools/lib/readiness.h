// SPDX-License-Identifier: GPL-2.0-or-later
// Readiness: is a host fit to serve guests through ringtap, and if not, what to do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/host.h"

namespace ringtap {

enum class Verdict {
	ok,
	warn, // works, or works for most
	fail, // guests cannot be served like this
};

struct Finding {
	std::string name; // one word, stable: scripts look for it
	Verdict verdict = Verdict::ok;
	std::string found; // what was seen
	std::string fix;   // what to do; empty where all is well
};

struct Readiness {
	std::vector<Finding> findings;

	// Nothing fails.
	[[nodiscard]] bool ready() const;
	[[nodiscard]] size_t count(Verdict verdict) const;

	// Everything that can be known without loading, creating or changing anything. Without a node
	// given it is the one that the loaded module serves.
	[[nodiscard]] static Readiness of(const Host &host, const std::string &node = {});
};

// "ok", "warn", "FAIL".
[[nodiscard]] const char *verdict_name(Verdict verdict);

// The findings one by one; no answer where the question does not arise on the host.
namespace check {
using Answer = std::optional<Finding>;

Answer kernel(const Host &host);
Answer module(const Host &host);
Answer dependencies(const Host &host);
Answer stock(const Host &host);
Answer signing(const Host &host);
Answer regions(const Host &host);

Answer node(const Host &host, const std::string &path);
Answer tun(const Host &host);
Answer kvm(const Host &host);
Answer group(const Host &host);
Answer privileges(const Host &host);
Answer files(const Host &host);
Answer threads(const Host &host);
Answer memory(const Host &host);
Answer qemu(const Host &host);
Answer apparmor(const Host &host, const std::string &path);
} // namespace check

} // namespace ringtap
