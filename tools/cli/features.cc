// SPDX-License-Identifier: GPL-2.0-or-later
// ringtap features: what vhost-net nodes offer, side by side.
#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "lib/probe.h"

namespace ringtap {

namespace {

struct FeaturesOptions {
	std::vector<std::string> nodes;
	bool json = false;
};

// One line of the table: does each node have it?
struct Row {
	std::string name, meaning;
	std::vector<bool> has;
};

std::string_view meaning_of(std::span<const FeatureBit> table, unsigned bit)
{
	auto found = std::ranges::find(table, bit, &FeatureBit::bit);

	return found == table.end() ? "not known to this version of ringtap" : found->meaning;
}

// The rows for bits that at least one node has.
std::vector<Row> bit_rows(const std::vector<NodeOffer> &offers, bool backend)
{
	std::vector<Row> rows;

	for (unsigned bit = 0; bit < (backend ? 64 : FeatureSet::bits); bit++) {
		auto table = backend ? known_backend_features() : known_features();
		Row row{fmt::format("{:3} {}", bit,
				    backend ? backend_feature_name(bit) : feature_name(bit)),
			std::string(meaning_of(table, bit)),
			{}};

		for (const NodeOffer &offer : offers)
			row.has.push_back(backend ? offer.backend_features >> bit & 1
						  : offer.features.has(bit));
		if (std::ranges::count(row.has, true))
			rows.push_back(row);
	}
	return rows;
}

std::vector<Row> ioctl_rows(const std::vector<NodeOffer> &offers)
{
	std::vector<Row> rows;

	for (size_t i = 0; i < offers[0].ioctls.size(); i++) {
		const IoctlSupport &ioctl = offers[0].ioctls[i];
		Row row{fmt::format("    {}", ioctl.name), std::string(ioctl.meaning), {}};

		for (const NodeOffer &offer : offers)
			row.has.push_back(offer.ioctls[i].supported);
		rows.push_back(row);
	}
	return rows;
}

void print_rows(const char *title, const std::vector<Row> &rows,
		const std::vector<NodeOffer> &offers)
{
	fmt::print("{}\n", title);
	for (const Row &row : rows) {
		fmt::print("{:<36}", row.name);
		for (size_t i = 0; i < offers.size(); i++)
			fmt::print("{:<{}}", row.has[i] ? "yes" : "-", offers[i].node.size() + 2);
		fmt::print("{}\n", row.meaning);
	}
}

void print_text(const std::vector<NodeOffer> &offers)
{
	fmt::print("{:<36}", "");
	for (const NodeOffer &offer : offers)
		fmt::print("{}  ", offer.node);
	fmt::print("\n");
	print_rows("Features", bit_rows(offers, false), offers);
	print_rows("Backend features", bit_rows(offers, true), offers);
	print_rows("Ioctls", ioctl_rows(offers), offers);
}

void print_json(const std::vector<NodeOffer> &offers)
{
	nlohmann::ordered_json nodes = nlohmann::ordered_json::array();

	for (const NodeOffer &offer : offers) {
		nlohmann::ordered_json features = nlohmann::ordered_json::array();
		nlohmann::ordered_json backend = nlohmann::ordered_json::array();
		nlohmann::ordered_json ioctls;

		for (unsigned bit : offer.features.list())
			features.push_back({{"bit", bit}, {"name", feature_name(bit)}});
		for (unsigned bit : FeatureSet(offer.backend_features).list())
			backend.push_back({{"bit", bit}, {"name", backend_feature_name(bit)}});
		for (const IoctlSupport &ioctl : offer.ioctls)
			ioctls[std::string(ioctl.name)] = ioctl.supported;
		nodes.push_back({{"node", offer.node},
				 {"features", features},
				 {"backend_features", backend},
				 {"ioctls", ioctls}});
	}
	fmt::print("{}\n", nodes.dump(2));
}

// Without arguments: the stock node and ours, as far as they are there.
std::vector<std::string> default_nodes()
{
	std::vector<std::string> nodes;

	for (const char *path : {"/dev/vhost-net", "/dev/vhost-ringtap"})
		if (::access(path, F_OK) == 0)
			nodes.emplace_back(path);
	return nodes;
}

Result<Done> show_features(const FeaturesOptions &options)
{
	std::vector<NodeOffer> offers;

	for (const std::string &node : options.nodes.empty() ? default_nodes() : options.nodes)
		offers.push_back(TRY(probe_node(node)));
	if (offers.empty())
		return fail(ENOENT, "find", "/dev/vhost-ringtap or /dev/vhost-net",
			    "load a module (insmod ringtap.ko, modprobe vhost_net) or name a node");
	if (options.json)
		print_json(offers);
	else
		print_text(offers);
	return Done{};
}

} // namespace

void add_features(CLI::App &app, Context &ctx)
{
	auto options = std::make_shared<FeaturesOptions>();
	CLI::App *command = app.add_subcommand(
		"features", "show what vhost-net nodes offer, side by side if there are several");

	command->add_option("node", options->nodes,
			    "nodes to ask; without any, /dev/vhost-net and /dev/vhost-ringtap");
	command->add_flag("--json", options->json, "the result as JSON");
	command->callback([options, &ctx] {
		if (auto done = show_features(*options); !done)
			ctx.report(done.error());
	});
}

} // namespace ringtap
