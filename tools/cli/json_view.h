// SPDX-License-Identifier: GPL-2.0-or-later
// Devices, queues, workers and events as JSON, in the schema of Documentation/json.
//
// What the module does not tell is a key that is not there; a value without words is a number.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "lib/netlink.h"

namespace ringtap {

using Json = nlohmann::ordered_json;

// Of Documentation/json: goes up when a key changes its meaning or goes away.
constexpr char json_schema[] = "ringtap/1";

// The start of each document: its schema and the command that it is of.
[[nodiscard]] Json json_document(const char *command);

[[nodiscard]] Json device_json(const NlDevice &device);
[[nodiscard]] Json queue_json(const NlQueue &queue);
[[nodiscard]] Json worker_json(const NlWorker &worker);
[[nodiscard]] Json event_json(const NlEvent &event);

// Strings from elsewhere may be no UTF-8: what is not becomes U+FFFD. indent -1 is one line.
[[nodiscard]] std::string json_text(const Json &json, int indent);

// "rx" for the queue that the guest receives on, "tx" for the one it transmits on.
[[nodiscard]] std::optional<std::string> direction_of(uint32_t queue);

} // namespace ringtap
