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

	sorted.reserve(samples.size());
	for (const Sample &sample : samples)
		sorted.push_back(sample.per_packet());
	std::ranges::sort(sorted);
	return sorted;
}

double median(const std::vector<double> &sorted)
{
	size_t middle = sorted.size() / 2;

	if (sorted.empty())
		return NAN;
	return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
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

Report::Report(std::string title, std::string unit, std::vector<Subject> subjects, Pick pick) :
	title_(std::move(title)), unit_(std::move(unit)), subjects_(std::move(subjects)),
	pick_(pick)
{
}

double Report::value(const std::vector<Sample> &samples) const
{
	std::vector<double> sorted = costs(samples);

	if (pick_ == Pick::fastest && !sorted.empty())
		return sorted.front();
	return median(sorted);
}

// How far apart the samples are, as a part of the value: all, or the faster quarter of them.
double Report::spread(const std::vector<Sample> &samples) const
{
	std::vector<double> sorted = costs(samples);
	size_t last = pick_ == Pick::fastest ? sorted.size() / 4 : sorted.size() - 1;

	return sorted.empty() ? NAN : (sorted[last] - sorted.front()) / value(samples);
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
		double reference = value(row.samples[0]);

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
					{"per_packet", two_digits(value(row.samples[i]))},
					{"ratio", two_digits(value(row.samples[i]) / reference)},
					{"spread", spread(row.samples[i])},
					{"samples", samples}});
		}
	}
	return {{"title", title_}, {"unit", unit_}, {"results", rows}};
}

std::string Report::table() const
{
	std::string text = fmt::format("{}: worker {} per packet, {}; ratio to {}\n", title_, unit_,
				       pick_ == Pick::median ? "median" : "fastest run",
				       subjects_[0].name);
	double worst = 0;

	text += fmt::format("{:<20}", "");
	for (const Subject &subject : subjects_)
		text += fmt::format(" {:>22}", subject.name);
	text += '\n';
	for (const Row &row : rows_) {
		double reference = value(row.samples[0]);

		text += fmt::format("{:<20}", name_of(row.workload));
		for (size_t i = 0; i < subjects_.size(); i++) {
			double cost = value(row.samples[i]);
			std::string ratio = i ? fmt::format(" ({:.2f})", cost / reference) : "";

			worst = std::max(worst, spread(row.samples[i]));
			text += fmt::format(" {:>22}", fmt::format("{:.0f}{}", cost, ratio));
		}
		text += '\n';
	}
	text += fmt::format("{} runs each, interleaved; {}furthest apart: {:.1f} %\n",
			    rows_.empty() ? 0 : rows_[0].samples[0].size(),
			    pick_ == Pick::median ? "" : "in the faster quarter ", 100 * worst);
	return text;
}

} // namespace ringtap
