// SPDX-License-Identifier: GPL-2.0-or-later
// Netlink: asks ringtap.ko about its devices, over generic netlink; NetlinkEvents: hears of changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/netlink_device.h"
#include "lib/netlink_message.h"
#include "lib/result.h"

struct nl_sock;

namespace ringtap {

struct CloseNlSocket {
	void operator()(nl_sock *socket) const;
};
using NlSocket = std::unique_ptr<nl_sock, CloseNlSocket>;

// A device with what belongs to it.
struct NlDeviceTree {
	NlDevice device;
	std::vector<NlQueue> queues;   // by index
	std::vector<NlWorker> workers; // by id
};

// All devices at one time, as far as this process may see them.
struct NlSnapshot {
	uint64_t time = 0; // nanoseconds of CLOCK_BOOTTIME, when the queues were read
	std::vector<NlDeviceTree> devices;         // by id
	std::vector<std::string_view> untold = {}; // "queues", "workers": an older module has none
};

// A socket to the family, in the network namespace it was opened in. Errors: ENOENT where no
// module, or one without the family, is loaded; EOPNOTSUPP where it is too old to be asked that;
// otherwise what the kernel answered, in its words. ENODEV for a device that is not there, or that
// this process may not see.
class Netlink {
public:
	[[nodiscard]] static Result<Netlink> open();

	[[nodiscard]] Result<std::vector<NlDevice>> devices();
	[[nodiscard]] Result<std::vector<NlQueue>> queues();
	[[nodiscard]] Result<std::vector<NlWorker>> workers();
	[[nodiscard]] Result<NlDevice> device(uint32_t id);
	[[nodiscard]] Result<NlQueue> queue(uint32_t device, uint32_t index);
	[[nodiscard]] Result<NlWorker> worker(uint32_t device, uint32_t id);

	// Queues and workers are those of the device listed, not of one that got its id meanwhile.
	[[nodiscard]] Result<NlSnapshot> snapshot();

private:
	struct Key {
		uint16_t attribute;
		uint32_t value;
	};

	Netlink(NlSocket socket, uint16_t family) : socket_(std::move(socket)), family_(family) {}
	[[nodiscard]] Result<bool> request(uint8_t command, const std::vector<Key> &keys,
					   const Reply::Consumer &consumer);
	template <class Record>
	[[nodiscard]] Result<std::vector<Record>> dump(uint8_t command,
						       Result<Record> (*parse)(Bytes));
	template <class Record>
	[[nodiscard]] Result<Record> get(uint8_t command, const std::vector<Key> &keys,
					 Result<Record> (*parse)(Bytes));
	[[nodiscard]] Result<std::optional<NlSnapshot>> try_snapshot();

	NlSocket socket_;
	uint16_t family_;
};

// One thing that the event socket had to say.
struct NlNews {
	enum class What {
		event,    // see event
		lost,     // events came faster than they were read: an unknown number is missing
		unknown,  // a notification of a newer module, see command
		unloaded, // the module is gone, nothing more will come
	};

	What what = What::event;
	uint8_t command = 0;
	std::optional<NlEvent> event = {};
};

// What a datagram of the event socket holds, in order. family is the number of ringtap's. Messages
// that make no sense are errors of their own.
[[nodiscard]] std::vector<Result<NlNews>> parse_news(Bytes datagram, uint16_t family);

// Listens to the family's multicast group from open() on.
class NetlinkEvents {
public:
	// EOPNOTSUPP where the module is too old to have events; otherwise as Netlink::open().
	[[nodiscard]] static Result<NetlinkEvents> open();

	// Readable when read() has something.
	[[nodiscard]] int fd() const;
	// What has come, without waiting; empty where there is nothing.
	[[nodiscard]] Result<std::vector<Result<NlNews>>> read();

private:
	NetlinkEvents(NlSocket socket, uint16_t family) :
		socket_(std::move(socket)), family_(family)
	{
	}

	NlSocket socket_;
	uint16_t family_;
};

// CLOCK_BOOTTIME, in nanoseconds: the clock of the family's times.
[[nodiscard]] uint64_t boot_time();

} // namespace ringtap
