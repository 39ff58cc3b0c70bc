#include "drill/code_lexer.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

constexpr std::string_view kSigns[] = {
    "**=", "//=", "<<=", ">>=", "==", "!=", "<=", ">=", "**", "//", "<<", ">>", "+=",
    "-=",  "*=",  "/=",  "%=",  "&=", "|=", "^=", "+",  "-",  "*",  "/",  "%",  "&",
    "|",   "^",   "~",   "<",   ">",  "(",  ")",  "[",  "]",  ",",  ":",  ";",  "="};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_of_name(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

class LineReader {
public:
    LineReader(std::string_view text, const Place& begin)
        : text_{text}, line_{begin.line}, first_column_{begin.column} {}

    Evaluated<std::vector<CodeLine>> read() {
        bool is_fresh = true;
        while (at_ < text_.size() && !fault_) {
            if (is_fresh) begin_line();
            is_fresh = take_one();
        }
        end_line();
        if (!fault_ && depth_ != 0) fail("a parenthesis that is not closed");
        if (fault_) return std::unexpected{*fault_};
        indent_first();
        return std::move(lines_);
    }

private:
    Place here() const {
        const bool is_first = line_start_ == 0;
        const auto column = static_cast<std::uint32_t>(at_ - line_start_ + 1);
        return {.line = line_, .column = is_first ? first_column_ : column};
    }
    void fail(std::string message) {
        if (!fault_) fault_ = Fault{.place = here(), .message = std::move(message)};
    }

    void begin_line() {
        const std::size_t start = at_;
        at_ = std::min(text_.find_first_not_of(" \t\r", at_), text_.size());
        current_ = CodeLine{.indentation = at_ - start, .place = here()};
    }
    void end_line() {
        if (current_.tokens.empty()) return;
        current_.tokens.push_back({.begin = at_, .end = at_});
        lines_.push_back(std::move(current_));
        current_ = {};
    }
    // The first line's own indentation says nothing: %{ stands before it.
    void indent_first() {
        if (lines_.empty() || !starts_inline_) return;
        std::size_t least = SIZE_MAX;
        for (std::size_t i = 1; i < lines_.size(); ++i) {
            least = std::min(least, lines_[i].indentation);
        }
        lines_[0].indentation = lines_.size() == 1 ? 0 : least;
    }

    // True: a new line begins.
    bool take_one() {
        const char c = at_ < text_.size() ? text_[at_] : '\n';
        if (c == '\\' && text_.substr(at_).starts_with("\\\n")) {
            ++at_;
            next_line();
        } else if (c == '\n') {
            const bool ends = depth_ == 0;
            if (ends) end_line();
            next_line();
            return ends;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            ++at_;
        } else if (c == '#') {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else {
            take_token(c);
        }
        return false;
    }
    void next_line() {
        if (at_ < text_.size()) ++at_;
        ++line_;
        line_start_ = at_;
    }

    void take_token(char c) {
        if (lines_.empty() && current_.tokens.empty()) starts_inline_ = line_start_ == 0;
        const std::size_t begin = at_;
        const bool is_fraction = c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]);
        if (is_digit(c) || is_fraction) {
            take_number();
        } else if (c == '\'' || c == '"') {
            take_text(c);
        } else if (is_of_name(c)) {
            while (at_ < text_.size() && is_of_name(text_[at_])) ++at_;
            add({.kind = CodeToken::Kind::Name,
                 .text = std::string{text_.substr(begin, at_ - begin)},
                 .begin = begin,
                 .end = at_});
        } else {
            take_sign();
        }
    }
    void add(CodeToken token) { current_.tokens.push_back(std::move(token)); }

    void take_number() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && (is_of_name(text_[at_]) || text_[at_] == '.')) ++at_;
        const std::string_view digits = text_.substr(begin, at_ - begin);
        const auto value = number(digits);
        if (!value) return fail(fmt::format("'{}' is no number", digits.substr(0, 40)));
        add({.kind = CodeToken::Kind::Constant, .value = *value, .begin = begin, .end = at_});
    }
    static std::optional<CodeValue> number(std::string_view digits) {
        std::uint64_t whole = 0;
        int radix = 10;
        std::string_view rest = digits;
        if (digits.size() > 2 && digits[0] == '0') {
            const char mark = static_cast<char>(digits[1] | 0x20);
            if (mark == 'x') radix = 16;
            if (mark == 'o') radix = 8;
            if (mark == 'b') radix = 2;
            if (radix != 10) rest.remove_prefix(2);
        }
        const char* end = rest.data() + rest.size();
        if (const auto read = std::from_chars(rest.data(), end, whole, radix);
            read.ec == std::errc{} && read.ptr == end) {
            return CodeValue{static_cast<Whole>(whole)};
        }
        double real = 0;
        if (const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), real);
            radix == 10 && read.ec == std::errc{} && read.ptr == digits.data() + digits.size()) {
            return CodeValue{real};
        }
        return std::nullopt;
    }

    void take_text(char quote) {
        const std::size_t begin = at_++;
        std::string value;
        while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                const char c = text_[++at_];
                value += c == 'n' ? '\n' : c == 't' ? '\t' : c;
            } else {
                value += text_[at_];
            }
            ++at_;
        }
        if (at_ >= text_.size() || text_[at_] != quote) return fail("a text that is not closed");
        ++at_;
        add({.kind = CodeToken::Kind::Constant,
             .value = {std::move(value)},
             .begin = begin,
             .end = at_});
    }

    void take_sign() {
        const auto* sign = std::find_if(std::begin(kSigns), std::end(kSigns),
                                        [&](auto s) { return text_.substr(at_).starts_with(s); });
        if (sign == std::end(kSigns)) {
            return fail(fmt::format("'{}' is not understood", text_[at_]));
        }
        if (*sign == "(" || *sign == "[") ++depth_;
        if ((*sign == ")" || *sign == "]") && depth_-- == 0) {
            return fail("a parenthesis that was not opened");
        }
        add({.kind = CodeToken::Kind::Sign,
             .text = std::string{*sign},
             .begin = at_,
             .end = at_ + sign->size()});
        at_ += sign->size();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_;
    std::uint32_t first_column_;
    std::size_t depth_ = 0;
    bool starts_inline_ = false;
    CodeLine current_;
    std::vector<CodeLine> lines_;
    std::optional<Fault> fault_;
};

}  // namespace

Evaluated<std::vector<CodeLine>> read_code_lines(std::string_view text, const Place& begin) {
    return LineReader{text, begin}.read();
}

}  // namespace fairlead::drill
