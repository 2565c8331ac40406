// SPDX-License-Identifier: GPL-2.0-or-later
// The manual pages against the tool: every option that --help shows is described, and no other.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace ringtap {
namespace {

namespace fs = std::filesystem;
using Options = std::set<std::string>;

std::string output_of(const std::string &command)
{
	std::array<char, 4096> buffer;
	std::string text;
	FILE *pipe = ::popen(command.c_str(), "r");

	if (!pipe)
		return text;
	while (size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
		text.append(buffer.data(), n);
	::pclose(pipe);
	return text;
}

// The long options at the start of lines that match.
Options options_of(const std::string &text, const std::regex &line_of_options)
{
	std::regex option("--[a-z][a-z-]*");
	std::istringstream in(text);
	Options options;

	for (std::string line; std::getline(in, line);) {
		std::smatch match;

		if (!std::regex_search(line, match, line_of_options))
			continue;
		std::string head = match.str();
		for (std::sregex_iterator it(head.begin(), head.end(), option), end; it != end;
		     ++it)
			options.insert(it->str());
	}
	options.erase("--help"); // on the page of the tool, for all
	return options;
}

class ManPage : public testing::TestWithParam<const char *> {};

TEST_P(ManPage, DescribesTheOptionsOfItsCommand)
{
	fs::path tool = fs::read_symlink("/proc/self/exe").replace_filename("ringtap");
	fs::path top = fs::absolute(__FILE__).parent_path().parent_path().parent_path();
	fs::path page = top / "Documentation/man" /
			(std::string("ringtap-") + GetParam() + ".1.rst");
	std::ostringstream text;

	if (!fs::exists(tool))
		GTEST_SKIP() << tool << " is not built";
	ASSERT_TRUE(fs::exists(page)) << page;
	text << std::ifstream(page).rdbuf();
	std::string help = output_of("'" + tool.string() + "' " + GetParam() + " --help");

	// "  -v,--verbose  words" there, "--verbose" or "-v, --verbose" at the margin here.
	Options shown = options_of(help, std::regex("^  (-[a-z],)?--[^ ]*"));
	Options described = options_of(text.str(), std::regex("^(-[a-z], )?--[a-z].*"));

	EXPECT_FALSE(shown.empty());
	EXPECT_EQ(described, shown);
}

INSTANTIATE_TEST_SUITE_P(Commands, ManPage,
			 testing::Values("check", "drive", "features", "list", "run", "show",
					 "watch"));

} // namespace
} // namespace ringtap
