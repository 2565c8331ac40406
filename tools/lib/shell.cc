// SPDX-License-Identifier: GPL-2.0-or-later
// Quoting and program lookup as POSIX shells do them.
#include "lib/shell.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

namespace ringtap {

namespace {

bool is_safe(unsigned char c)
{
	return std::isalnum(c) || std::strchr("_-+=.,:/@%", c);
}

bool is_program(const std::string &path)
{
	struct stat st;

	return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) &&
	       ::access(path.c_str(), X_OK) == 0;
}

} // namespace

std::string shell_quote(const std::string &word)
{
	std::string quoted = "'";

	if (!word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
		    return c && is_safe(static_cast<unsigned char>(c));
	    }))
		return word;
	for (char c : word) {
		if (c == '\'')
			quoted += "'\\''";
		else
			quoted += c;
	}
	return quoted + "'";
}

std::string shell_join(const std::vector<std::string> &words)
{
	std::string line;

	for (const auto &word : words) {
		if (!line.empty())
			line += ' ';
		line += shell_quote(word);
	}
	return line;
}

Result<std::string> find_program(const std::string &name, const std::string &path)
{
	if (name.find('/') != std::string::npos) {
		if (is_program(name))
			return name;
		return fail(0, "run", name, "it is not an executable file");
	}
	for (size_t start = 0; !name.empty() && start <= path.size();) {
		size_t end = std::min(path.find(':', start), path.size());
		std::string directory = path.substr(start, end - start);
		std::string candidate = (directory.empty() ? "." : directory) + "/" + name;

		if (is_program(candidate))
			return candidate;
		start = end + 1;
	}
	return fail(0, "find the program", name, "install it, or give its path");
}

} // namespace ringtap
