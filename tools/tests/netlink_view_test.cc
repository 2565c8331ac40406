// SPDX-License-Identifier: GPL-2.0-or-later
// What list, show and watch print, in words and as JSON that its schema describes.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "cli/histogram_view.h"
#include "cli/list_view.h"
#include "cli/show_view.h"
#include "cli/watch_view.h"
#include "cli/words_view.h"
#include "lib/netlink_names.h"
#include "lib/vm_name.h"
#include "netlink_bytes.h"
#include "netlink_schema.h"

namespace ringtap {
namespace {

using namespace testing_netlink;

constexpr uint64_t second = 1'000'000'000;

NlDeviceTree full_tree()
{
	return {*parse_device(full_device().bytes()),
		{*parse_queue(full_queue().bytes())},
		{*parse_worker(full_worker().bytes())}};
}

NlDeviceTree bare_tree(uint32_t id)
{
	NlDeviceTree tree;

	tree.device.id = id;
	tree.queues.emplace_back().device = id;
	tree.workers.emplace_back().device = id;
	return tree;
}

// Of a newer module: every word is one we do not know, and there are attributes besides.
NlDeviceTree newer_tree()
{
	NlDeviceTree tree = full_tree();
	NlQueue &queue = tree.queues[0];

	tree.device.state = 91;
	queue.state = 92;
	queue.backend = 93;
	queue.layout = 94;
	queue.fault_kind = 95;
	queue.stats->errors = {{96, 3}};
	tree.device.unknown = queue.unknown = queue.stats->unknown = tree.workers[0].unknown = {
		200, 201};
	return tree;
}

std::string violation(const Json &json)
{
	return schema_violation(committed_schema(), nlohmann::json::parse(json_text(json, -1)));
}

#define EXPECT_HAS(text, part)   EXPECT_NE((text).find(part), std::string::npos) << (text)
#define EXPECT_LACKS(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)

std::optional<std::string> web1(unsigned pid)
{
	return pid == 1234 ? std::optional<std::string>("web1") : std::nullopt;
}

TEST(NetlinkList, HasALinePerDevice)
{
	NlSnapshot earlier{10 * second, {full_tree()}},
		later{12 * second, {full_tree(), bare_tree(5)}};

	*later.devices[0].queues[0].stats->counts[RINGTAP_A_STATS_PACKETS] += 5000;

	auto rows = list_rows(earlier, later, web1);

	EXPECT_EQ(list_text(rows),
		  "ID  INTERFACE   VM     PID  STATE   LAYOUT  RX/S    TX/S  FEATURES\n"
		  " 3  vm0@netns4  web1  1234  broken  packed     -  2.50 k  "
		  "mrg_rxbuf event_idx version_1 ring_packed guest_udp_tunnel_gso "
		  "host_udp_tunnel_gso\n"
		  " 5  -           -        -  -       -          -       -  -\n");
	EXPECT_EQ(violation(list_json(rows, later.time)), "");
}

TEST(NetlinkList, RatesOnlyTheDeviceThatItWas)
{
	NlSnapshot earlier{10 * second, {full_tree()}}, later{12 * second, {full_tree()}};

	EXPECT_FALSE(list_rows(std::nullopt, later, web1)[0].tx);
	EXPECT_TRUE(list_rows(earlier, later, web1)[0].tx);
	later.devices[0].device.serial = 99;
	EXPECT_FALSE(list_rows(earlier, later, web1)[0].tx);
	EXPECT_FALSE(list_rows(earlier, later, web1)[0].interval);
}

TEST(NetlinkList, CountsEveryReasonOfADrop)
{
	NlSnapshot earlier{0, {full_tree()}}, later{2 * second, {full_tree()}};

	for (const NlName &counter : counters())
		*later.devices[0].queues[0].stats->counts[counter.value] += 2;

	auto rows = list_rows(earlier, later, web1);

	EXPECT_EQ(rows[0].tx->drops, 9);
	EXPECT_EQ(rows[0].tx->packets, 1);
	// A counter that went down is no rate of 2^64.
	EXPECT_EQ(list_rows(NlSnapshot{0, later.devices}, {second, earlier.devices}, web1)[0]
			  .tx->packets,
		  0);
}

TEST(NetlinkList, TellsLayoutsApart)
{
	NlDeviceTree tree = full_tree();

	tree.queues.push_back(tree.queues[0]);
	EXPECT_EQ(layout_of(tree), "packed");
	tree.queues[1].layout = RINGTAP_LAYOUT_SPLIT;
	EXPECT_EQ(layout_of(tree), "mixed");
	tree.queues.clear();
	EXPECT_EQ(layout_of(tree), "packed"); // as negotiated
	tree.device.features = 1ull << 32;
	EXPECT_EQ(layout_of(tree), "split");
	tree.device.features.reset();
	EXPECT_EQ(layout_of(tree), "");
}

TEST(NetlinkList, DoesNotObeyNames)
{
	NlDeviceTree tree = bare_tree(1);

	tree.device.ifname = "vm\x1b[2J";
	tree.device.owner_comm = "a\nb\xff";

	auto rows = list_rows(std::nullopt, {0, {tree}}, web1);

	EXPECT_HAS(list_text(rows), "vm\\x1b[2J");
	EXPECT_HAS(list_text(rows), "(a\\x0ab\\xff)");
	EXPECT_EQ(violation(list_json(rows, 0)), "");
}

TEST(NetlinkShow, TellsEverything)
{
	std::string text = show_text({{full_tree(), "web1"}}, 71 * second);

	for (const char *part :
	     {"device 3 (serial 17)",
	      "/dev/vhost-ringtap",
	      "1 min 10 s ago",
	      "broken for 10.0 s",
	      "web1",
	      "qemu-system-x86, pid 1234",
	      "vm0 (index 9) in network namespace 4",
	      "2 regions, 2.00 GiB",
	      "0xa0000000520008000",
	      "67 NET_F_HOST_UDP_TUNNEL_GSO",
	      "34 F_RING_PACKED",
	      "0x2",
	      "IOTLB_MSG_V2",
	      "queue 1, from the guest (tx)",
	      "loop: a chain is longer than its table, at ring index 20, descriptor 5",
	      "tun:",
	      "packed, 256 entries, pages mapped",
	      "descriptors 0x7f0000001000, driver "
	      "0x7f0000002000, device 0x7f0000003000",
	      "50 us",
	      "vhost-1234, tid 1240",
	      "dead",
	      "0-3",
	      "1.50 s",
	      "queues 0, 1"})
		EXPECT_HAS(text, part);
	for (const NlName &counter : counters()) {
		EXPECT_HAS(text, std::string(counter.name) + " ");
		EXPECT_HAS(text, " " + std::to_string(1000 + counter.value) + " ");
		EXPECT_HAS(text, std::string(counter.meaning));
	}
	EXPECT_LACKS(text, "newer than this version");
	EXPECT_EQ(violation(show_json({{full_tree(), "web1"}}, 71 * second)), "");
}

TEST(NetlinkShow, HasTheNumbersForPrograms)
{
	Json json = show_json({{full_tree(), {}}}, 0), device = json["devices"][0];
	Json queue = device["queues"][0];

	EXPECT_EQ(json["schema"], "ringtap/1");
	EXPECT_EQ(device["owner_pid"], 1234);
	EXPECT_EQ(device["worker_count"], 1);
	EXPECT_EQ(device["features_hex"], "0xa0000000520008000");
	EXPECT_EQ(device["features"][5]["name"], "NET_F_HOST_UDP_TUNNEL_GSO");
	EXPECT_EQ(queue["direction"], "tx");
	EXPECT_EQ(queue["state"], "broken");
	EXPECT_EQ(queue["backend"], "tun");
	EXPECT_EQ(queue["layout"], "packed");
	EXPECT_EQ(queue["size"], 256);
	EXPECT_EQ(queue["access"], "mapped");
	EXPECT_EQ(queue["last_avail"], 20);
	EXPECT_EQ(queue["last_used"], 18);
	EXPECT_EQ(queue["fault"], (Json{{"kind", "loop"}, {"index", 20}, {"descriptor", 5}}));
	EXPECT_EQ(queue["stats"]["errors"], (Json{{"loop", 2}}));
	EXPECT_EQ(queue["stats"]["batch_size"][1], (Json{{"from", 8}, {"count", 10}}));
	for (const NlName &counter : counters())
		EXPECT_EQ(queue["stats"][std::string(counter.name)], 1000 + counter.value);
}

TEST(NetlinkShow, LeavesOutWhatAnOlderModuleDoesNotTell)
{
	std::string text = show_text({{bare_tree(0), {}}}, second);

	EXPECT_EQ(text, "device 0\nqueue 0, to the guest (rx)\nworker 0\n"
			"  serves             no queue\n");
	EXPECT_EQ(violation(show_json({{bare_tree(0), {}}}, 0)), "");
	EXPECT_FALSE(show_json({{bare_tree(0), {}}}, 0)["devices"][0].contains("state"));
}

TEST(NetlinkShow, KeepsTheNumbersOfANewerModule)
{
	std::string text = show_text({{newer_tree(), {}}}, 71 * second);
	Json json = show_json({{newer_tree(), {}}}, 0);

	for (const char *part : {"91 for", "92 for", "93", "94, 256 entries", "95: of a kind",
				 "96: of a kind", "attributes 200, 201 of this module are newer"})
		EXPECT_HAS(text, part);
	EXPECT_EQ(json["devices"][0]["state"], 91);
	EXPECT_EQ(json["devices"][0]["queues"][0]["stats"]["errors"], (Json{{"96", 3}}));
	EXPECT_EQ(json["devices"][0]["unknown_attributes"], (Json{200, 201}));
	EXPECT_EQ(violation(json), "");
}

TEST(NetlinkShow, FindsDevicesByIdAndByInterface)
{
	NlSnapshot snapshot{0, {bare_tree(0), bare_tree(1), bare_tree(2)}};

	snapshot.devices[0].device.ifname = snapshot.devices[1].device.ifname = "vm0";
	snapshot.devices[2].device.ifname = "7";
	EXPECT_EQ(find_devices(snapshot, "1")->at(0).device.id, 1u);
	EXPECT_EQ(find_devices(snapshot, "vm0")->size(), 2u);
	EXPECT_EQ(find_devices(snapshot, "7")->at(0).device.id, 2u);
	EXPECT_EQ(find_devices(snapshot, "vm1").error().code, ENODEV);
	EXPECT_EQ(find_devices(snapshot, "99999999999").error().code, ENODEV);
	EXPECT_HAS(find_devices(snapshot, "").error().message(), "0 (vm0), 1 (vm0), 2 (7)");
	snapshot.devices.resize(1);
	EXPECT_EQ(find_devices(snapshot, "")->size(), 1u);
	snapshot.devices.clear();
	EXPECT_EQ(find_devices(snapshot, "").error().code, ENODEV);
}

NlEvent event_of(uint8_t command)
{
	return *parse_event(command, full_event().bytes());
}

TEST(NetlinkWatch, HasALinePerEvent)
{
	::setenv("TZ", "UTC", 1);
	::tzset();

	// The event was 9 s ago.
	Clocks clocks{70 * second, 1'000'000'009 * second + 250'000};
	auto text = [&](uint8_t command) { return event_text(event_of(command), clocks); };
	std::string start = "01:46:40.000250 device 3", end = " (6 events of this device left out "
							      "before)";

	EXPECT_EQ(text(RINGTAP_CMD_DEVICE_OPEN), start + " opened" + end);
	EXPECT_EQ(text(RINGTAP_CMD_DEVICE_CLOSE), start + " closed" + end);
	EXPECT_EQ(text(RINGTAP_CMD_ATTACH), start + " queue 1 (tx) attached to tun vm0" + end);
	EXPECT_EQ(text(RINGTAP_CMD_DETACH), start + " queue 1 (tx) detached from tun vm0" + end);
	EXPECT_EQ(text(RINGTAP_CMD_TAP_GONE),
		  start + " queue 1 (tx) lost its interface tun vm0" + end);
	EXPECT_EQ(text(RINGTAP_CMD_RING_ERROR),
		  start +
			  " queue 1 (tx) broke, on tun vm0, loop: a chain is longer than its "
			  "table, at ring index 20, descriptor 5" +
			  end);
}

TEST(NetlinkWatch, DoesWithoutWhatIsNotTold)
{
	NlEvent event;

	event.command = RINGTAP_CMD_RING_ERROR;
	event.device = 4;
	EXPECT_EQ(event_text(event, {}), "--:--:--.------ device 4 broke");
	event.fault_kind = 99;
	EXPECT_EQ(event_text(event, {}), "--:--:--.------ device 4 broke, error kind 99");
	event.time = ~0ull;
	EXPECT_FALSE(event_text(event, {}).empty());
}

TEST(NetlinkWatch, IsDescribedByTheSchema)
{
	for (const NlName &kind : events()) {
		Json json = news_json({.event = event_of(static_cast<uint8_t>(kind.value))});

		EXPECT_EQ(violation(json), "");
		EXPECT_EQ(json["event"], kind.name);
		EXPECT_EQ(json_text(json, -1).find('\n'), std::string::npos);
	}
	for (auto what : {NlNews::What::lost, NlNews::What::unloaded, NlNews::What::unknown}) {
		EXPECT_EQ(violation(news_json({.what = what, .command = 99})), "");
		EXPECT_NE(news_text({.what = what, .command = 99}), "");
	}
}

TEST(NetlinkHistogram, FillsTheGaps)
{
	auto number = [](uint64_t from) { return std::to_string(from); };
	std::string text = histogram_text("frames", {{8, 1}, {1, 400}}, number);

	EXPECT_EQ(text, "  frames, at least\n"
			"             1 |" +
				std::string(40, '#') +
				"| 400\n"
				"             2 |" +
				std::string(40, ' ') +
				"| 0\n"
				"             4 |" +
				std::string(40, ' ') +
				"| 0\n"
				"             8 |#" +
				std::string(39, ' ') + "| 1\n");
	EXPECT_EQ(histogram_text("frames", {}, number), "");
}

TEST(NetlinkHistogram, TakesWhateverItIsGiven)
{
	auto number = [](uint64_t from) { return std::to_string(from); };
	NlHistogram many;

	for (uint64_t i = 0; i < 5000; i++)
		many.push_back({i * 0x123456789abcdef, ~0ull});
	many.push_back({1ull << 63, 0});
	many.push_back({1, 1});
	std::string text = histogram_text("frames", many, number);

	EXPECT_EQ(std::ranges::count(text, '\n'), 66);
	EXPECT_HAS(histogram_text("frames", {{1, 0}}, number), "| 0");
}

TEST(NetlinkWords, HaveUnits)
{
	EXPECT_EQ(duration_text(0), "0 ns");
	EXPECT_EQ(duration_text(1024), "1.02 us");
	EXPECT_EQ(duration_text(45'600'000), "45.6 ms");
	EXPECT_EQ(duration_text(3 * second), "3.00 s");
	EXPECT_EQ(duration_text(200 * second), "3 min 20 s");
	EXPECT_EQ(duration_text(7500 * second), "2 h 5 min");
	EXPECT_EQ(duration_text(~0ull), "213503 d 23 h");
	EXPECT_EQ(scaled_text(999), "999");
	EXPECT_EQ(scaled_text(999.6), "1.00 k");
	EXPECT_EQ(scaled_text(45'600'000), "45.6 M");
	EXPECT_EQ(bytes_text(512), "512 bytes");
	EXPECT_EQ(bytes_text(2ull << 30), "2.00 GiB");
	EXPECT_EQ(since_text(5 * second, 2 * second), "0 ns");
	EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
	EXPECT_EQ(printable("\xc2\x9b\x7f\xe2\x82"), "\\xc2\\x9b\\x7f\\xe2\\x82");
}

// The words are those of the contract, value for value.
TEST(NetlinkNames, AreThoseOfTheSpecification)
{
	namespace fs = std::filesystem;
	fs::path top = fs::absolute(__FILE__).parent_path().parent_path().parent_path();
	std::ifstream file(top / "Documentation/netlink/ringtap.yaml");
	std::stringstream text;
	std::string yaml;

	text << file.rdbuf();
	yaml = text.str();

	// "name: x" in the block that begins with "name: HEAD", up to the next of the same indent.
	auto names = [&](const std::string &head, const std::string &end) {
		std::vector<std::string> found;
		size_t from = yaml.find("\n    name: " + head + "\n"), to = yaml.find(end, from);
		std::string block = yaml.substr(from, to - from);
		std::regex name("\n        name: ([a-z0-9-]+)\n");

		for (std::sregex_iterator it(block.begin(), block.end(), name), last; it != last;
		     ++it) {
			std::string word = (*it)[1];

			std::ranges::replace(word, '-', '_');
			found.push_back(word);
		}
		return found;
	};
	auto words = [](std::span<const NlName> table) {
		std::vector<std::string> all;

		for (size_t i = 0; i < table.size(); i++) {
			EXPECT_EQ(table[i].value, table[0].value + i);
			all.emplace_back(table[i].name);
		}
		return all;
	};
	std::vector<std::string> stats = names("stats", "\n  -\n");
	const std::set<std::string> others = {"pad", "error", "batch_size", "wake_latency"};

	EXPECT_EQ(names("device-state", "\n  -\n"), words(device_states()));
	EXPECT_EQ(names("queue-state", "\n  -\n"), words(queue_states()));
	EXPECT_EQ(names("backend", "\n  -\n"), words(backends()));
	EXPECT_EQ(names("layout", "\n  -\n"), words(layouts()));
	EXPECT_EQ(names("ring-error", "attribute-sets:"), words(ring_errors()));
	ASSERT_EQ(stats.size(), RINGTAP_A_STATS_MAX);
	EXPECT_EQ(counters().size() + others.size(), stats.size());
	// Attributes are numbered from 1, in their order; counters that came later are behind the rest.
	for (unsigned i = 0; i < stats.size(); i++) {
		const NlName *counter = find_name(counters(), i + 1);

		EXPECT_EQ(counter ? counter->name : "", others.contains(stats[i]) ? "" : stats[i]);
	}
}

TEST(NetlinkVmName, IsWhatQemuCallsIt)
{
	auto name = [](std::vector<std::string> words) {
		words.insert(words.begin(), "qemu-system-x86_64");
		return vm_name_in(words);
	};
	using Name = std::optional<std::string>;

	EXPECT_EQ(name({"-name", "web1"}), "web1");
	EXPECT_EQ(name({"--name", "web1", "-m", "1G"}), "web1");
	EXPECT_EQ(name({"-m", "1G", "-name", "guest=web1,debug-threads=on"}), "web1");
	EXPECT_EQ(name({"-name", "debug-threads=on,guest=web1"}), "web1");
	EXPECT_EQ(name({"-name", "web1,process=x"}), "web1");
	EXPECT_EQ(name({"-name", "guest=a,,b,process=x"}), "a,b");
	EXPECT_EQ(name({"-name", "guest=a=b"}), "a=b");
	EXPECT_EQ(name({"-name", "web1", "-name", "guest=web2"}), "web2");
	EXPECT_EQ(name({"-name", "web1", "-name", "debug-threads=on"}), "web1");
	EXPECT_EQ(name({"-name", "process=x"}), Name());
	EXPECT_EQ(name({"-name", ""}), Name());
	EXPECT_EQ(name({"-name"}), Name());
	EXPECT_EQ(name({}), Name());
	EXPECT_EQ(vm_name_in({}), Name());
	EXPECT_EQ(vm_name_in({"-name", "web1"}), Name()); // a program of that name
}

TEST(NetlinkVmName, ComesFromTheWordsOfACommandLine)
{
	using Words = std::vector<std::string>;
	using std::string_view_literals::operator""sv;

	EXPECT_EQ(command_words("qemu\0-name\0a b\0"sv), (Words{"qemu", "-name", "a b"}));
	EXPECT_EQ(command_words("qemu\0\0x"sv), (Words{"qemu", "", "x"}));
	EXPECT_EQ(command_words(""), Words());
	EXPECT_EQ(vm_name_of(static_cast<unsigned>(::getpid())), std::nullopt);
	EXPECT_EQ(vm_name_of(0), std::nullopt);
}

} // namespace
} // namespace ringtap
