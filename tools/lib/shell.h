// SPDX-License-Identifier: GPL-2.0-or-later
// What a shell does with a command: quoting its words, finding its program.
#pragma once

#include <string>
#include <vector>

#include "lib/result.h"

namespace ringtap {

// A word that a POSIX shell reads back as exactly this text; left bare where that is safe.
[[nodiscard]] std::string shell_quote(const std::string &word);

// The words of a command, quoted, with spaces between.
[[nodiscard]] std::string shell_join(const std::vector<std::string> &words);

// The file that execvp() would run for a program name, looked for along a PATH ("a:b:c").
[[nodiscard]] Result<std::string> find_program(const std::string &name, const std::string &path);

} // namespace ringtap
