#include "drill/differential/known.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace fairlead::drill::differential {
namespace {

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

// What stands behind `field: ` on the line.
bool take_field(std::string_view line, std::string_view field, std::string_view& value) {
    if (!line.starts_with(field)) return false;
    value = trimmed(line.substr(field.size()));
    return !value.empty();
}

}  // namespace

std::expected<std::vector<Known>, std::string> parse_known(std::string_view text) {
    std::vector<Known> all;
    Known block;
    std::size_t number = 0;
    const auto end_block = [&] {
        const bool is_whole = !block.what.empty() && !block.reason.empty();
        const bool is_empty = block.what.empty() && block.reason.empty() && block.when.empty();
        if (is_whole) all.push_back(std::exchange(block, {}));
        return is_whole || is_empty;
    };
    const auto wrong = [&](std::string_view why) {
        return std::unexpected{fmt::format("line {}: {}", number, why)};
    };
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        std::string_view value;
        if (line.starts_with('#')) continue;
        if (line.empty()) {
            if (!end_block()) return wrong("a block needs what: and reason:");
        } else if (take_field(line, "what:", value)) {
            block.what = value;
        } else if (take_field(line, "when:", value)) {
            block.when.emplace_back(value);
        } else if (take_field(line, "behind:", value)) {
            block.behind = value;
        } else if (take_field(line, "reason:", value)) {
            block.reason = value;
        } else {
            return wrong("expected what:, when:, behind: or reason:");
        }
    }
    if (!end_block()) return wrong("a block needs what: and reason:");
    return all;
}

bool matches(std::string_view pattern, std::string_view text) {
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == text;
    if (!text.starts_with(pattern.substr(0, star))) return false;
    const std::string_view rest = pattern.substr(star + 1);
    for (std::size_t i = star; i <= text.size(); ++i) {
        if (matches(rest, text.substr(i))) return true;
    }
    return false;
}

bool is_known(const std::vector<Known>& all, std::string_view difference,
              const std::vector<std::string>& lines, std::string_view input) {
    return std::ranges::any_of(all, [&](const Known& known) {
        return matches(known.what, difference) &&
               (known.behind.empty() || matches(known.behind, input)) &&
               std::ranges::all_of(known.when, [&](const std::string& when) {
                   return std::ranges::any_of(
                       lines, [&](const std::string& line) { return matches(when, line); });
               });
    });
}

}  // namespace fairlead::drill::differential
