// SPDX-License-Identifier: GPL-2.0-or-later
// The part of JSON Schema (draft 7) that Documentation/json uses, for tests.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace ringtap::testing_netlink {

// What is wrong with a document, empty if nothing is. Stricter than the schema: a key that it does
// not describe is wrong too, so that the schema describes all that the tool prints.
[[nodiscard]] std::string schema_violation(const nlohmann::json &schema,
					   const nlohmann::json &document);

// Documentation/json/ringtap-1.schema.json.
[[nodiscard]] nlohmann::json committed_schema();

} // namespace ringtap::testing_netlink
