// SPDX-License-Identifier: GPL-2.0-or-later
// Sentences for events.
#include "cli/watch_view.h"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/words_view.h"
#include "lib/netlink_names.h"

namespace ringtap {

namespace {

constexpr uint64_t second = 1'000'000'000;

std::string time_text(const std::optional<uint64_t> &time, const Clocks &clocks)
{
	if (!time)
		return "--:--:--.------";

	// Differences of unsigned numbers are right modulo 2^64, whichever is larger.
	uint64_t real = clocks.real - (clocks.boot - *time);
	auto seconds = static_cast<time_t>(real / second);
	std::tm day{};

	if (!::localtime_r(&seconds, &day))
		return fmt::format("{}", real);
	return fmt::format("{:%H:%M:%S}.{:06}", day, real % second / 1000);
}

std::string queue_text(const NlEvent &event)
{
	if (!event.queue)
		return "";

	auto direction = direction_of(*event.queue);

	return direction ? fmt::format("queue {} ({})", *event.queue, *direction)
			 : fmt::format("queue {}", *event.queue);
}

// " tun vm0"
std::string backend_text(const NlEvent &event)
{
	std::string text;

	if (event.backend)
		text += " " + name_or_number(backends(), *event.backend);
	if (event.ifname)
		text += " " + printable(*event.ifname);
	else if (event.ifindex)
		text += fmt::format(" interface {}", *event.ifindex);
	return text;
}

std::string fault_text(const NlEvent &event)
{
	if (!event.fault_kind)
		return "";

	const NlName *name = find_name(ring_errors(), *event.fault_kind);
	std::string text = name ? fmt::format(", {}: {}", name->name, name->meaning)
				: fmt::format(", error kind {}", *event.fault_kind);

	if (event.fault_index)
		text += fmt::format(", at ring index {}", *event.fault_index);
	if (event.fault_desc)
		text += fmt::format(", descriptor {}", *event.fault_desc);
	return text;
}

std::string what_text(const NlEvent &event)
{
	std::string queue = queue_text(event), backend = backend_text(event);

	if (!queue.empty())
		queue = " " + queue;
	switch (event.command) {
	case RINGTAP_CMD_DEVICE_OPEN:
		return " opened";
	case RINGTAP_CMD_DEVICE_CLOSE:
		return " closed";
	case RINGTAP_CMD_ATTACH:
		return queue + " attached" + (backend.empty() ? "" : " to") + backend;
	case RINGTAP_CMD_DETACH:
		return queue + " detached" + (backend.empty() ? "" : " from") + backend;
	case RINGTAP_CMD_RING_ERROR:
		return queue + " broke" + (backend.empty() ? "" : ", on") + backend +
		       fault_text(event);
	case RINGTAP_CMD_TAP_GONE:
		return queue + " lost its interface" + backend;
	default:
		return fmt::format("{} event {}", queue, event.command);
	}
}

} // namespace

Clocks Clocks::now()
{
	timespec real{};

	::clock_gettime(CLOCK_REALTIME, &real);
	return {boot_time(),
		static_cast<uint64_t>(real.tv_sec) * second + static_cast<uint64_t>(real.tv_nsec)};
}

std::string event_text(const NlEvent &event, const Clocks &clocks)
{
	std::string text = fmt::format("{} device {}{}", time_text(event.time, clocks),
				       event.device, what_text(event));

	if (event.suppressed.value_or(0))
		text += fmt::format(" ({} events of this device left out before)",
				    *event.suppressed);
	return text;
}

std::string news_text(const NlNews &news)
{
	switch (news.what) {
	case NlNews::What::lost:
		return "events were lost: they came faster than they could be read";
	case NlNews::What::unknown:
		return fmt::format("the module sends events of kind {}, which are newer than this "
				   "version of ringtap",
				   news.command);
	case NlNews::What::unloaded:
		return "the module was unloaded";
	case NlNews::What::event:
		break;
	}
	return "";
}

Json news_json(const NlNews &news)
{
	if (news.event)
		return event_json(*news.event);

	Json json = json_document("watch");

	if (news.what == NlNews::What::unknown)
		json["event"] = news.command;
	else
		json["event"] = news.what == NlNews::What::lost ? "lost" : "unloaded";
	return json;
}

} // namespace ringtap
