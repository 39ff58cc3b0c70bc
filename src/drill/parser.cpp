#include "drill/parser.hpp"

#include <utility>

#include <fmt/format.h>

#include "drill/grammar.hpp"

namespace fairlead::drill {
namespace {

constexpr std::size_t kShownBytes = 24;  // of a token, in a message

std::string describe(const Token& token) {
    if (token.kind == TokenKind::End) return "the end of the file";
    const bool is_long = token.text.size() > kShownBytes;
    return fmt::format("'{}{}'", token.text.substr(0, kShownBytes), is_long ? "..." : "");
}

}  // namespace

std::string ParseError::to_string() const {
    return fmt::format("{}:{}:{}: {}", file, place.line, place.column, message);
}

std::expected<ParsedInteger, IntegerFault> parse_integer(std::string_view digits) {
    ParsedInteger parsed;
    std::uint64_t radix = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
        digits.remove_prefix(2);
        radix = 16;
        parsed.base = NumberBase::Hexadecimal;
    } else if (digits.size() > 1 && digits[0] == '0') {
        digits.remove_prefix(1);
        radix = 8;
        parsed.base = NumberBase::Octal;
    }
    for (const char c : digits) {
        const auto digit = static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        if (digit >= radix) return std::unexpected{IntegerFault::BadOctal};
        if (parsed.value > (UINT64_MAX - digit) / radix) {
            return std::unexpected{IntegerFault::TooLarge};
        }
        parsed.value = parsed.value * radix + digit;
    }
    return parsed;
}

bool Grammar::accept(char sign) {
    if (!lexer_.peek().is(sign)) return false;
    lexer_.take();
    return true;
}

bool Grammar::accept(std::string_view word) {
    if (!lexer_.peek().is(word)) return false;
    lexer_.take();
    return true;
}

Parsed<void> Grammar::expect(char sign) {
    if (!lexer_.peek().is(sign)) return expected(fmt::format("'{}'", sign));
    lexer_.take();
    return {};
}

Parsed<void> Grammar::expect(std::string_view word) {
    if (!lexer_.peek().is(word)) return expected(fmt::format("'{}'", word));
    lexer_.take();
    return {};
}

Parsed<std::uint64_t> Grammar::unsigned_number(std::string_view what, std::uint64_t most) {
    const Token token = lexer_.peek();
    if (token.kind != TokenKind::Integer) return expected(what);
    const auto parsed = parse_integer(token.text);
    if (!parsed && parsed.error() == IntegerFault::BadOctal) {
        return fault(token.offset, fmt::format("{} is not an octal number", describe(token)));
    }
    if (!parsed || parsed->value > most) {
        return fault(token.offset, fmt::format("{} is too large for {}: at most {}",
                                               describe(token), what, most));
    }
    lexer_.take();
    return parsed->value;
}

std::unexpected<ParseError> Grammar::expected(std::string_view what) const {
    const Token& found = lexer_.peek();
    if (found.kind == TokenKind::Bad) return fault(found.offset, std::string{found.text});
    return expected_at(found.offset, what, describe(found));
}

std::unexpected<ParseError> Grammar::expected_at(std::size_t offset, std::string_view what,
                                                 std::string found) const {
    return std::unexpected{
        ParseError{.file = file_,
                   .place = lexer_.place_of(offset),
                   .message = fmt::format("expected {} here, found {}", what, found),
                   .expected = std::string{what},
                   .found = std::move(found)}};
}

std::unexpected<ParseError> Grammar::fault(std::size_t offset, std::string message) const {
    return std::unexpected{
        ParseError{.file = file_, .place = lexer_.place_of(offset), .message = std::move(message)}};
}

Parsed<Script> parse_script(std::string_view text, std::string_view file,
                            const Definitions& definitions, const ParseLimits& limits) {
    if (text.size() > limits.bytes) {
        return std::unexpected{
            ParseError{.file = std::string{file},
                       .place = {.line = 1, .column = 1},
                       .message = fmt::format("a script has at most {} bytes, this has {}",
                                              limits.bytes, text.size())}};
    }
    return Grammar{text, file, definitions, limits}.script();
}

}  // namespace fairlead::drill
