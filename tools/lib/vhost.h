// SPDX-License-Identifier: GPL-2.0-or-later
// VhostDevice: one open vhost-net node, its ioctls as typed calls.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/fd.h"
#include "lib/features.h"
#include "lib/ioctls.h"
#include "lib/result.h"

namespace ringtap {

// A stretch of guest memory as the device must see it.
struct MemoryRegion {
	uint64_t guest = 0; // guest physical address
	uint64_t size = 0;  // bytes
	uint64_t user = 0;  // address in the owner's process
};

// Where a queue's three parts are, as user addresses. Split rings: descriptor table, available
// ring, used ring. Packed rings: descriptor ring, driver and device event suppression areas.
struct VringAddress {
	uint64_t desc = 0;
	uint64_t driver = 0;
	uint64_t device = 0;
};

// Not thread-safe in its trace; the ioctls themselves are the kernel's to serialize.
class VhostDevice {
public:
	[[nodiscard]] static Result<VhostDevice> open(const std::string &path, Trace trace = {});

	[[nodiscard]] const std::string &path() const { return path_; }
	[[nodiscard]] const Fd &fd() const { return fd_; }
	[[nodiscard]] Fd take_fd() && { return std::move(fd_); }

	// Asks with FEATURES_ARRAY first, so that bits above 63 are seen where the node has them.
	[[nodiscard]] Result<FeatureSet> features() const;
	[[nodiscard]] Result<Done> set_features(const FeatureSet &features) const;
	[[nodiscard]] Result<FeatureSet> features_array() const;
	[[nodiscard]] Result<uint64_t> backend_features() const;
	[[nodiscard]] Result<Done> set_backend_features(uint64_t features) const;

	[[nodiscard]] Result<Done> set_owner() const;
	[[nodiscard]] Result<Done> reset_owner() const;
	[[nodiscard]] Result<uint8_t> fork_from_owner() const;
	[[nodiscard]] Result<Done> set_fork_from_owner(uint8_t mode) const;
	[[nodiscard]] Result<Done> set_memory(std::span<const MemoryRegion> regions) const;
	[[nodiscard]] Result<Done> set_log_base(const void *bitmap) const;
	[[nodiscard]] Result<Done> set_log_fd(int fd) const;

	[[nodiscard]] Result<Done> set_vring_num(unsigned queue, unsigned num) const;
	// log_guest, if not 0, turns on logging of writes to the device area at that address.
	[[nodiscard]] Result<Done> set_vring_addr(unsigned queue, const VringAddress &address,
						  uint64_t log_guest = 0) const;
	[[nodiscard]] Result<Done> set_vring_base(unsigned queue, unsigned base) const;
	[[nodiscard]] Result<unsigned> vring_base(unsigned queue) const;
	[[nodiscard]] Result<Done> set_vring_endian(unsigned queue, bool big) const;
	[[nodiscard]] Result<bool> vring_endian(unsigned queue) const;
	[[nodiscard]] Result<Done> set_vring_kick(unsigned queue, int fd) const;
	[[nodiscard]] Result<Done> set_vring_call(unsigned queue, int fd) const;
	[[nodiscard]] Result<Done> set_vring_err(unsigned queue, int fd) const;
	[[nodiscard]] Result<Done> set_busyloop_timeout(unsigned queue, unsigned us) const;
	[[nodiscard]] Result<unsigned> busyloop_timeout(unsigned queue) const;

	// Hand the queue to a TAP (or another socket the node accepts); -1 detaches it.
	[[nodiscard]] Result<Done> set_backend(unsigned queue, int fd) const;

	[[nodiscard]] Result<unsigned> new_worker() const;
	[[nodiscard]] Result<Done> free_worker(unsigned worker) const;
	[[nodiscard]] Result<Done> attach_vring_worker(unsigned queue, unsigned worker) const;
	[[nodiscard]] Result<unsigned> vring_worker(unsigned queue) const;

	// Device IOTLB messages, version 2.
	[[nodiscard]] Result<Done> write_iotlb(const vhost_msg_v2 &message) const;
	[[nodiscard]] Result<vhost_msg_v2> read_iotlb() const;

private:
	VhostDevice(Fd fd, std::string path, Trace trace) :
		fd_(std::move(fd)), path_(std::move(path)), trace_(std::move(trace))
	{
	}

	template <class Arg, Flow flow>
	[[nodiscard]] Result<Done> call(const Request<Arg, flow> &request, Arg &arg) const;
	[[nodiscard]] Result<Done> call(const PlainRequest &request) const;

	Fd fd_;
	std::string path_;
	Trace trace_;
};

// What to do about an errno of a vhost ioctl, "" if nothing can be said.
[[nodiscard]] std::string vhost_hint(unsigned long request, int error);

} // namespace ringtap
