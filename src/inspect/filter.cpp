#include "inspect/filter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace fairlead::inspect {
namespace {

constexpr std::size_t kMostTokens = 1024;
constexpr int kDeepest = 64;

constexpr StateSet kSynchronized = kAllStates & ~(kListeningStates | set_of(TcpState::SynSent));
constexpr StateSet kBucket = set_of(TcpState::SynReceived) | set_of(TcpState::TimeWait);
constexpr std::pair<std::string_view, StateSet> kStates[] = {
    {"all", kAllStates},
    {"connected", kAllStates & ~kListeningStates},
    {"synchronized", kSynchronized},
    {"bucket", kBucket},
    {"big", kAllStates & ~kBucket},
    {"established", set_of(TcpState::Established)},
    {"estab", set_of(TcpState::Established)},
    {"syn-sent", set_of(TcpState::SynSent)},
    {"syn-recv", set_of(TcpState::SynReceived)},
    {"fin-wait-1", set_of(TcpState::FinWait1)},
    {"fin-wait-2", set_of(TcpState::FinWait2)},
    {"time-wait", set_of(TcpState::TimeWait)},
    {"unconnected", set_of(TcpState::Closed)},
    {"closed", set_of(TcpState::Closed)},
    {"close-wait", set_of(TcpState::CloseWait)},
    {"last-ack", set_of(TcpState::LastAck)},
    {"listening", set_of(TcpState::Listen)},
    {"listen", set_of(TcpState::Listen)},
    {"closing", set_of(TcpState::Closing)},
};
constexpr std::pair<std::string_view, Comparison> kComparisons[] = {
    {"=", Comparison::Equal},     {"==", Comparison::Equal},    {"eq", Comparison::Equal},
    {"!=", Comparison::NotEqual}, {"ne", Comparison::NotEqual}, {"neq", Comparison::NotEqual},
    {"<", Comparison::Less},      {"lt", Comparison::Less},     {">", Comparison::Greater},
    {"gt", Comparison::Greater},  {"<=", Comparison::AtMost},   {"le", Comparison::AtMost},
    {"leq", Comparison::AtMost},  {">=", Comparison::AtLeast},  {"ge", Comparison::AtLeast},
    {"geq", Comparison::AtLeast},
};

template <typename Table>
auto look_up(const Table& table, std::string_view name)
    -> std::optional<std::remove_cvref_t<decltype(table[0].second)>> {
    for (const auto& [known, value] : table) {
        if (known == name) return value;
    }
    return std::nullopt;
}

// Signs stand alone, whether or not there are blanks round them.
std::vector<std::string> tokens_of(const std::vector<std::string>& words) {
    constexpr std::string_view kSigns = "=!<>&|";
    std::vector<std::string> tokens;
    for (const std::string& word : words) {
        for (std::size_t at = 0; at < word.size();) {
            const char c = word[at];
            std::size_t end = at + 1;
            if (c == ' ' || c == '\t' || c == '\n') {
                at = end;
                continue;
            }
            if (kSigns.contains(c)) {
                while (end < word.size() && kSigns.contains(word[end])) ++end;
            } else if (c != '(' && c != ')') {
                end = std::min(word.find_first_of("=!<>&|() \t\n", at), word.size());
            }
            tokens.push_back(word.substr(at, end - at));
            at = end;
        }
    }
    return tokens;
}

using Parsed = std::expected<void, std::string>;
std::unexpected<std::string> because(std::string text) { return std::unexpected{std::move(text)}; }

class Parser {
public:
    Parser(std::span<const std::string> tokens, const ServiceNumber& service)
        : tokens_{tokens}, service_{service} {}

    Parsed any_of(int depth) {
        if (const auto done = all_of(depth); !done) return done;
        while (take("or") || take("|") || take("||")) {
            if (const auto done = all_of(depth); !done) return done;
            steps.push_back({.kind = FilterStep::Kind::Or});
        }
        return {};
    }
    bool is_at_end() const { return at_ == tokens_.size(); }
    std::string_view next() const { return is_at_end() ? std::string_view{} : tokens_[at_]; }

    std::vector<FilterStep> steps{};

private:
    bool take(std::string_view token) {
        if (next() != token || is_at_end()) return false;
        ++at_;
        return true;
    }

    Parsed all_of(int depth) {
        if (const auto done = one(depth); !done) return done;
        while (!is_at_end() && next() != ")" && next() != "or" && next() != "|" && next() != "||") {
            (void)(take("and") || take("&") || take("&&"));
            if (const auto done = one(depth); !done) return done;
            steps.push_back({.kind = FilterStep::Kind::And});
        }
        return {};
    }

    Parsed one(int depth) {
        if (depth > kDeepest) return because("too many parentheses");
        if (take("not") || take("!")) {
            if (const auto done = one(depth + 1); !done) return done;
            steps.push_back({.kind = FilterStep::Kind::Not});
            return {};
        }
        if (take("(")) {
            if (const auto done = any_of(depth + 1); !done) return done;
            return take(")") ? Parsed{} : because("a parenthesis is not closed");
        }
        if (is_at_end()) return because("the filter ends where a condition is wanted");
        const std::string word = tokens_[at_++];
        if (word == "src" || word == "dst") return host(word == "src");
        if (word == "sport" || word == "dport") return port(word == "sport");
        if (word == "dev") return device();
        return because(fmt::format("\"{}\" is no condition: src dst sport dport dev", word));
    }

    Comparison comparison() {
        const auto found = look_up(kComparisons, next());
        if (found) ++at_;
        return found.value_or(Comparison::Equal);
    }

    Parsed host(bool is_source) {
        FilterStep step{
            .kind = is_source ? FilterStep::Kind::Source : FilterStep::Kind::Destination,
            .comparison = comparison()};
        if (is_at_end()) return because("an address is missing at the end");
        const std::string word = tokens_[at_++];
        if (const auto done = name(word, step); !done) return done;
        steps.push_back(std::move(step));
        return {};
    }

    // "192.0.2.1", "192.0.2.0/24:80", ":80", "*:80", "[2001:db8::]/32", "::1".
    Parsed name(const std::string& word, FilterStep& step) {
        const bool is_bracketed = word.starts_with('[');
        const std::size_t colons = static_cast<std::size_t>(std::ranges::count(word, ':'));
        std::string address = word;
        if (is_bracketed || colons == 1) {
            const std::size_t from = is_bracketed ? word.find(']') : 0;
            if (from == std::string::npos) return because(fmt::format("{}: no ]", word));
            const std::size_t colon = word.find(':', from);
            address = word.substr(0, colon);
            if (colon != std::string::npos) {
                if (const auto done = number(word.substr(colon + 1), step); !done) return done;
            }
            std::erase(address, '[');
            std::erase(address, ']');
        }
        if (address.empty() || address == "*" || address == "any" || address == "all") return {};
        step.prefix = Prefix::parse(address);
        if (step.prefix) return {};
        return because(fmt::format("\"{}\" is no address", word));
    }

    Parsed port(bool is_source) {
        FilterStep step{
            .kind = is_source ? FilterStep::Kind::Source : FilterStep::Kind::Destination,
            .comparison = comparison()};
        if (is_at_end()) return because("a port is missing at the end");
        std::string word = tokens_[at_++];
        if (word.starts_with(':')) word.erase(0, 1);
        if (const auto done = number(word, step); !done) return done;
        steps.push_back(std::move(step));
        return {};
    }

    Parsed number(const std::string& word, FilterStep& step) {
        if (word == "*") return {};
        std::uint16_t value = 0;
        const char* end = word.data() + word.size();
        const auto [stop, fault] = std::from_chars(word.data(), end, value);
        if (fault == std::errc{} && stop == end) {
            step.port = value;
        } else if (service_) {
            step.port = service_(word);
        }
        return step.port ? Parsed{} : because(fmt::format("\"{}\" is no port", word));
    }

    Parsed device() {
        FilterStep step{.kind = FilterStep::Kind::Device, .comparison = comparison()};
        if (is_at_end()) return because("a device is missing at the end");
        step.device = tokens_[at_++];
        steps.push_back(std::move(step));
        return {};
    }

    std::span<const std::string> tokens_;
    const ServiceNumber& service_;
    std::size_t at_ = 0;
};

bool compare(Comparison how, std::uint16_t left, std::uint16_t right) {
    switch (how) {
        case Comparison::Equal: return left == right;
        case Comparison::NotEqual: return left != right;
        case Comparison::Less: return left < right;
        case Comparison::Greater: return left > right;
        case Comparison::AtMost: return left <= right;
        case Comparison::AtLeast: return left >= right;
    }
    return false;
}

bool matches(const FilterStep& step, const Endpoint& e) {
    const bool is_there =
        !step.prefix || step.prefix->contains(e.address.with_zone(step.prefix->address.zone()));
    if (!step.prefix) return !step.port || compare(step.comparison, e.port, *step.port);
    const bool is_both = is_there && (!step.port || e.port == *step.port);
    return is_both != (step.comparison == Comparison::NotEqual);
}

}  // namespace

bool Filter::admits(const SocketInfo& socket, std::string_view device) const {
    std::vector<bool> stack;
    const auto pop = [&] {
        const bool top = stack.back();
        stack.pop_back();
        return top;
    };
    for (const FilterStep& step : steps) {
        switch (step.kind) {
            case FilterStep::Kind::Source: stack.push_back(matches(step, socket.local)); break;
            case FilterStep::Kind::Destination: stack.push_back(matches(step, socket.peer)); break;
            case FilterStep::Kind::Device:
                stack.push_back((step.device == device) !=
                                (step.comparison == Comparison::NotEqual));
                break;
            case FilterStep::Kind::Not: stack.back() = !stack.back(); break;
            case FilterStep::Kind::And: {
                const bool right = pop();
                stack.back() = stack.back() && right;
                break;
            }
            case FilterStep::Kind::Or: {
                const bool right = pop();
                stack.back() = stack.back() || right;
                break;
            }
        }
    }
    return stack.empty() || stack.back();
}

std::expected<Filter, std::string> parse_filter(const std::vector<std::string>& words,
                                                const ServiceNumber& service) {
    const std::vector<std::string> tokens = tokens_of(words);
    if (tokens.size() > kMostTokens) return because("the filter is too long");
    Filter filter;
    std::size_t at = 0;
    while (at < tokens.size() && (tokens[at] == "state" || tokens[at] == "exclude")) {
        if (at + 1 == tokens.size()) return because("a state is missing at the end");
        const auto states = look_up(kStates, tokens[at + 1]);
        if (!states) return because(fmt::format("\"{}\" is no state", tokens[at + 1]));
        const bool is_exclusion = tokens[at] == "exclude";
        const StateSet before = filter.states.value_or(is_exclusion ? kAllStates : 0);
        filter.states = is_exclusion ? before & ~*states : before | *states;
        at += 2;
    }
    if (at == tokens.size()) return filter;
    Parser parser{std::span{tokens}.subspan(at), service};
    if (const auto done = parser.any_of(0); !done) return because(done.error());
    if (!parser.is_at_end()) {
        return because(fmt::format("\"{}\" is not expected there", parser.next()));
    }
    filter.steps = std::move(parser.steps);
    return filter;
}

}  // namespace fairlead::inspect
