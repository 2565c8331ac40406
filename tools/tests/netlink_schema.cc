// SPDX-License-Identifier: GPL-2.0-or-later
// A validator of the keywords that our schema has; any other keyword is a violation itself.
#include "netlink_schema.h"

#include <filesystem>
#include <fstream>
#include <regex>

namespace ringtap::testing_netlink {

namespace {

using nlohmann::json;

class Validator {
public:
	explicit Validator(const json &root) : root_(root) {}

	std::string check(const json &schema, const json &value, const std::string &where)
	{
		for (auto &[keyword, rule] : schema.items())
			if (std::string bad = check_keyword(keyword, rule, schema, value, where);
			    !bad.empty())
				return bad;
		return "";
	}

private:
	static bool is(const std::string &type, const json &value)
	{
		return (type == "object" && value.is_object()) ||
		       (type == "array" && value.is_array()) ||
		       (type == "string" && value.is_string()) ||
		       (type == "boolean" && value.is_boolean()) ||
		       (type == "number" && value.is_number()) ||
		       (type == "integer" && value.is_number_integer());
	}

	static bool is_any(const json &types, const json &value)
	{
		if (types.is_string())
			return is(types.get<std::string>(), value);
		return std::ranges::any_of(types, [&](const json &type) {
			return is(type.get<std::string>(), value);
		});
	}

	std::string check_members(const json &schema, const json &value, const std::string &where)
	{
		json properties = schema.value("properties", json::object());

		for (auto &[key, member] : value.items()) {
			std::string inside = where + "." + key;

			if (properties.contains(key)) {
				if (auto bad = check(properties[key], member, inside); !bad.empty())
					return bad;
			} else if (schema.contains("additionalProperties")) {
				auto bad = check(schema["additionalProperties"], member, inside);
				if (!bad.empty())
					return bad;
			} else if (!schema.contains("allOf")) {
				return inside + " is not described";
			}
		}
		return "";
	}

	std::string check_all(const json &rules, const json &value, const std::string &where)
	{
		for (const json &rule : rules) {
			const json &condition = rule["if"]["properties"]["command"]["const"];

			if (value["command"] != condition)
				continue;
			if (auto bad = check(rule["then"], value, where); !bad.empty())
				return bad;
		}
		return "";
	}

	std::string check_keyword(const std::string &keyword, const json &rule, const json &schema,
				  const json &value, const std::string &where)
	{
		bool good = true;

		if (keyword == "$ref")
			return check(
				root_.at(json::json_pointer(rule.get<std::string>().substr(1))),
				value, where);
		if (keyword == "properties" || keyword == "additionalProperties")
			return check_members(schema, value, where);
		if (keyword == "allOf")
			return check_all(rule, value, where);
		if (keyword == "items") {
			for (const json &item : value)
				if (auto bad = check(rule, item, where + "[]"); !bad.empty())
					return bad;
		} else if (keyword == "type")
			good = is_any(rule, value);
		else if (keyword == "const")
			good = value == rule;
		else if (keyword == "enum")
			good = std::ranges::count(rule, value);
		else if (keyword == "required")
			good = std::ranges::all_of(rule, [&](const json &key) {
				return value.contains(key.get<std::string>());
			});
		else if (keyword == "minimum")
			good = !value.is_number() || value >= rule;
		else if (keyword == "maximum")
			good = !value.is_number() || value <= rule;
		else if (keyword == "pattern")
			good = std::regex_search(value.get<std::string>(),
						 std::regex(rule.get<std::string>()));
		else
			good = keyword == "description" || keyword == "definitions" ||
			       keyword == "title" || keyword == "$schema" || keyword == "$comment";
		return good ? "" : where + ": " + keyword + " " + rule.dump() + ": " + value.dump();
	}

	const json &root_;
};

} // namespace

std::string schema_violation(const nlohmann::json &schema, const nlohmann::json &document)
{
	return Validator(schema).check(schema, document, "");
}

nlohmann::json committed_schema()
{
	namespace fs = std::filesystem;
	fs::path top = fs::absolute(__FILE__).parent_path().parent_path().parent_path();
	std::ifstream file(top / "Documentation/json/ringtap-1.schema.json");

	return nlohmann::json::parse(file);
}

} // namespace ringtap::testing_netlink
