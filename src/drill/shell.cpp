#include "drill/shell.hpp"

#include <utility>

namespace fairlead::drill {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Words of one line, split at blanks outside of quotes; a ';' or a new line is a word of its own.
// Nothing: it has what only a shell understands.
std::optional<std::vector<std::string>> words_of(std::string_view line) {
    constexpr std::string_view kForShells = "$`|&<>*?()!~";
    std::vector<std::string> words;
    std::string word;
    char quote = '\0';
    const auto finish = [&] {
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    };
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote != '\0') {
            if (c == quote) {
                quote = '\0';
            } else {
                word += c;
            }
        } else if (c == '\\' && i + 1 < line.size() && line[i + 1] == '\n') {
            ++i;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == ';' || c == '\n') {
            finish();
            words.emplace_back(";");
        } else if (is_blank(c)) {
            finish();
        } else if (kForShells.find(c) != std::string_view::npos || c == '\\') {
            return std::nullopt;
        } else {
            word += c;
        }
    }
    finish();
    return quote == '\0' ? std::optional{words} : std::nullopt;
}

}  // namespace

std::optional<std::vector<Sysctl>> read_sysctl(std::string_view command) {
    const auto words = words_of(command);
    if (!words) return std::nullopt;
    std::vector<Sysctl> all;
    bool is_first = true;
    bool may_fail = false;
    for (const std::string& word : *words) {
        const std::size_t equals = word.find('=');
        if (word == ";") {
            is_first = true;
            may_fail = false;
        } else if (is_first) {
            if (word != "sysctl") return std::nullopt;
            is_first = false;
        } else if (word == "-e") {
            may_fail = true;
        } else if (word == "-q" || word == "-w") {
            continue;
        } else if (equals != std::string::npos && equals != 0) {
            all.push_back({word.substr(0, equals), word.substr(equals + 1), may_fail});
        } else {
            return std::nullopt;
        }
    }
    return all;
}

}  // namespace fairlead::drill
