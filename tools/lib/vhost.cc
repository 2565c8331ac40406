// SPDX-License-Identifier: GPL-2.0-or-later
// The ioctls of a vhost-net node, each with an error that names the node and the argument.
#include "lib/vhost.h"

#include <cstddef>
#include <memory>
#include <unistd.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

std::string open_hint(const std::string &path, int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		if (path.ends_with("vhost-net"))
			return "load the module: modprobe vhost_net";
		return "load the module (insmod ringtap.ko), or name another node with --node";
	case EACCES:
	case EPERM:
		return "run as root or as a member of the node's group (usually kvm)";
	default:
		return {};
	}
}

} // namespace

std::string vhost_hint(unsigned long request, int error)
{
	switch (error) {
	case ENOTTY:
		return "this node does not have the ioctl; is it a vhost-net node?";
	case EBUSY:
		if (request == VHOST_SET_OWNER)
			return "the file already has an owner; open the node again";
		if (request == VHOST_FREE_WORKER)
			return "a queue is attached to the worker; attach it to another first";
		return "the queue has a backend; detach it first";
	case EPERM:
		return "only the owner may do this; SET_OWNER comes first, from the same process";
	case EFAULT:
		return "an address is not mapped in this process or not in the memory table";
	case ENOMEM:
		return "the kernel is short of memory, or a limit (pids.max, RLIMIT_NPROC) is hit";
	case EOPNOTSUPP:
		if (request == VHOST_SET_FEATURES || request == VHOST_SET_FEATURES_ARRAY)
			return "the node does not offer all of these; see: ringtap features";
		return {};
	case ENOTSOCK:
	case ESOCKTNOSUPPORT:
		return "the backend must be a TAP, macvtap or AF_PACKET file";
	default:
		return {};
	}
}

Result<VhostDevice> VhostDevice::open(const std::string &path, Trace trace)
{
	Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));

	if (!fd)
		return fail(errno, "open", path, open_hint(path, errno));
	return VhostDevice(std::move(fd), path, std::move(trace));
}

template <class Arg, Flow flow>
Result<Done> VhostDevice::call(const Request<Arg, flow> &request, Arg &arg) const
{
	int error = issue(fd_, request, arg, trace_);

	if (!error)
		return Done{};
	std::string words = words_after(request, arg, error);

	return fail(error,
		    words.empty() ? request.name : fmt::format("{} ({})", request.name, words),
		    "on " + path_, vhost_hint(request.number, error));
}

Result<Done> VhostDevice::call(const PlainRequest &request) const
{
	NoArgument none;
	int error = issue(fd_, request, none, trace_);

	if (!error)
		return Done{};
	return fail(error, request.name, "on " + path_, vhost_hint(request.number, error));
}

namespace {

// A vhost_features_array with room for a FeatureSet.
struct FeatureArray {
	union {
		vhost_features_array array;
		uint64_t word[1 + FeatureSet::words];
	};
	explicit FeatureArray(const FeatureSet &set) :
		word{FeatureSet::words, set.low(), set.high()}
	{
	}
};

} // namespace

Result<FeatureSet> VhostDevice::features_array() const
{
	FeatureArray room{FeatureSet()};

	TRY(call(vhost_ioctl::get_features_array, room.array));
	return FeatureSet(room.word[1], room.word[2]);
}

Result<FeatureSet> VhostDevice::features() const
{
	uint64_t low = 0;

	if (auto set = features_array())
		return *set;
	TRY(call(vhost_ioctl::get_features, low));
	return FeatureSet(low);
}

Result<Done> VhostDevice::set_features(const FeatureSet &features) const
{
	uint64_t low = features.low();
	FeatureArray room(features);

	if (!features.high())
		return call(vhost_ioctl::set_features, low);
	return call(vhost_ioctl::set_features_array, room.array);
}

Result<uint64_t> VhostDevice::backend_features() const
{
	uint64_t features = 0;

	TRY(call(vhost_ioctl::get_backend_features, features));
	return features;
}

Result<Done> VhostDevice::set_backend_features(uint64_t features) const
{
	return call(vhost_ioctl::set_backend_features, features);
}

Result<Done> VhostDevice::set_owner() const
{
	return call(vhost_ioctl::set_owner);
}

Result<Done> VhostDevice::reset_owner() const
{
	return call(vhost_ioctl::reset_owner);
}

Result<uint8_t> VhostDevice::fork_from_owner() const
{
	uint8_t mode = 0;

	TRY(call(vhost_ioctl::get_fork_from_owner, mode));
	return mode;
}

Result<Done> VhostDevice::set_fork_from_owner(uint8_t mode) const
{
	return call(vhost_ioctl::set_fork_from_owner, mode);
}

Result<Done> VhostDevice::set_memory(std::span<const MemoryRegion> regions) const
{
	size_t bytes = sizeof(vhost_memory) + regions.size() * sizeof(vhost_memory_region);
	auto room = std::make_unique<uint64_t[]>(bytes / sizeof(uint64_t));
	auto *memory = reinterpret_cast<vhost_memory *>(room.get());

	memory->nregions = regions.size();
	for (size_t i = 0; i < regions.size(); i++)
		memory->regions[i] = {.guest_phys_addr = regions[i].guest,
				      .memory_size = regions[i].size,
				      .userspace_addr = regions[i].user,
				      .flags_padding = 0};
	return call(vhost_ioctl::set_mem_table, *memory);
}

Result<Done> VhostDevice::set_log_base(const void *bitmap) const
{
	uint64_t address = reinterpret_cast<uintptr_t>(bitmap);

	return call(vhost_ioctl::set_log_base, address);
}

Result<Done> VhostDevice::set_log_fd(int fd) const
{
	return call(vhost_ioctl::set_log_fd, fd);
}

Result<Done> VhostDevice::set_vring_num(unsigned queue, unsigned num) const
{
	vhost_vring_state state{queue, num};

	return call(vhost_ioctl::set_vring_num, state);
}

Result<Done> VhostDevice::set_vring_addr(unsigned queue, const VringAddress &address,
					 uint64_t log_guest) const
{
	vhost_vring_addr addr{.index = queue,
			      .flags = log_guest ? 1u << VHOST_VRING_F_LOG : 0,
			      .desc_user_addr = address.desc,
			      .used_user_addr = address.device,
			      .avail_user_addr = address.driver,
			      .log_guest_addr = log_guest};

	return call(vhost_ioctl::set_vring_addr, addr);
}

Result<Done> VhostDevice::set_vring_base(unsigned queue, unsigned base) const
{
	vhost_vring_state state{queue, base};

	return call(vhost_ioctl::set_vring_base, state);
}

Result<unsigned> VhostDevice::vring_base(unsigned queue) const
{
	vhost_vring_state state{queue, 0};

	TRY(call(vhost_ioctl::get_vring_base, state));
	return state.num;
}

Result<Done> VhostDevice::set_vring_endian(unsigned queue, bool big) const
{
	vhost_vring_state state{queue, big ? 1u : 0u};

	return call(vhost_ioctl::set_vring_endian, state);
}

Result<bool> VhostDevice::vring_endian(unsigned queue) const
{
	vhost_vring_state state{queue, 0};

	TRY(call(vhost_ioctl::get_vring_endian, state));
	return state.num == VHOST_VRING_BIG_ENDIAN;
}

Result<Done> VhostDevice::set_vring_kick(unsigned queue, int fd) const
{
	vhost_vring_file file{queue, fd};

	return call(vhost_ioctl::set_vring_kick, file);
}

Result<Done> VhostDevice::set_vring_call(unsigned queue, int fd) const
{
	vhost_vring_file file{queue, fd};

	return call(vhost_ioctl::set_vring_call, file);
}

Result<Done> VhostDevice::set_vring_err(unsigned queue, int fd) const
{
	vhost_vring_file file{queue, fd};

	return call(vhost_ioctl::set_vring_err, file);
}

Result<Done> VhostDevice::set_busyloop_timeout(unsigned queue, unsigned us) const
{
	vhost_vring_state state{queue, us};

	return call(vhost_ioctl::set_busyloop_timeout, state);
}

Result<unsigned> VhostDevice::busyloop_timeout(unsigned queue) const
{
	vhost_vring_state state{queue, 0};

	TRY(call(vhost_ioctl::get_busyloop_timeout, state));
	return state.num;
}

Result<Done> VhostDevice::set_backend(unsigned queue, int fd) const
{
	vhost_vring_file file{queue, fd};

	return call(vhost_ioctl::net_set_backend, file);
}

Result<unsigned> VhostDevice::new_worker() const
{
	vhost_worker_state state{};

	TRY(call(vhost_ioctl::new_worker, state));
	return state.worker_id;
}

Result<Done> VhostDevice::free_worker(unsigned worker) const
{
	vhost_worker_state state{worker};

	return call(vhost_ioctl::free_worker, state);
}

Result<Done> VhostDevice::attach_vring_worker(unsigned queue, unsigned worker) const
{
	vhost_vring_worker state{queue, worker};

	return call(vhost_ioctl::attach_vring_worker, state);
}

Result<unsigned> VhostDevice::vring_worker(unsigned queue) const
{
	vhost_vring_worker state{queue, 0};

	TRY(call(vhost_ioctl::get_vring_worker, state));
	return state.worker_id;
}

Result<Done> VhostDevice::write_iotlb(const vhost_msg_v2 &message) const
{
	if (::write(fd_.get(), &message, sizeof(message)) != ssize_t(sizeof(message)))
		return fail(errno, "write an IOTLB message", "to " + path_,
			    "negotiate ACCESS_PLATFORM and the backend feature IOTLB_MSG_V2 first");
	return Done{};
}

Result<vhost_msg_v2> VhostDevice::read_iotlb() const
{
	vhost_msg_v2 message{};
	ssize_t got = ::read(fd_.get(), &message, sizeof(message));

	if (got != ssize_t(sizeof(message)))
		return fail(got < 0 ? errno : 0, "read an IOTLB message", "from " + path_,
			    "poll the node for a pending miss first");
	return message;
}

} // namespace ringtap
