// SPDX-License-Identifier: GPL-2.0-or-later
// The arguments of vhost ioctls in words.
#include "lib/ioctls.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/features.h"

namespace ringtap {

namespace {

std::string bytes_text(uint64_t bytes)
{
	constexpr const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;

	while (unit + 1 < std::size(units) && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	return fmt::format("{} {}", bytes, units[unit]);
}

} // namespace

std::string words_of_nothing(const NoArgument &)
{
	return {};
}

std::string words_of_features(const uint64_t &features)
{
	return fmt::format("{:#x} = {}", features, FeatureSet(features).text());
}

std::string words_of_features_array(const vhost_features_array &array)
{
	FeatureSet set(array.count > 0 ? array.features[0] : 0,
		       array.count > 1 ? array.features[1] : 0);

	return fmt::format("{} words = {}", uint64_t(array.count), set.text());
}

std::string words_of_backend_features(const uint64_t &features)
{
	return fmt::format("{:#x} = {}", features, backend_features_text(features));
}

std::string words_of_memory(const vhost_memory &memory)
{
	constexpr unsigned shown = 4;
	std::string words = fmt::format("{} region{}", uint32_t(memory.nregions),
					memory.nregions == 1 ? "" : "s");

	for (unsigned i = 0; i < std::min<unsigned>(memory.nregions, shown); i++) {
		const vhost_memory_region &region = memory.regions[i];

		words += fmt::format("{} guest {:#x} at {:#x} ({})", i ? "," : ":",
				     uint64_t(region.guest_phys_addr),
				     uint64_t(region.userspace_addr),
				     bytes_text(region.memory_size));
	}
	return memory.nregions > shown ? words + ", ..." : words;
}

std::string words_of_address(const uint64_t &address)
{
	return fmt::format("address {:#x}", address);
}

std::string words_of_fd(const int &fd)
{
	return fd < 0 ? "none" : fmt::format("fd {}", fd);
}

std::string words_of_vring_num(const vhost_vring_state &state)
{
	return fmt::format("queue {}, {} descriptors", state.index, state.num);
}

std::string words_of_vring_base(const vhost_vring_state &state)
{
	return fmt::format("queue {}, base {:#x}", state.index, state.num);
}

std::string words_of_vring_endian(const vhost_vring_state &state)
{
	return fmt::format("queue {}, {}", state.index,
			   state.num == VHOST_VRING_BIG_ENDIAN ? "big endian" : "little endian");
}

std::string words_of_vring_time(const vhost_vring_state &state)
{
	return fmt::format("queue {}, {} us", state.index, state.num);
}

std::string words_of_vring_addr(const vhost_vring_addr &addr)
{
	std::string words = fmt::format(
		"queue {}, descriptors {:#x}, driver area {:#x}, device area {:#x}", addr.index,
		uint64_t(addr.desc_user_addr), uint64_t(addr.avail_user_addr),
		uint64_t(addr.used_user_addr));

	if (addr.flags & (1u << VHOST_VRING_F_LOG))
		words += fmt::format(", log at guest {:#x}", uint64_t(addr.log_guest_addr));
	return words;
}

std::string words_of_vring_fd(const vhost_vring_file &file)
{
	return fmt::format("queue {}, {}", file.index,
			   file.fd < 0 ? "unbind" : fmt::format("fd {}", file.fd));
}

std::string words_of_worker(const vhost_worker_state &state)
{
	return fmt::format("worker {}", state.worker_id);
}

std::string words_of_vring_worker(const vhost_vring_worker &worker)
{
	return fmt::format("queue {}, worker {}", worker.index, worker.worker_id);
}

std::string words_of_fork_owner(const uint8_t &mode)
{
	return mode == VHOST_FORK_OWNER_KTHREAD ? "workers are kernel threads"
						: "workers are threads of the owner";
}

} // namespace ringtap
