// SPDX-License-Identifier: GPL-2.0-or-later
// Reads QEMU's option -name.
#include "lib/vm_name.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace ringtap {

namespace {

// The comma-separated options of an argument, "a=b" each; ",," is a comma within one.
std::vector<std::string> options_of(const std::string &argument)
{
	std::vector<std::string> options(1);

	for (size_t i = 0; i < argument.size(); i++) {
		if (argument[i] != ',')
			options.back() += argument[i];
		else if (i + 1 < argument.size() && argument[i + 1] == ',')
			options.back() += argument[i++];
		else
			options.emplace_back();
	}
	return options;
}

// "guest=NAME" wherever it stands, or a first option without a key.
std::optional<std::string> guest_of(const std::string &argument)
{
	constexpr std::string_view key = "guest=";
	std::vector<std::string> options = options_of(argument);
	std::optional<std::string> name;

	if (options[0].find('=') == std::string::npos)
		name = options[0];
	for (const std::string &option : options)
		if (option.starts_with(key))
			name = option.substr(key.size());
	return name;
}

} // namespace

std::optional<std::string> vm_name_in(const std::vector<std::string> &command)
{
	std::optional<std::string> name;

	// The first word is the program.
	for (size_t i = 1; i + 1 < command.size(); i++)
		if (command[i] == "-name" || command[i] == "--name")
			if (auto guest = guest_of(command[++i]); guest && !guest->empty())
				name = guest;
	return name;
}

std::vector<std::string> command_words(std::string_view cmdline)
{
	std::vector<std::string> words;

	while (!cmdline.empty()) {
		size_t end = cmdline.find('\0');

		words.emplace_back(cmdline.substr(0, end));
		cmdline.remove_prefix(end == std::string_view::npos ? cmdline.size() : end + 1);
	}
	return words;
}

std::optional<std::string> vm_name_of(unsigned pid)
{
	std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
	std::ostringstream text;

	text << file.rdbuf();
	return vm_name_in(command_words(text.str()));
}

} // namespace ringtap
