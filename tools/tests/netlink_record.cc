// SPDX-License-Identifier: GPL-2.0-or-later
// Records what a loaded module answers, as hex text that netlink_recorded_test reads.
//
// Prints a line per datagram: "<request> <family> <sequence> <hex>", for dumps of devices, queues
// and workers, and for a device that is not there. Events are recorded while a command runs:
// netlink_record COMMAND...
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "lib/netlink_socket.h"
#include "netlink_bytes.h"

using namespace ringtap;
using namespace ringtap::testing_netlink;

namespace {

void print(const char *what, uint16_t family, uint32_t sequence, Bytes datagram)
{
	fmt::print("{} {} {} {:02x}\n", what, family, sequence, fmt::join(datagram, ""));
}

Result<Done> record(const char *what, uint8_t command, const Writer &keys)
{
	NlFamily family = TRY(open_family());
	uint32_t sequence = 1;
	bool dump = keys.bytes().empty(), complete = false;
	uint16_t flags = NLM_F_REQUEST | (dump ? NLM_F_DUMP : NLM_F_ACK);
	Buffer request = generic(family.id, command, sequence, keys, flags);
	Reply reply(family.id, command, sequence, [](Bytes) { return Result<Done>(); });

	if (nl_sendto(family.socket.get(), request.data(), request.size()) < 0)
		return fail(errno, "ask", "the kernel");
	while (!complete) {
		auto datagram = TRY(receive(family.socket.get(), true));

		print(what, family.id, sequence, *datagram);
		// A refusal is an answer too, and the last one.
		complete = reply.take(*datagram).value_or(true);
	}
	return Done{};
}

Result<Done> record_events(const std::string &command)
{
	NlFamily family = TRY(open_family());

	TRY(join_events(family.socket.get()));
	if (std::system(command.c_str()) != 0)
		return fail(0, "run", command);
	while (auto datagram = TRY(receive(family.socket.get(), false)))
		print("event", family.id, 0, *datagram);
	return Done{};
}

Result<Done> record_all(const std::string &command)
{
	if (!command.empty())
		return record_events(command);
	TRY(record("device", RINGTAP_CMD_DEVICE_GET, Writer()));
	TRY(record("queue", RINGTAP_CMD_QUEUE_GET, Writer()));
	TRY(record("worker", RINGTAP_CMD_WORKER_GET, Writer()));
	return record("absent", RINGTAP_CMD_DEVICE_GET, Writer().u32(RINGTAP_A_DEVICE_ID, 4711));
}

} // namespace

int main(int argc, char **argv)
{
	auto done = record_all(argc > 1 ? argv[1] : "");

	if (!done)
		fmt::print(stderr, "{}\n", done.error().message());
	return done ? 0 : 1;
}
