// SPDX-License-Identifier: GPL-2.0-or-later
// Medians, spreads and ratios of samples, in two formats.
#include "bench/report.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace ringtap {

namespace {

std::vector<double> costs(const std::vector<Sample> &samples)
{
	std::vector<double> sorted;

	for (const Sample &sample : samples)
		sorted.push_back(sample.per_packet());
	std::ranges::sort(sorted);
	return sorted;
}

double median(const std::vector<Sample> &samples)
{
	std::vector<double> sorted = costs(samples);
	size_t middle = sorted.size() / 2;

	if (sorted.empty())
		return NAN;
	return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// How far apart the samples are, as a part of their median.
double spread(const std::vector<Sample> &samples)
{
	std::vector<double> sorted = costs(samples);

	return sorted.empty() ? NAN : (sorted.back() - sorted.front()) / median(samples);
}

std::string name_of(const Workload &workload)
{
	return fmt::format("{} {} B, batch {}", workload.transmits() ? "TX" : "RX", workload.size,
			   workload.batch);
}

double two_digits(double value)
{
	return std::round(value * 100) / 100;
}

} // namespace

Report::Report(std::string title, std::string unit, std::vector<Subject> subjects) :
	title_(std::move(title)), unit_(std::move(unit)), subjects_(std::move(subjects))
{
}

void Report::add(size_t subject, const Workload &workload, const Sample &sample)
{
	auto row = std::ranges::find_if(
		rows_, [&](const Row &row) { return name_of(row.workload) == name_of(workload); });

	if (row == rows_.end())
		row = rows_.insert(rows_.end(), {workload, {}});
	row->samples.resize(subjects_.size());
	row->samples[subject].push_back(sample);
}

nlohmann::ordered_json Report::json() const
{
	nlohmann::ordered_json rows = nlohmann::ordered_json::array();

	for (const Row &row : rows_) {
		double reference = median(row.samples[0]);

		for (size_t i = 0; i < subjects_.size(); i++) {
			nlohmann::ordered_json samples = nlohmann::ordered_json::array();

			for (const Sample &sample : row.samples[i])
				samples.push_back({{"packets", sample.packets},
						   {"bursts", sample.bursts},
						   {"worker", sample.worker_ns},
						   {"kicks", sample.kicks},
						   {"signals", sample.signals}});
			rows.push_back({{"direction", row.workload.transmits() ? "tx" : "rx"},
					{"size", row.workload.size},
					{"batch", row.workload.batch},
					{"subject", subjects_[i].name},
					{"per_packet", two_digits(median(row.samples[i]))},
					{"ratio", two_digits(median(row.samples[i]) / reference)},
					{"spread", spread(row.samples[i])},
					{"samples", samples}});
		}
	}
	return {{"title", title_}, {"unit", unit_}, {"results", rows}};
}

std::string Report::table() const
{
	std::string text = fmt::format("{}: worker {} per packet, median; ratio to {}\n", title_,
				       unit_, subjects_[0].name);
	double worst = 0;

	text += fmt::format("{:<20}", "");
	for (const Subject &subject : subjects_)
		text += fmt::format("{:>20}", subject.name);
	text += '\n';
	for (const Row &row : rows_) {
		double reference = median(row.samples[0]);

		text += fmt::format("{:<20}", name_of(row.workload));
		for (size_t i = 0; i < subjects_.size(); i++) {
			double value = median(row.samples[i]);
			std::string ratio = i ? fmt::format(" ({:.2f})", value / reference) : "";

			worst = std::max(worst, spread(row.samples[i]));
			text += fmt::format("{:>20}", fmt::format("{:.0f}{}", value, ratio));
		}
		text += '\n';
	}
	text += fmt::format("{} runs each, interleaved; furthest apart: {:.1f} %\n",
			    rows_.empty() ? 0 : rows_[0].samples[0].size(), 100 * worst);
	return text;
}

} // namespace ringtap
