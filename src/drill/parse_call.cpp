// System calls and the expressions they are made of.
#include <utility>

#include <fmt/format.h>

#include "drill/grammar.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

// Most of 64 bits; -2^63 has no positive twin, and no call needs it.
constexpr std::uint64_t kMostPositive = INT64_MAX;

constexpr int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The character that stands for itself after a backslash, or for another.
char unescaped(char c) {
    switch (c) {
        case 'n': return '\n';
        case 't': return '\t';
        case 'r': return '\r';
        case '0': return '\0';
        default: return c;
    }
}

std::string resolve_escapes(std::string_view written) {
    std::string text;
    text.reserve(written.size());
    for (std::size_t i = 0; i < written.size(); ++i) {
        if (written[i] != '\\' || i + 1 == written.size()) {
            text += written[i];
            continue;
        }
        ++i;
        if (written[i] == 'x' && i + 2 < written.size() && hex_value(written[i + 1]) >= 0 &&
            hex_value(written[i + 2]) >= 0) {
            text += static_cast<char>(hex_value(written[i + 1]) * 16 + hex_value(written[i + 2]));
            i += 2;
        } else {
            text += unescaped(written[i]);
        }
    }
    return text;
}

}  // namespace

// name(arguments) = result [ERRNO] [(note)]
Parsed<Call> Grammar::call() {
    Call call{.name = std::string{lexer_.take().text}};
    FAIRLEAD_TRY(expect('('));
    call.arguments = FAIRLEAD_TRY(list_until(')'));
    FAIRLEAD_TRY(expect('='));
    call.result = FAIRLEAD_TRY(expression());
    if (lexer_.peek().kind == TokenKind::Word) call.error = lexer_.take().text;
    if (lexer_.peek().is('(')) {
        const Token note = lexer_.take_note();
        if (note.kind == TokenKind::Bad) return fault(note.offset, std::string{note.text});
        call.note = note.text;
    }
    return call;
}

// The rest of a list whose opening bracket was taken, with its closing one.
Parsed<std::vector<Expression>> Grammar::list_until(char close) {
    std::vector<Expression> items;
    if (accept(close)) return items;
    do {
        items.push_back(FAIRLEAD_TRY(close == '}' ? field() : expression()));
    } while (accept(','));
    if (!accept(close)) return expected(fmt::format("',' or '{}'", close));
    return items;
}

Parsed<Expression> Grammar::new_expression(ExpressionKind kind) {
    const std::size_t offset = lexer_.peek().offset;
    if (++expressions_ > limits_.expressions) {
        return fault(offset, fmt::format("a script has at most {} values", limits_.expressions));
    }
    return Expression{.kind = kind, .place = lexer_.place_of(offset)};
}

// operand | operand '|' operand ...
Parsed<Expression> Grammar::expression() {
    if (depth_ == limits_.depth) {
        return fault(lexer_.peek().offset,
                     fmt::format("values nest at most {} deep", limits_.depth));
    }
    ++depth_;
    auto either = FAIRLEAD_TRY(new_expression(ExpressionKind::Either));
    either.items.push_back(FAIRLEAD_TRY(operand()));
    while (accept('|')) either.items.push_back(FAIRLEAD_TRY(operand()));
    --depth_;
    if (either.items.size() > 1) return either;
    return Expression{std::move(either.items.front())};
}

Parsed<Expression> Grammar::operand() {
    const Token& next = lexer_.peek();
    switch (next.kind) {
        case TokenKind::Ellipsis: {
            auto ellipsis = FAIRLEAD_TRY(new_expression(ExpressionKind::Ellipsis));
            lexer_.take();
            return ellipsis;
        }
        case TokenKind::Integer: return integer();
        case TokenKind::Text: return text();
        case TokenKind::Word: return name_or_call();
        default: break;
    }
    if (next.is('-')) return integer();
    if (next.is('[')) return array();
    if (next.is('{')) return structure();
    if (!next.is('~')) return expected("a value");
    auto complement = FAIRLEAD_TRY(new_expression(ExpressionKind::Complement));
    lexer_.take();
    if (lexer_.peek().is('~')) return expected("a number or a name");
    complement.items.push_back(FAIRLEAD_TRY(operand()));
    return complement;
}

Parsed<Expression> Grammar::integer() {
    auto number = FAIRLEAD_TRY(new_expression(ExpressionKind::Integer));
    const bool is_negative = accept('-');
    const Token digits = lexer_.peek();
    const std::uint64_t value = FAIRLEAD_TRY(unsigned_number("a number", kMostPositive));
    number.base = parse_integer(digits.text)->base;
    number.number = static_cast<std::int64_t>(value);
    if (is_negative) number.number = -number.number;
    return number;
}

Parsed<Expression> Grammar::text() {
    auto text = FAIRLEAD_TRY(new_expression(ExpressionKind::Text));
    text.text = resolve_escapes(lexer_.take().text);
    return text;
}

Parsed<Expression> Grammar::name_or_call() {
    auto name = FAIRLEAD_TRY(new_expression(ExpressionKind::Name));
    name.text = lexer_.take().text;
    if (!accept('(')) return name;
    name.kind = ExpressionKind::Call;
    name.items = FAIRLEAD_TRY(list_until(')'));
    return name;
}

Parsed<Expression> Grammar::array() {
    auto array = FAIRLEAD_TRY(new_expression(ExpressionKind::Array));
    lexer_.take();
    array.items = FAIRLEAD_TRY(list_until(']'));
    return array;
}

Parsed<Expression> Grammar::structure() {
    auto structure = FAIRLEAD_TRY(new_expression(ExpressionKind::Struct));
    lexer_.take();
    structure.items = FAIRLEAD_TRY(list_until('}'));
    return structure;
}

// name=value | name(value)=value | value: what a struct is made of.
Parsed<Expression> Grammar::field() {
    Expression value = FAIRLEAD_TRY(expression());
    const bool is_name = value.kind == ExpressionKind::Name ||
                         (value.kind == ExpressionKind::Call && value.items.size() == 1);
    if (!lexer_.peek().is('=') || !is_name) return value;
    lexer_.take();
    value.kind = ExpressionKind::Field;
    value.items.insert(value.items.begin(), FAIRLEAD_TRY(expression()));
    return value;
}

}  // namespace fairlead::drill
