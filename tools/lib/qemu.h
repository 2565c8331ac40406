// SPDX-License-Identifier: GPL-2.0-or-later
// QemuNic: puts a network card whose descriptors we opened into a QEMU command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/mac.h"
#include "lib/result.h"

namespace ringtap {

// A virtio-net card and its TAP back end, as QEMU's options describe them.
struct QemuNic {
	std::string id = "ringtap0"; // of the netdev; the device is called <id>-nic
	std::vector<int> tap_fds;    // one per queue pair
	std::vector<int> vhost_fds;  // as many
	MacAddress mac = {};
	std::optional<unsigned> mtu = {}; // offered to the guest's driver
	bool device = true;               // false: the command line, or QMP, has the -device
	std::string device_type = "virtio-net-pci";
	std::string device_opts = {}; // more properties, "packed=on,rx_queue_size=1024"
	std::string netdev_opts = {}; // likewise, "poll-us=50"

	// The value of -netdev. vhostforce makes QEMU stop where it cannot set vhost up; without, it
	// prints a warning and serves the rings itself.
	[[nodiscard]] std::string netdev() const;
	// The value of -device.
	[[nodiscard]] std::string device_value() const;
};

// The command with the card's options added at its end, so that no PCI slot of it moves. Refused:
// identifiers taken already, and options that would contradict what the card is.
[[nodiscard]] Result<std::vector<std::string>> qemu_command(const std::vector<std::string> &command,
							    const QemuNic &nic);

} // namespace ringtap
