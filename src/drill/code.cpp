#include "drill/code.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "drill/program.hpp"
#include "drill/symbols.hpp"
#include "drill/tcp_info.hpp"

namespace fairlead::drill {
namespace {

constexpr std::size_t kMostOutput = std::size_t{1} << 20;
constexpr std::string_view kPrefix = "tcpi_";

Fault fault_at(const CodeStatement& statement, std::string message) {
    return {.place = statement.place, .message = "code block: " + std::move(message)};
}

void add_names(const CodeExpression& e, std::vector<std::string>& names) {
    const bool is_new = std::find(names.begin(), names.end(), e.text) == names.end();
    if (e.kind == CodeExpression::Kind::Name && is_new) names.push_back(e.text);
    for (const CodeExpression& item : e.items) add_names(item, names);
}

// A block as lines of a program: without the indentation that all of its lines share.
std::string dedented(std::string_view text) {
    std::vector<std::string_view> lines;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    constexpr std::string_view kBlanks = " \t\r";
    std::size_t least = std::string_view::npos;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        least = std::min(least, lines[i].find_first_not_of(kBlanks));
    }
    std::string all;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::size_t own = lines[i].find_first_not_of(kBlanks);
        if (own == std::string_view::npos) continue;
        all += lines[i].substr(i == 0 ? own : least);
        all += '\n';
    }
    return all;
}

}  // namespace

std::optional<Fault> Code::read(const Script& script) {
    for (const Event& event : script.events) {
        const auto* block = std::get_if<CodeBlock>(&event.action);
        if (block == nullptr) continue;
        auto statements = parse_code(block->text, event.place);
        if (!statements) {
            event_ = &event;
            return statements.error();
        }
        read_[&event] = std::move(*statements);
    }
    return std::nullopt;
}

void Code::sample(const Event& event, Sampled values) {
    blocks_.push_back({.event = &event, .values = std::move(values)});
}

std::optional<Fault> Code::run() {
    for (const Block& block : blocks_) {
        event_ = block.event;
        for (const auto& [name, value] : block.values) {
            variables_[name] = CodeValue{static_cast<Whole>(value)};
        }
        if (auto wrong = run(read_[block.event])) return wrong;
    }
    return std::nullopt;
}

std::optional<Fault> Code::run_by_python() {
    if (blocks_.empty()) return std::nullopt;
    event_ = blocks_.back().event;
    std::string program;
    for (const auto& [name, value] : tcp_info_constants()) {
        program += fmt::format("{} = {}\n", name, value);
    }
    for (const Block& block : blocks_) {
        for (const auto& [name, value] : block.values) {
            program += fmt::format("{} = {}\n", name, value);
        }
        program += dedented(std::get<CodeBlock>(block.event->action).text);
    }
    const Finished finished = run_program({"python3", "-c", program});
    output_ = finished.output;
    if (finished.status == 0) return std::nullopt;
    return Fault{.message = fmt::format("python3 ended with status {}: {}", finished.status,
                                        finished.error)};
}

std::optional<Fault> Code::run(const std::vector<CodeStatement>& statements) {
    for (const CodeStatement& statement : statements) {
        if (auto wrong = run(statement)) return wrong;
    }
    return std::nullopt;
}

std::optional<Fault> Code::run(const CodeStatement& statement) {
    using Kind = CodeStatement::Kind;
    switch (statement.kind) {
        case Kind::Pass: return std::nullopt;
        case Kind::Assert: return check(statement);
        case Kind::Print: return print(statement);
        case Kind::Assign: return assign(statement);
        case Kind::Expression:
        case Kind::If: break;
    }
    const Value value = evaluate(statement.expressions[0]);
    if (!value) return fault_at(statement, value.error());
    if (statement.kind == Kind::Expression) return std::nullopt;
    return run(value->is_true() ? statement.body : statement.otherwise);
}

std::optional<Fault> Code::check(const CodeStatement& statement) {
    const Value value = evaluate(statement.expressions[0]);
    if (!value) return fault_at(statement, value.error());
    if (value->is_true()) return std::nullopt;
    std::string text = fmt::format("{} does not hold", statement.source);
    const std::string values = values_in(statement.expressions[0]);
    if (!values.empty()) text += fmt::format(": {}", values);
    if (statement.expressions.size() > 1) {
        const Value message = evaluate(statement.expressions[1]);
        text += fmt::format(" ({})", message ? message->to_string() : message.error());
    }
    return fault_at(statement, std::move(text));
}

std::optional<Fault> Code::print(const CodeStatement& statement) {
    const auto values = evaluate_all(statement.expressions);
    if (!values) return fault_at(statement, values.error());
    std::string line;
    for (const CodeValue& value : *values) {
        if (&value != values->data()) line += ' ';
        line += value.to_string();
    }
    if (output_.size() + line.size() > kMostOutput) {
        return fault_at(statement, "it prints too much");
    }
    output_ += line + "\n";
    return std::nullopt;
}

std::optional<Fault> Code::assign(const CodeStatement& statement) {
    Value value = evaluate(statement.expressions[0]);
    if (value && !statement.sign.empty()) {
        const Value before = evaluate_name(statement.target);
        value = before ? compute(statement.sign, *before, *value) : before;
    }
    if (!value) return fault_at(statement, value.error());
    variables_[statement.target] = std::move(*value);
    return std::nullopt;
}

Code::Value Code::evaluate(const CodeExpression& e) const {
    using Kind = CodeExpression::Kind;
    switch (e.kind) {
        case Kind::Constant: return e.value;
        case Kind::Name: return evaluate_name(e.text);
        case Kind::Compare: return evaluate_comparison(e);
        case Kind::Call: return evaluate_call(e);
        case Kind::Tuple: {
            auto items = evaluate_all(e.items);
            if (!items) return std::unexpected{items.error()};
            return CodeValue{std::move(*items)};
        }
        case Kind::And:
        case Kind::Or: {
            Value value;
            for (const CodeExpression& item : e.items) {
                value = evaluate(item);
                if (!value || value->is_true() == (e.kind == Kind::Or)) break;
            }
            return value;
        }
        case Kind::Unary:
        case Kind::Binary:
        case Kind::Not:
        case Kind::Choice: break;
    }
    const Value first = evaluate(e.items[0]);
    if (!first) return first;
    if (e.kind == Kind::Not) return CodeValue{!first->is_true()};
    if (e.kind == Kind::Unary) return compute(e.text, *first);
    if (e.kind == Kind::Choice) return evaluate(e.items[first->is_true() ? 1 : 2]);
    const Value second = evaluate(e.items[1]);
    return second ? compute(e.text, *first, *second) : second;
}

Code::Value Code::evaluate_name(const std::string& name) const {
    auto at = variables_.find(name);
    if (at == variables_.end()) at = variables_.find(std::string{kPrefix} + name);
    if (at != variables_.end()) return at->second;
    if (const auto value = symbol_value(name)) return CodeValue{static_cast<Whole>(*value)};
    return std::unexpected{fmt::format("there is no {}", name)};
}

Code::Value Code::evaluate_comparison(const CodeExpression& e) const {
    Value left = evaluate(e.items[0]);
    for (std::size_t i = 0; i < e.signs.size(); ++i) {
        if (!left) return left;
        Value right = evaluate(e.items[i + 1]);
        if (!right) return right;
        const auto holds = compare(e.signs[i], *left, *right);
        if (!holds) return std::unexpected{holds.error()};
        if (!*holds) return CodeValue{false};
        left = std::move(right);
    }
    return CodeValue{true};
}

Code::Value Code::evaluate_call(const CodeExpression& e) const {
    const auto arguments = evaluate_all(e.items);
    if (!arguments) return std::unexpected{arguments.error()};
    return call_builtin(e.text, *arguments);
}

Computed<CodeValue::Tuple> Code::evaluate_all(const std::vector<CodeExpression>& all) const {
    CodeValue::Tuple values;
    for (const CodeExpression& e : all) {
        Value value = evaluate(e);
        if (!value) return std::unexpected{value.error()};
        values.push_back(std::move(*value));
    }
    return values;
}

std::string Code::values_in(const CodeExpression& e) const {
    std::vector<std::string> names;
    add_names(e, names);
    std::string text;
    for (const std::string& name : names) {
        const Value value = evaluate_name(name);
        if (value) {
            text += fmt::format("{}{} is {}", text.empty() ? "" : ", ", name, value->repr());
        }
    }
    return text;
}

}  // namespace fairlead::drill
