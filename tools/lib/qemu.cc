// SPDX-License-Identifier: GPL-2.0-or-later
// Composes -netdev and -device for a vhost-served virtio-net card.
#include "lib/qemu.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

namespace ringtap {

namespace {

using Words = std::vector<std::string>;

// The comma-separated options of a QEMU argument; ",," is a comma within a value.
std::vector<std::string> split_options(const std::string &text)
{
	std::vector<std::string> options(1);

	for (size_t i = 0; i < text.size(); i++) {
		bool comma = text[i] == ',';

		if (comma && i + 1 < text.size() && text[i + 1] == ',')
			options.back() += text[i++];
		else if (comma)
			options.emplace_back();
		else
			options.back() += text[i];
	}
	return options;
}

bool has_key(const std::string &text, std::string_view key)
{
	for (const auto &option : split_options(text))
		if (std::string_view(option).substr(0, option.find('=')) == key)
			return true;
	return false;
}

// Whether an argument, "type,key=value" or QEMU's JSON form, sets key to value.
bool sets(const std::string &argument, const std::string &key, const std::string &value)
{
	if (!argument.empty() && argument.front() == '{') {
		std::string packed = argument;

		std::erase_if(packed, [](unsigned char c) { return std::isspace(c); });
		return packed.find(fmt::format("\"{}\":\"{}\"", key, value)) != std::string::npos;
	}
	auto options = split_options(argument);

	return std::find(options.begin(), options.end(), key + "=" + value) != options.end();
}

// Whether an option of the command, "-netdev" or "--netdev", has an argument that sets key to value.
bool command_sets(const Words &command, const std::string &option, const std::string &key,
		  const std::string &value)
{
	for (size_t i = 1; i + 1 < command.size(); i++)
		if ((command[i] == "-" + option || command[i] == "--" + option) &&
		    sets(command[i + 1], key, value))
			return true;
	return false;
}

Result<Done> check_id(const std::string &id)
{
	auto good = [](unsigned char c) {
		return std::isalnum(c) || c == '-' || c == '.' || c == '_';
	};

	if (id.empty() || !std::isalpha(static_cast<unsigned char>(id.front())) ||
	    !std::all_of(id.begin(), id.end(), good))
		return fail(0, "use as a QEMU identifier", fmt::format("\"{}\"", id),
			    "begin with a letter, go on with letters, digits, '-', '.' and '_'");
	return Done{};
}

Result<Done> refuse_keys(const char *option, const std::string &text,
			 std::initializer_list<std::string_view> keys, const char *hint)
{
	for (auto key : keys)
		if (has_key(text, key))
			return fail(0, fmt::format("take \"{}\" in", key), option, hint);
	return Done{};
}

Result<Done> check_nic(const QemuNic &nic)
{
	TRY(check_id(nic.id));
	if (nic.tap_fds.empty() || nic.tap_fds.size() != nic.vhost_fds.size())
		return fail(0, "wire up", nic.id, "it needs one vhost descriptor per TAP queue");
	if (!nic.mac.is_unicast())
		return fail(0, "give a network card the address", nic.mac.text(),
			    "a card needs an address with an even first byte");
	TRY(refuse_keys(
		"--netdev-opts", nic.netdev_opts,
		{"type", "id", "fd", "fds", "ifname", "script", "downscript", "br", "helper",
		 "queues", "vnet_hdr", "vhost", "vhostfd", "vhostfds", "vhostforce"},
		"ringtap run sets what names and connects the netdev; see its own options"));
	TRY(refuse_keys("--device-opts", nic.device_opts, {"driver", "netdev", "mac"},
			"use --id, --mac or --no-device"));
	return Done{};
}

Result<Done> check_command(const Words &command, const QemuNic &nic)
{
	if (command.empty() || command.front().empty())
		return fail(0, "run", "nothing", "give QEMU's command line after --");
	if (command_sets(command, "netdev", "id", nic.id))
		return fail(0, "add the netdev", nic.id,
			    "the command line has one of that id; choose another with --id");
	if (nic.device && command_sets(command, "device", "netdev", nic.id))
		return fail(0, "add a device for the netdev", nic.id,
			    "the command line has a -device on it; use --no-device");
	return Done{};
}

} // namespace

std::string QemuNic::netdev() const
{
	std::string text = fmt::format("tap,id={},fds={},vhost=on,vhostforce=on,vhostfds={}", id,
				       fmt::join(tap_fds, ":"), fmt::join(vhost_fds, ":"));

	if (!netdev_opts.empty())
		text += "," + netdev_opts;
	return text;
}

std::string QemuNic::device_value() const
{
	std::string text = fmt::format("{},netdev={}", device_type, id);
	size_t pairs = tap_fds.size();
	// Properties that the user gave are the user's.
	auto add = [&](const char *key, const std::string &value) {
		if (!has_key(device_opts, key))
			text += fmt::format(",{}={}", key, value);
	};

	add("id", id + "-nic");
	add("mac", mac.text());
	if (pairs > 1) {
		add("mq", "on");
		// One vector per queue, one for the control queue, one for configuration changes.
		add("vectors", std::to_string(2 * pairs + 2));
	}
	if (mtu)
		add("host_mtu", std::to_string(*mtu));
	if (!device_opts.empty())
		text += "," + device_opts;
	return text;
}

Result<Words> qemu_command(const Words &command, const QemuNic &nic)
{
	Words words = command;

	TRY(check_nic(nic));
	TRY(check_command(command, nic));
	words.insert(words.end(), {"-netdev", nic.netdev()});
	if (nic.device)
		words.insert(words.end(), {"-device", nic.device_value()});
	return words;
}

} // namespace ringtap
