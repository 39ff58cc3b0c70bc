#include "drill/lexer.hpp"

#include <algorithm>

namespace fairlead::drill {
namespace {

// The language is ASCII; the C library's tests depend on the locale.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool is_alphanumeric(char c) { return is_letter(c) || is_digit(c); }
constexpr bool is_hex_digit(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

constexpr std::string_view kSigns = "+-*~|,:=()[]{}<>/.";
constexpr auto kNowhere = std::string_view::npos;

// What a replaced word is: -D MSS=1460 gives a number, -D ERROR=ECONNRESET a word.
TokenKind kind_of_replacement(std::string_view text) {
    if (!text.empty() && std::all_of(text.begin(), text.end(), is_digit)) return TokenKind::Integer;
    if (text.size() > 2 && (text.starts_with("0x") || text.starts_with("0X")) &&
        std::all_of(text.begin() + 2, text.end(), is_hex_digit)) {
        return TokenKind::Integer;
    }
    return TokenKind::Word;
}

}  // namespace

Lexer::Lexer(std::string_view text, const Definitions& definitions)
    : text_{text}, definitions_{definitions} {
    line_starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') line_starts_.push_back(i + 1);
    }
    token_ = scan(0);
}

void Lexer::define(std::string_view name, std::string_view value) {
    definitions_.emplace(name, value);
    token_ = scan(token_.offset);
}

Place Lexer::place_of(std::size_t offset) const {
    const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    const auto line = static_cast<std::size_t>(after - line_starts_.begin());
    return {.line = static_cast<std::uint32_t>(line),
            .column = static_cast<std::uint32_t>(offset - line_starts_[line - 1] + 1)};
}

Token Lexer::take() {
    const Token taken = token_;
    if (taken.kind != TokenKind::Bad) token_ = scan(taken.end);
    return taken;
}

Token Lexer::take_solid() {
    const std::size_t from = token_.offset;
    std::size_t end = from;
    while (end < text_.size() && !is_blank(text_[end])) ++end;
    token_ = scan(end);
    return {TokenKind::Word, text_.substr(from, end - from), from, end};
}

Token Lexer::take_alphanumeric() {
    const std::size_t from = token_.offset;
    std::size_t end = from;
    while (is_alphanumeric(at(end))) ++end;
    token_ = scan(end);
    return replaced({TokenKind::Word, text_.substr(from, end - from), from, end});
}

Token Lexer::take_note() {
    const std::size_t from = token_.end;
    const std::size_t close = text_.find(')', from);
    if (close == kNowhere) return bad(from, "this note has no ')'");
    token_ = scan(close + 1);
    return {TokenKind::Text, text_.substr(from, close - from), from, close + 1};
}

Token Lexer::bad(std::size_t from, std::string_view what) const {
    return {TokenKind::Bad, what, from, from};
}

Token Lexer::replaced(Token word) const {
    const auto found = definitions_.find(word.text);
    if (found == definitions_.end()) return word;
    word.text = found->second;
    word.kind = kind_of_replacement(word.text);
    return word;
}

std::size_t Lexer::skip_blank(std::size_t from) const {
    while (from < text_.size()) {
        const char c = text_[from];
        if (is_blank(c)) {
            ++from;
        } else if (c == '#' || (c == '/' && at(from + 1) == '/')) {
            from = std::min(text_.find('\n', from), text_.size());
        } else if (c == '/' && at(from + 1) == '*') {
            const std::size_t close = text_.find("*/", from + 2);
            if (close == kNowhere) return kNowhere;
            from = close + 2;
        } else {
            break;
        }
    }
    return from;
}

Token Lexer::scan(std::size_t from) const {
    const std::size_t begin = skip_blank(from);
    if (begin == kNowhere) return bad(text_.find("/*", from), "this comment has no '*/'");
    if (begin == text_.size()) return {TokenKind::End, {}, begin, begin};

    const char c = text_[begin];
    if (is_letter(c)) return scan_word(begin);
    if (is_digit(c) || (c == '.' && is_digit(at(begin + 1)))) return scan_number(begin);
    if (text_.substr(begin, 3) == "...") {
        return {TokenKind::Ellipsis, text_.substr(begin, 3), begin, begin + 3};
    }
    if (c == '"' || c == '`' || (c == '%' && at(begin + 1) == '{')) return scan_delimited(begin);
    if (c == '-' && at(begin + 1) == '-' && is_letter(at(begin + 2))) return scan_option(begin);
    if (kSigns.find(c) != kNowhere) {
        return {TokenKind::Sign, text_.substr(begin, 1), begin, begin + 1};
    }
    return bad(begin, "this character has no meaning here");
}

Token Lexer::scan_word(std::size_t from) const {
    std::size_t end = from;
    while (is_alphanumeric(at(end))) ++end;
    return replaced({TokenKind::Word, text_.substr(from, end - from), from, end});
}

Token Lexer::scan_number(std::size_t from) const {
    std::size_t end = from;
    TokenKind kind = TokenKind::Integer;
    if (at(from) == '0' && (at(from + 1) == 'x' || at(from + 1) == 'X')) {
        end += 2;
        while (is_hex_digit(at(end))) ++end;
        if (end == from + 2) return bad(from, "this number has no digits after 0x");
    } else {
        while (is_digit(at(end))) ++end;
        // `1...2` is a window of time, `5.` are TCP flags: a fraction has digits.
        if (at(end) == '.' && is_digit(at(end + 1))) {
            kind = TokenKind::Decimal;
            ++end;
            while (is_digit(at(end))) ++end;
        }
    }
    if (is_letter(at(end))) return bad(from, "this number runs into letters");
    return {kind, text_.substr(from, end - from), from, end};
}

Token Lexer::scan_delimited(std::size_t from) const {
    if (text_[from] == '%') {
        const std::size_t close = text_.find("}%", from + 2);
        if (close == kNowhere) return bad(from, "this code block has no '}%'");
        return {TokenKind::Code, text_.substr(from + 2, close - from - 2), from, close + 2};
    }
    const bool is_text = text_[from] == '"';
    std::size_t close = from + 1;
    while (close < text_.size() && text_[close] != text_[from]) {
        close += is_text && text_[close] == '\\' ? 2 : 1;
    }
    if (close >= text_.size()) {
        return bad(from, is_text ? "this string has no closing '\"'"
                                 : "this shell line has no closing '`'");
    }
    return {is_text ? TokenKind::Text : TokenKind::Shell, text_.substr(from + 1, close - from - 1),
            from, close + 1};
}

Token Lexer::scan_option(std::size_t from) const {
    std::size_t end = from + 2;
    while (is_alphanumeric(at(end)) || at(end) == '-') ++end;
    if (at(end) == '=') {
        ++end;
        if (at(end) == '"') {
            const std::size_t close = text_.find('"', end + 1);
            if (close == kNowhere) return bad(end, "this string has no closing '\"'");
            end = close + 1;
        } else {
            while (end < text_.size() && !is_blank(text_[end])) ++end;
        }
    }
    return {TokenKind::Option, text_.substr(from + 2, end - from - 2), from, end};
}

}  // namespace fairlead::drill
