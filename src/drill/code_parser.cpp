#include "drill/code_parser.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "drill/code_lexer.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

constexpr int kMostDepth = 64;

using Kind = CodeExpression::Kind;
using Parsed = Evaluated<CodeExpression>;

// Binary signs, from what binds least.
constexpr std::string_view kOr[] = {"|"};
constexpr std::string_view kXor[] = {"^"};
constexpr std::string_view kAnd[] = {"&"};
constexpr std::string_view kShifts[] = {"<<", ">>"};
constexpr std::string_view kSums[] = {"+", "-"};
constexpr std::string_view kProducts[] = {"*", "/", "//", "%"};
constexpr std::span<const std::string_view> kLevels[] = {kOr,     kXor,  kAnd,
                                                         kShifts, kSums, kProducts};
constexpr std::string_view kComparisons[] = {"==", "!=", "<", "<=", ">", ">="};
constexpr std::string_view kAssignments[] = {
    "+=", "-=", "*=", "/=", "//=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>="};
constexpr std::string_view kReserved[] = {
    "and",    "or",     "not",    "if",       "elif",   "else",  "in",     "is",
    "assert", "pass",   "for",    "while",    "def",    "class", "import", "from",
    "try",    "with",   "return", "lambda",   "global", "del",   "raise",  "yield",
    "break",  "except", "async",  "continue", "await"};

template <typename R>
bool is_one_of(std::string_view text, const R& set) {
    return std::find(std::begin(set), std::end(set), text) != std::end(set);
}

class CodeParser {
public:
    CodeParser(std::string_view text, std::vector<CodeLine> lines)
        : text_{text}, lines_{std::move(lines)} {}

    Evaluated<std::vector<CodeStatement>> parse() {
        if (lines_.empty()) return {};
        auto all = block(lines_[0].indentation);
        if (all && line_ < lines_.size()) {
            return std::unexpected{
                Fault{.place = lines_[line_].place, .message = "this line is indented otherwise"}};
        }
        return all;
    }

private:
    struct Deeper {
        explicit Deeper(int& d) : depth{d} { ++depth; }
        Deeper(const Deeper&) = delete;
        Deeper& operator=(const Deeper&) = delete;
        ~Deeper() { --depth; }
        int& depth;
    };

    const CodeToken& peek() const { return lines_[line_].tokens[at_]; }
    CodeToken take() {
        CodeToken token = peek();
        if (token.kind != CodeToken::Kind::End) ++at_;
        return token;
    }
    bool is(std::string_view text) const {
        return peek().kind != CodeToken::Kind::Constant && peek().kind != CodeToken::Kind::End &&
               peek().text == text;
    }
    bool accept(std::string_view text) {
        if (!is(text)) return false;
        ++at_;
        return true;
    }
    std::unexpected<Fault> expected(std::string_view what) const {
        const CodeToken& found = peek();
        const std::string shown =
            found.kind == CodeToken::Kind::End
                ? "the end of the line"
                : fmt::format("'{}'", text_.substr(found.begin, std::min<std::size_t>(
                                                                    found.end - found.begin, 24)));
        return std::unexpected{
            Fault{.place = lines_[line_].place,
                  .message = fmt::format("code block: expected {} here, found {}", what, shown)}};
    }

    // --- statements ---

    Evaluated<std::vector<CodeStatement>> block(std::size_t indentation) {
        std::vector<CodeStatement> all;
        const Deeper deeper{depth_};
        if (depth_ > kMostDepth) return expected("less depth");
        while (line_ < lines_.size() && lines_[line_].indentation == indentation) {
            if (is("elif") || is("else")) break;
            if (is("if")) {
                all.push_back(FAIRLEAD_TRY(choice()));
                continue;
            }
            FAIRLEAD_TRY(simple_line(all));
        }
        return all;
    }

    // One line of statements with ';' between them.
    Evaluated<void> simple_line(std::vector<CodeStatement>& all) {
        do {
            if (peek().kind == CodeToken::Kind::End) break;
            all.push_back(FAIRLEAD_TRY(simple()));
        } while (accept(";"));
        if (peek().kind != CodeToken::Kind::End) return expected("the end of the statement");
        next_line();
        return {};
    }
    void next_line() {
        ++line_;
        at_ = 0;
    }

    Evaluated<CodeStatement> choice() {
        CodeStatement statement{.kind = CodeStatement::Kind::If, .place = lines_[line_].place};
        const std::size_t indentation = lines_[line_].indentation;
        take();
        statement.expressions.push_back(FAIRLEAD_TRY(expression()));
        statement.body = FAIRLEAD_TRY(suite(indentation));
        const bool follows = line_ < lines_.size() && lines_[line_].indentation == indentation;
        if (follows && is("elif")) {
            const Deeper deeper{depth_};
            if (depth_ > kMostDepth) return expected("less depth");
            statement.otherwise.push_back(FAIRLEAD_TRY(choice()));
        } else if (follows && accept("else")) {
            statement.otherwise = FAIRLEAD_TRY(suite(indentation));
        }
        return statement;
    }

    // After if, elif and else: statements in the same line, or lines deeper.
    Evaluated<std::vector<CodeStatement>> suite(std::size_t indentation) {
        if (!accept(":")) return expected("':'");
        if (peek().kind != CodeToken::Kind::End) {
            std::vector<CodeStatement> all;
            FAIRLEAD_TRY(simple_line(all));
            return all;
        }
        next_line();
        if (line_ >= lines_.size() || lines_[line_].indentation <= indentation) {
            line_ = std::min(line_, lines_.size() - 1);
            return expected("an indented line");
        }
        return block(lines_[line_].indentation);
    }

    Evaluated<CodeStatement> simple() {
        CodeStatement statement{.place = lines_[line_].place};
        if (accept("pass")) return statement;
        if (accept("assert")) {
            statement.kind = CodeStatement::Kind::Assert;
            const std::size_t begin = peek().begin;
            statement.expressions.push_back(FAIRLEAD_TRY(expression()));
            statement.source = text_.substr(begin, lines_[line_].tokens[at_ - 1].end - begin);
            if (accept(",")) statement.expressions.push_back(FAIRLEAD_TRY(expression()));
            return statement;
        }
        if (is("print")) return print(std::move(statement));
        const auto& tokens = lines_[line_].tokens;
        const bool is_name = peek().kind == CodeToken::Kind::Name && at_ + 1 < tokens.size();
        const CodeToken& second = tokens[std::min(at_ + 1, tokens.size() - 1)];
        const bool is_augmented = is_one_of(second.text, kAssignments);
        if (is_name && second.kind == CodeToken::Kind::Sign &&
            (second.text == "=" || is_augmented)) {
            statement.kind = CodeStatement::Kind::Assign;
            statement.target = take().text;
            const std::string sign = take().text;
            if (is_augmented) statement.sign = sign.substr(0, sign.size() - 1);
            statement.expressions.push_back(FAIRLEAD_TRY(expressions()));
            return statement;
        }
        statement.kind = CodeStatement::Kind::Expression;
        statement.expressions.push_back(FAIRLEAD_TRY(expressions()));
        return statement;
    }

    // print(a, b), and print a, b of the older Python.
    Evaluated<CodeStatement> print(CodeStatement statement) {
        take();
        statement.kind = CodeStatement::Kind::Print;
        if (peek().kind == CodeToken::Kind::End) return statement;
        if (is("(") && closes_at_end()) {
            take();
            while (!is(")")) {
                statement.expressions.push_back(FAIRLEAD_TRY(expression()));
                if (!accept(",")) break;
            }
            if (!accept(")")) return expected("')'");
            return statement;
        }
        do {
            statement.expressions.push_back(FAIRLEAD_TRY(expression()));
        } while (accept(","));
        return statement;
    }
    // Whether the parenthesis that opens here closes where the statement ends.
    bool closes_at_end() const {
        const auto& tokens = lines_[line_].tokens;
        int open = 0;
        for (std::size_t i = at_; i < tokens.size(); ++i) {
            if (tokens[i].kind != CodeToken::Kind::Sign) continue;
            if (tokens[i].text == "(" || tokens[i].text == "[") ++open;
            if (tokens[i].text == ")" || tokens[i].text == "]") --open;
            if (open == 0) {
                return tokens[i + 1].kind == CodeToken::Kind::End || tokens[i + 1].text == ";";
            }
        }
        return false;
    }

    // --- expressions ---

    // With commas: a tuple.
    Parsed expressions() {
        CodeExpression first = FAIRLEAD_TRY(expression());
        if (!is(",")) return first;
        CodeExpression tuple{.kind = Kind::Tuple};
        tuple.items.push_back(std::move(first));
        while (accept(",")) {
            if (peek().kind == CodeToken::Kind::End || is(")") || is("]")) break;
            tuple.items.push_back(FAIRLEAD_TRY(expression()));
        }
        return tuple;
    }

    Parsed expression() {
        const Deeper deeper{depth_};
        if (depth_ > kMostDepth) return expected("less depth");
        CodeExpression value = FAIRLEAD_TRY(disjunction());
        if (!accept("if")) return value;
        CodeExpression choice{.kind = Kind::Choice};
        choice.items.push_back(FAIRLEAD_TRY(disjunction()));
        choice.items.push_back(std::move(value));
        if (!accept("else")) return expected("'else'");
        choice.items.push_back(FAIRLEAD_TRY(expression()));
        return choice;
    }
    Parsed disjunction() {
        CodeExpression first = FAIRLEAD_TRY(conjunction());
        if (!is("or")) return first;
        CodeExpression all{.kind = Kind::Or};
        all.items.push_back(std::move(first));
        while (accept("or")) all.items.push_back(FAIRLEAD_TRY(conjunction()));
        return all;
    }
    Parsed conjunction() {
        CodeExpression first = FAIRLEAD_TRY(negation());
        if (!is("and")) return first;
        CodeExpression all{.kind = Kind::And};
        all.items.push_back(std::move(first));
        while (accept("and")) all.items.push_back(FAIRLEAD_TRY(negation()));
        return all;
    }
    Parsed negation() {
        if (!accept("not")) return comparison();
        const Deeper deeper{depth_};
        if (depth_ > kMostDepth) return expected("less depth");
        CodeExpression e{.kind = Kind::Not};
        e.items.push_back(FAIRLEAD_TRY(negation()));
        return e;
    }
    Parsed comparison() {
        CodeExpression first = FAIRLEAD_TRY(binary(0));
        std::string sign = comparison_sign();
        if (sign.empty()) return first;
        CodeExpression chain{.kind = Kind::Compare};
        chain.items.push_back(std::move(first));
        for (; !sign.empty(); sign = comparison_sign()) {
            chain.signs.push_back(sign);
            chain.items.push_back(FAIRLEAD_TRY(binary(0)));
        }
        return chain;
    }
    std::string comparison_sign() {
        if (peek().kind == CodeToken::Kind::Sign && is_one_of(peek().text, kComparisons)) {
            return take().text;
        }
        if (accept("in")) return "in";
        if (accept("is")) return accept("not") ? "is not" : "is";
        const auto& tokens = lines_[line_].tokens;
        if (!is("not") || tokens[at_ + 1].text != "in") return {};
        at_ += 2;
        return "not in";
    }
    Parsed binary(std::size_t level) {
        if (level == std::size(kLevels)) return unary();
        CodeExpression left = FAIRLEAD_TRY(binary(level + 1));
        while (peek().kind == CodeToken::Kind::Sign && is_one_of(peek().text, kLevels[level])) {
            CodeExpression both{.kind = Kind::Binary, .text = take().text};
            both.items.push_back(std::move(left));
            both.items.push_back(FAIRLEAD_TRY(binary(level + 1)));
            left = std::move(both);
            if (++chained_ > kMostChained) return expected("a shorter expression");
        }
        return left;
    }
    Parsed unary() {
        if (!is("-") && !is("+") && !is("~")) return power();
        const Deeper deeper{depth_};
        if (depth_ > kMostDepth) return expected("less depth");
        CodeExpression e{.kind = Kind::Unary, .text = take().text};
        e.items.push_back(FAIRLEAD_TRY(unary()));
        return e;
    }
    Parsed power() {
        CodeExpression base = FAIRLEAD_TRY(primary());
        if (!accept("**")) return base;
        const Deeper deeper{depth_};
        if (depth_ > kMostDepth) return expected("less depth");
        CodeExpression e{.kind = Kind::Binary, .text = "**"};
        e.items.push_back(std::move(base));
        e.items.push_back(FAIRLEAD_TRY(unary()));
        return e;
    }

    Parsed primary() {
        if (peek().kind == CodeToken::Kind::Constant) return constant();
        if (is("(") || is("[")) return group();
        if (peek().kind != CodeToken::Kind::Name || is_one_of(peek().text, kReserved)) {
            return expected("a value");
        }
        const std::string name = take().text;
        if (name == "True" || name == "False") {
            return CodeExpression{.kind = Kind::Constant, .value = {name == "True"}};
        }
        if (name == "None") return CodeExpression{.kind = Kind::Constant};
        if (!is("(")) return CodeExpression{.kind = Kind::Name, .text = name};
        CodeExpression call{.kind = Kind::Call, .text = name};
        take();
        while (!is(")")) {
            call.items.push_back(FAIRLEAD_TRY(expression()));
            if (!accept(",")) break;
        }
        if (!accept(")")) return expected("')'");
        return call;
    }
    // Texts that stand side by side are one.
    Parsed constant() {
        CodeExpression e{.kind = Kind::Constant, .value = take().value};
        auto* text = std::get_if<std::string>(&e.value.is);
        while (text != nullptr && peek().kind == CodeToken::Kind::Constant) {
            const CodeToken next = take();
            const auto* more = std::get_if<std::string>(&next.value.is);
            if (more == nullptr) return expected("a sign between two values");
            *text += *more;
        }
        return e;
    }
    Parsed group() {
        const bool is_list = take().text == "[";
        const std::string_view close = is_list ? "]" : ")";
        if (accept(close)) return CodeExpression{.kind = Kind::Tuple};
        CodeExpression inner = FAIRLEAD_TRY(expressions());
        if (!accept(close)) return expected(fmt::format("'{}'", close));
        if (!is_list || inner.kind == Kind::Tuple) return inner;
        CodeExpression list{.kind = Kind::Tuple};
        list.items.push_back(std::move(inner));
        return list;
    }

    static constexpr int kMostChained = 1000;  // signs in a row, which nest to the left

    std::string_view text_;
    std::vector<CodeLine> lines_;
    std::size_t line_ = 0;
    std::size_t at_ = 0;
    int depth_ = 0;
    int chained_ = 0;
};

}  // namespace

Evaluated<std::vector<CodeStatement>> parse_code(std::string_view text, const Place& begin) {
    auto lines = read_code_lines(text, begin);
    if (!lines) return std::unexpected{lines.error()};
    return CodeParser{text, std::move(*lines)}.parse();
}

}  // namespace fairlead::drill
