// SPDX-License-Identifier: GPL-2.0-or-later
// Report: all samples of a measurement, as JSON and as a table of medians and ratios.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/burst.h"

namespace ringtap {

class Report {
public:
	// The first subject is what the others are compared with. The unit is what a nanosecond of
	// this machine's clock stands for: "ns", or "instructions".
	Report(std::string title, std::string unit, std::vector<Subject> subjects);

	void add(size_t subject, const Workload &workload, const Sample &sample);

	[[nodiscard]] nlohmann::ordered_json json() const;
	[[nodiscard]] std::string table() const;

private:
	struct Row {
		Workload workload;
		std::vector<std::vector<Sample>> samples; // by subject
	};

	std::string title_, unit_;
	std::vector<Subject> subjects_;
	std::vector<Row> rows_;
};

} // namespace ringtap
