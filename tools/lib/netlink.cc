// SPDX-License-Identifier: GPL-2.0-or-later
// Requests, dumps that start again when they were interrupted, and events.
#include "lib/netlink.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <fmt/format.h>
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "lib/netlink_socket.h"

namespace ringtap {

namespace {

// Devices that come and go interrupt dumps: how often one starts again before it gives up.
constexpr unsigned dump_attempts = 10;

constexpr char unsteady_hint[] = "devices come and go too fast: try again";

struct FreeMessage {
	void operator()(nl_msg *message) const { nlmsg_free(message); }
};

template <class Record, class Field>
void sort_by(std::vector<Record> &records, Field field)
{
	std::ranges::sort(records, {}, field);
}

// What a device of each id is: its serial never comes again.
bool same_devices(const std::vector<NlDevice> &a, const std::vector<NlDevice> &b)
{
	return std::ranges::equal(a, b, [](const NlDevice &one, const NlDevice &other) {
		return one.id == other.id && one.serial == other.serial;
	});
}

// A module without the request tells nothing there, which is remembered.
template <class Record>
Result<std::vector<Record>> or_untold(Result<std::vector<Record>> records, std::string_view what,
				      NlSnapshot &snapshot)
{
	if (records || records.error().code != EOPNOTSUPP)
		return records;
	snapshot.untold.push_back(what);
	return std::vector<Record>();
}

// What to do about a request that the module does not know.
Error explained(Error error)
{
	if (error.code == EOPNOTSUPP && error.hint.empty())
		error.hint = old_module_hint();
	return error;
}

} // namespace

uint64_t boot_time()
{
	timespec now{};

	::clock_gettime(CLOCK_BOOTTIME, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
	       static_cast<uint64_t>(now.tv_nsec);
}

Result<Netlink> Netlink::open()
{
	NlFamily family = TRY(open_family());

	return Netlink(std::move(family.socket), family.id);
}

// A request without keys is a dump. Returns whether it was interrupted.
Result<bool> Netlink::request(uint8_t command, const std::vector<Key> &keys,
			      const Reply::Consumer &consumer)
{
	std::unique_ptr<nl_msg, FreeMessage> message(nlmsg_alloc());
	int flags = NLM_F_REQUEST | (keys.empty() ? NLM_F_DUMP : NLM_F_ACK);

	if (!message || !genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, flags,
				     command, RINGTAP_FAMILY_VERSION))
		return fail(ENOMEM, "make", "a netlink request");
	for (const Key &key : keys)
		if (nla_put_u32(message.get(), key.attribute, key.value) < 0)
			return fail(ENOMEM, "make", "a netlink request");
	if (nl_send_auto(socket_.get(), message.get()) < 0)
		return fail(errno, "ask", "the kernel");

	Reply reply(family_, command, nlmsg_hdr(message.get())->nlmsg_seq, consumer);

	for (bool complete = false; !complete;)
		complete = TRY(reply.take(*TRY(receive(socket_.get(), true))).map_error(explained));
	return reply.interrupted();
}

template <class Record>
Result<std::vector<Record>> Netlink::dump(uint8_t command, Result<Record> (*parse)(Bytes))
{
	for (unsigned i = 0; i < dump_attempts; i++) {
		std::vector<Record> records;
		bool interrupted = TRY(request(command, {}, [&](Bytes attributes) -> Result<Done> {
			records.push_back(TRY(parse(attributes)));
			return Done{};
		}));

		if (!interrupted)
			return records;
	}
	return fail(EAGAIN, "get a consistent answer from", "ringtap.ko", unsteady_hint);
}

template <class Record>
Result<Record> Netlink::get(uint8_t command, const std::vector<Key> &keys,
			    Result<Record> (*parse)(Bytes))
{
	std::optional<Record> record;

	TRY(request(command, keys, [&](Bytes attributes) -> Result<Done> {
		record = TRY(parse(attributes));
		return Done{};
	}));
	if (!record)
		return malformed("the kernel's answer", "there is nothing in it");
	return std::move(*record);
}

Result<std::vector<NlDevice>> Netlink::devices()
{
	std::vector<NlDevice> devices = TRY(dump(RINGTAP_CMD_DEVICE_GET, parse_device));

	sort_by(devices, &NlDevice::id);
	return devices;
}

Result<std::vector<NlQueue>> Netlink::queues()
{
	std::vector<NlQueue> queues = TRY(dump(RINGTAP_CMD_QUEUE_GET, parse_queue));

	sort_by(queues, [](const NlQueue &q) { return std::pair(q.device, q.index); });
	return queues;
}

Result<std::vector<NlWorker>> Netlink::workers()
{
	std::vector<NlWorker> workers = TRY(dump(RINGTAP_CMD_WORKER_GET, parse_worker));

	sort_by(workers, [](const NlWorker &w) { return std::pair(w.device, w.id); });
	return workers;
}

Result<NlDevice> Netlink::device(uint32_t id)
{
	return get(RINGTAP_CMD_DEVICE_GET, {{RINGTAP_A_DEVICE_ID, id}}, parse_device);
}

Result<NlQueue> Netlink::queue(uint32_t device, uint32_t index)
{
	return get(RINGTAP_CMD_QUEUE_GET,
		   {{RINGTAP_A_QUEUE_DEVICE, device}, {RINGTAP_A_QUEUE_INDEX, index}}, parse_queue);
}

Result<NlWorker> Netlink::worker(uint32_t device, uint32_t id)
{
	return get(RINGTAP_CMD_WORKER_GET,
		   {{RINGTAP_A_WORKER_DEVICE, device}, {RINGTAP_A_WORKER_ID, id}}, parse_worker);
}

// Nothing where a device came or went between the dumps.
Result<std::optional<NlSnapshot>> Netlink::try_snapshot()
{
	NlSnapshot snapshot;
	std::vector<NlDevice> before = TRY(devices());
	std::vector<NlQueue> queues = TRY(or_untold(this->queues(), "queues", snapshot));

	snapshot.time = boot_time();

	std::vector<NlWorker> workers = TRY(or_untold(this->workers(), "workers", snapshot));
	std::vector<NlDevice> after = TRY(devices());

	if (!same_devices(before, after))
		return std::optional<NlSnapshot>();
	for (NlDevice &device : after)
		snapshot.devices.push_back({std::move(device), {}, {}});

	auto owner = [&](uint32_t id) {
		auto found = std::ranges::lower_bound(
			snapshot.devices, id, {},
			[](const NlDeviceTree &tree) { return tree.device.id; });
		return found != snapshot.devices.end() && found->device.id == id ? &*found
										 : nullptr;
	};

	// What belongs to none was attached to an interface of ours in between.
	for (NlQueue &queue : queues)
		if (NlDeviceTree *tree = owner(queue.device))
			tree->queues.push_back(std::move(queue));
	for (NlWorker &worker : workers)
		if (NlDeviceTree *tree = owner(worker.device))
			tree->workers.push_back(std::move(worker));
	return std::optional(std::move(snapshot));
}

Result<NlSnapshot> Netlink::snapshot()
{
	for (unsigned i = 0; i < dump_attempts; i++)
		if (auto snapshot = TRY(try_snapshot()))
			return std::move(*snapshot);
	return fail(EAGAIN, "get a consistent answer from", "ringtap.ko", unsteady_hint);
}

namespace {

// Whether generic netlink itself says that the family is no more.
Result<bool> tells_unload(const Message &message, uint16_t family)
{
	bool ours = false;
	GenericMessage generic = TRY(generic_message(message));

	if (generic.command != CTRL_CMD_DELFAMILY)
		return false;
	TRY(for_each_attribute(generic.attributes, [&](const Attribute &attribute) {
		uint16_t id = 0;

		if (attribute.type == CTRL_ATTR_FAMILY_ID &&
		    attribute.payload.size() == sizeof(id)) {
			std::copy_n(attribute.payload.data(), sizeof(id),
				    reinterpret_cast<uint8_t *>(&id));
			ours = id == family;
		}
		return Result<Done>();
	}));
	return ours;
}

Result<std::optional<NlNews>> news_of(const Message &message, uint16_t family)
{
	if (message.type == NLMSG_OVERRUN)
		return std::optional(NlNews{.what = NlNews::What::lost});
	if (message.type == GENL_ID_CTRL) {
		if (TRY(tells_unload(message, family)))
			return std::optional(NlNews{.what = NlNews::What::unloaded});
		return std::optional<NlNews>();
	}
	if (message.type != family)
		return std::optional<NlNews>();

	GenericMessage generic = TRY(generic_message(message));

	if (!is_event(generic.command))
		return std::optional(
			NlNews{.what = NlNews::What::unknown, .command = generic.command});
	return std::optional(
		NlNews{.command = generic.command,
		       .event = TRY(parse_event(generic.command, generic.attributes))});
}

} // namespace

std::vector<Result<NlNews>> parse_news(Bytes datagram, uint16_t family)
{
	std::vector<Result<NlNews>> all;
	auto messages = split_messages(datagram);

	if (!messages) {
		all.emplace_back(fail(messages.error()));
		return all;
	}
	for (const Message &message : *messages) {
		auto news = news_of(message, family);

		if (!news)
			all.emplace_back(fail(news.error()));
		else if (*news)
			all.emplace_back(std::move(**news));
	}
	return all;
}

Result<NetlinkEvents> NetlinkEvents::open()
{
	NlFamily family = TRY(open_family());

	TRY(join_events(family.socket.get()));
	return NetlinkEvents(std::move(family.socket), family.id);
}

int NetlinkEvents::fd() const
{
	return nl_socket_get_fd(socket_.get());
}

Result<std::vector<Result<NlNews>>> NetlinkEvents::read()
{
	std::vector<Result<NlNews>> all;
	auto datagram = receive(socket_.get(), false);

	if (!datagram && datagram.error().code == ENOBUFS) {
		all.emplace_back(NlNews{.what = NlNews::What::lost});
		return all;
	}
	if (!datagram)
		return fail(datagram.error());
	return *datagram ? parse_news(**datagram, family_) : std::move(all);
}

} // namespace ringtap
