// drill/lexer.hpp — from characters to tokens.
//
// Owns:   what a word, a number, a string, a comment is; -D symbols, which replace a word where it
//         stands; the line and column of every token.
// Why the extra take_...(): the language has a few places where the same characters mean something
//         else (the flags `5.`, the cookie `3021b9d8`, the note `(flags O_RDWR)`). The grammar
//         knows where it is, so it asks for what belongs there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "drill/script.hpp"

namespace fairlead::drill {

using Definitions = std::map<std::string, std::string, std::less<>>;  // -D name=value

enum class TokenKind : std::uint8_t {
    End,
    Integer,   // 12, 0x1f, 0644
    Decimal,   // 1.5, .1
    Word,      // [A-Za-z_][A-Za-z0-9_]*
    Text,      // "...": what is between the quotes, as written
    Shell,     // `...`
    Code,      // %{ ... }%
    Option,    // --name=value, without the dashes
    Ellipsis,  // ...
    Sign,      // one character of + - * ~ | , : = ( ) [ ] { } < > / .
    Bad,       // text: what is wrong
};

struct Token {
    TokenKind kind = TokenKind::End;
    std::string_view text{};
    std::size_t offset = 0;  // where it stands in the file
    std::size_t end = 0;     // where what follows it begins

    bool is(char sign) const { return kind == TokenKind::Sign && text[0] == sign; }
    bool is(std::string_view word) const { return kind == TokenKind::Word && text == word; }
};

// The text must outlive the lexer and its tokens.
class Lexer {
public:
    Lexer(std::string_view text, const Definitions& definitions);

    // --define in the script: for what follows; -D on the command line is stronger.
    void define(std::string_view name, std::string_view value);

    const Token& peek() const { return token_; }
    Token take();
    // The token after next.
    Token peek_second() const { return scan(token_.end); }

    // From where the next token begins: all up to white space.
    Token take_solid();
    // From where the next token begins: letters, digits and underscores.
    Token take_alphanumeric();
    // The next token is '(': what stands between it and its ')'; Bad when there is none.
    Token take_note();

    Place place_of(std::size_t offset) const;

private:
    Token scan(std::size_t from) const;
    Token scan_number(std::size_t from) const;
    Token scan_word(std::size_t from) const;
    Token scan_delimited(std::size_t from) const;
    Token scan_option(std::size_t from) const;
    // Past white space and comments; npos where a comment never ends.
    std::size_t skip_blank(std::size_t from) const;
    char at(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }
    Token bad(std::size_t from, std::string_view what) const;
    Token replaced(Token word) const;

    std::string_view text_;
    Definitions definitions_;
    std::vector<std::size_t> line_starts_;
    Token token_{};  // the next one
};

}  // namespace fairlead::drill
