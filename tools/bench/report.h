// SPDX-License-Identifier: GPL-2.0-or-later
// Report: all samples of a measurement, as JSON and as a table of medians and ratios.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/burst.h"

namespace ringtap {

// Which of its samples stands for a measurement. Whatever else a machine does can make a run on real
// time slower only: the fastest is the closest to what the code costs.
enum class Pick { median, fastest };

class Report {
public:
	// The first subject is what the others are compared with. The unit is what a nanosecond of
	// this machine's clock stands for: "ns", or "instructions".
	Report(std::string title, std::string unit, std::vector<Subject> subjects,
	       Pick pick = Pick::median);

	void add(size_t subject, const Workload &workload, const Sample &sample);

	[[nodiscard]] nlohmann::ordered_json json() const;
	[[nodiscard]] std::string table() const;

private:
	struct Row {
		Workload workload;
		std::vector<std::vector<Sample>> samples; // by subject
	};

	[[nodiscard]] double value(const std::vector<Sample> &samples) const;
	[[nodiscard]] double spread(const std::vector<Sample> &samples) const;

	std::string title_, unit_;
	std::vector<Subject> subjects_;
	Pick pick_;
	std::vector<Row> rows_;
};

} // namespace ringtap
