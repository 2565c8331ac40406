// SPDX-License-Identifier: GPL-2.0-or-later
// The list of checks, and what they add up to.
#include "lib/readiness.h"

#include <algorithm>

#include "lib/node.h"

namespace ringtap {

bool Readiness::ready() const
{
	return count(Verdict::fail) == 0;
}

size_t Readiness::count(Verdict verdict) const
{
	return static_cast<size_t>(
		std::count_if(findings.begin(), findings.end(),
			      [=](const Finding &finding) { return finding.verdict == verdict; }));
}

const char *verdict_name(Verdict verdict)
{
	switch (verdict) {
	case Verdict::ok:
		return "ok";
	case Verdict::warn:
		return "warn";
	case Verdict::fail:
		break;
	}
	return "FAIL";
}

Readiness Readiness::of(const Host &host, const std::string &node)
{
	std::string path = node;
	Readiness readiness;

	if (path.empty()) {
		auto name = host.parameter("ringtap", "node");

		path = name ? "/dev/" + *name : default_node;
	}
	for (auto &answer :
	     {check::kernel(host), check::module(host), check::dependencies(host),
	      check::stock(host), check::signing(host), check::regions(host),
	      check::node(host, path), check::tun(host), check::kvm(host), check::group(host),
	      check::privileges(host), check::files(host), check::threads(host),
	      check::memory(host), check::qemu(host), check::apparmor(host, path)})
		if (answer)
			readiness.findings.push_back(*answer);
	return readiness;
}

} // namespace ringtap
