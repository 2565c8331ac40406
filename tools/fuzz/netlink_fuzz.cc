// SPDX-License-Identifier: GPL-2.0-or-later
// LibFuzzer target: a kernel that answers the netlink client with anything
//
// The input is datagrams, each behind two bytes of length. Every datagram goes through all that
// reads one: as an answer, as events, as bare attributes of every record. What is understood is
// printed in words and as JSON, so that no value can be too odd to be shown.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cli/list_view.h"
#include "cli/show_view.h"
#include "cli/watch_view.h"
#include "cli/words_view.h"
#include "lib/netlink.h"
#include "lib/vm_name.h"

namespace {

using namespace ringtap;

// What the first messages of the seeds have too; the fuzzer finds others by itself.
constexpr uint16_t family = 30;
constexpr uint32_t sequence = 1;

void must(bool condition)
{
	if (!condition)
		std::abort();
}

// Every error is one of ours, in words.
template <class T>
bool understood(const Result<T> &result)
{
	if (!result)
		must(!result.error().message().empty());
	return result.has_value();
}

void print(const NlDeviceTree &tree)
{
	NlSnapshot snapshot{2, {tree}};
	auto rows = list_rows(NlSnapshot{1, {tree}}, snapshot,
			      [](unsigned) { return std::optional<std::string>("vm"); });

	must(rows.size() == 1);
	must(!list_text(rows).empty());
	must(!json_text(list_json(rows, 2), -1).empty());
	must(!show_text({{tree}}, 2).empty());
	must(!json_text(show_json({{tree}}, 2), -1).empty());
	must(find_devices(snapshot, std::to_string(tree.device.id)).has_value());
}

void print(const NlNews &news)
{
	must(news.event.has_value() == (news.what == NlNews::What::event));
	if (news.event) {
		std::string line = event_text(*news.event, {1, 2});

		must(line.find('\n') == std::string::npos);
	}
	must(json_text(news_json(news), -1).find('\n') == std::string::npos);
}

void parse_records(Bytes bytes)
{
	NlDeviceTree tree;
	auto device = parse_device(bytes);
	auto queue = parse_queue(bytes);
	auto worker = parse_worker(bytes);
	auto event = parse_event(RINGTAP_CMD_RING_ERROR, bytes);

	if (understood(device))
		tree.device = *device;
	if (understood(queue))
		tree.queues.push_back(*queue);
	if (understood(worker))
		tree.workers.push_back(*worker);
	if (device || queue || worker)
		print(tree);
	if (understood(event))
		print(NlNews{.command = event->command, .event = *event});
}

void take(Bytes datagram)
{
	for (uint8_t command : {RINGTAP_CMD_DEVICE_GET, RINGTAP_CMD_QUEUE_GET}) {
		Reply reply(family, command, sequence, [](Bytes attributes) {
			parse_records(attributes);
			return Result<Done>();
		});

		understood(reply.take(datagram));
	}
	for (const auto &news : parse_news(datagram, family))
		if (understood(news))
			print(*news);
	parse_records(datagram);
}

// Copied to a block of its size, so that ASan sees every access beyond.
void take_copy(const uint8_t *data, size_t size)
{
	auto copy = std::make_unique<uint8_t[]>(size);

	if (size)
		std::memcpy(copy.get(), data, size);
	take({copy.get(), size});
}

void parse_words(const uint8_t *data, size_t size)
{
	std::string text(reinterpret_cast<const char *>(data), size);

	for (unsigned char c : printable(text))
		must(c >= 0x20 && c != 0x7f);
	(void)vm_name_in(command_words(text));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse_words(data, size);
	while (size >= 2) {
		size_t length = data[0] | data[1] << 8;

		length = length < size - 2 ? length : size - 2;
		take_copy(data + 2, length);
		data += 2 + length;
		size -= 2 + length;
	}
	return 0;
}
