// SPDX-License-Identifier: GPL-2.0-or-later
// Tries the ioctls that tell kernels and modules apart.
#include "lib/probe.h"

#include "lib/vhost.h"

namespace ringtap {

namespace {

bool has_fork_from_owner(const VhostDevice &device)
{
	return device.fork_from_owner().has_value();
}

bool has_features_array(const VhostDevice &device)
{
	return device.features_array().has_value();
}

bool has_backend_features(const VhostDevice &device)
{
	return device.backend_features().has_value();
}

bool has_workers(const VhostDevice &device)
{
	auto worker = device.new_worker();

	return worker && device.free_worker(*worker);
}

bool has_vring_worker(const VhostDevice &device)
{
	return device.vring_worker(0).has_value();
}

bool has_busyloop(const VhostDevice &device)
{
	return device.busyloop_timeout(0).has_value();
}

bool has_endian(const VhostDevice &device)
{
	return device.vring_endian(0).has_value();
}

struct Probe {
	std::string_view name, meaning;
	bool needs_owner;
	bool (*try_it)(const VhostDevice &device);
};

constexpr Probe probes[] = {
	{"FORK_FROM_OWNER", "kind of worker thread can be chosen", false, has_fork_from_owner},
	{"FEATURES_ARRAY", "features as an array of any length", true, has_features_array},
	{"BACKEND_FEATURES", "backend features", true, has_backend_features},
	{"NEW_WORKER", "more than one worker thread", true, has_workers},
	{"VRING_WORKER", "queues can move between workers", true, has_vring_worker},
	{"BUSYLOOP_TIMEOUT", "busy polling", true, has_busyloop},
	{"VRING_ENDIAN", "rings of the other byte order", true, has_endian},
};

} // namespace

Result<NodeOffer> probe_node(const std::string &path)
{
	VhostDevice device = TRY(VhostDevice::open(path));
	NodeOffer offer{path, TRY(device.features()), 0, {}};

	// A node without backend features has none of them.
	offer.backend_features = device.backend_features().value_or(0);
	for (const Probe &probe : probes)
		offer.ioctls.push_back(
			{probe.name, probe.meaning, !probe.needs_owner && probe.try_it(device)});

	// An unknown ioctl and one that needs an owner fail alike until there is one.
	TRY(device.set_owner());
	for (size_t i = 0; i < std::size(probes); i++)
		if (probes[i].needs_owner)
			offer.ioctls[i].supported = probes[i].try_it(device);
	offer.features = TRY(device.features());
	return offer;
}

} // namespace ringtap
