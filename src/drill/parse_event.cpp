// Options, events and their times.
#include <utility>

#include <fmt/format.h>

#include "drill/grammar.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

constexpr std::int64_t kMostSeconds = 1'000'000'000;  // more than 30 years
constexpr std::size_t kFractionDigits = 9;

}  // namespace

Parsed<Script> Grammar::script() {
    Script script{.file = file_};
    while (lexer_.peek().kind == TokenKind::Option) {
        script.options.push_back(FAIRLEAD_TRY(option_line()));
    }
    while (lexer_.peek().kind == TokenKind::Shell) {
        const Token token = lexer_.take();
        script.first_commands.push_back(
            {.command = std::string{token.text}, .place = lexer_.place_of(token.offset)});
    }
    while (lexer_.peek().kind != TokenKind::End) {
        if (script.events.size() == limits_.events) {
            return fault(lexer_.peek().offset,
                         fmt::format("a script has at most {} events", limits_.events));
        }
        script.events.push_back(FAIRLEAD_TRY(event()));
    }
    return script;
}

Parsed<OptionLine> Grammar::option_line() {
    const Token token = lexer_.take();
    const std::size_t equals = token.text.find('=');
    OptionLine option{.name = std::string{token.text.substr(0, equals)},
                      .place = lexer_.place_of(token.offset)};
    if (equals == std::string_view::npos) return option;
    std::string_view value = token.text.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    option.value = value;
    if (option.name != "define") return option;
    const std::size_t split = value.find('=');
    if (split == 0 || split == std::string_view::npos) {
        return expected_at(token.offset, "--define=NAME=VALUE",
                           fmt::format("'{}'", value.substr(0, 64)));
    }
    lexer_.define(value.substr(0, split), value.substr(split + 1));
    return option;
}

Parsed<Event> Grammar::event() {
    const std::size_t offset = lexer_.peek().offset;
    Event event{.time = FAIRLEAD_TRY(event_time()), .place = lexer_.place_of(offset)};
    const bool is_window = event.time.ends.has_value();
    const Token& next = lexer_.peek();
    if (next.kind == TokenKind::Word) {
        event.action = FAIRLEAD_TRY(call());
    } else if (is_window) {
        return expected("a system call");
    } else if (next.is('<') || next.is('>')) {
        event.action = FAIRLEAD_TRY(packet());
    } else if (next.kind == TokenKind::Shell) {
        event.action = ShellLine{.command = std::string{lexer_.take().text}};
    } else if (next.kind == TokenKind::Code) {
        event.action = CodeBlock{.text = std::string{lexer_.take().text}};
    } else {
        return expected("a system call, '<', '>', a shell line or a code block");
    }
    FAIRLEAD_TRY(check_time(event));
    return event;
}

// `*` | t | +t | t~t | +t~+t | t...t | +t...t
Parsed<EventTime> Grammar::event_time() {
    EventTime time;
    if (accept('*')) {
        time.kind = TimeKind::Any;
        return time;
    }
    const bool is_relative = accept('+');
    time.kind = is_relative ? TimeKind::Relative : TimeKind::Absolute;
    time.at = FAIRLEAD_TRY(duration());
    const std::size_t offset = lexer_.peek().offset;
    if (lexer_.peek().kind == TokenKind::Ellipsis) {
        lexer_.take();
        time.ends = FAIRLEAD_TRY(duration());
        if (*time.ends < time.at) return fault(offset, "this call ends before it begins");
    } else if (accept('~')) {
        time.kind = is_relative ? TimeKind::RelativeRange : TimeKind::AbsoluteRange;
        if (is_relative) FAIRLEAD_TRY(expect('+'));
        time.until = FAIRLEAD_TRY(duration());
        if (time.until < time.at) return fault(offset, "this range ends before it begins");
    }
    return time;
}

// Seconds with a fraction, exact to the nanosecond.
Parsed<Duration> Grammar::duration() {
    const Token token = lexer_.peek();
    if (token.kind != TokenKind::Integer && token.kind != TokenKind::Decimal) {
        return expected("a time");
    }
    const std::size_t dot = std::min(token.text.find('.'), token.text.size());
    const std::string_view fraction = token.text.substr(std::min(dot + 1, token.text.size()));
    std::int64_t seconds = 0;
    for (const char c : token.text.substr(0, dot)) {
        if (c < '0' || c > '9') return fault(token.offset, "a time is a decimal number of seconds");
        seconds = seconds * 10 + (c - '0');
        if (seconds > kMostSeconds) {
            return fault(token.offset, fmt::format("a time is at most {} seconds", kMostSeconds));
        }
    }
    if (fraction.size() > kFractionDigits) {
        return fault(token.offset, "a time is not finer than a nanosecond");
    }
    std::int64_t ns = 0;
    for (std::size_t i = 0; i < kFractionDigits; ++i) {
        ns = ns * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
    }
    lexer_.take();
    return Duration::from_s(seconds) + Duration::from_ns(ns);
}

Parsed<void> Grammar::check_time(const Event& event) {
    const EventTime& time = event.time;
    const auto* packet = std::get_if<PacketLine>(&event.action);
    const bool is_outbound = packet != nullptr && packet->direction == Direction::Out;
    const auto refuse = [&](std::string message) {
        return std::unexpected{
            ParseError{.file = file_, .place = event.place, .message = std::move(message)}};
    };
    if (time.kind != TimeKind::Absolute && time.kind != TimeKind::Relative && !is_outbound) {
        return refuse("only an outbound packet may have a range of times or '*'");
    }
    if (!std::exchange(has_event_, true) && (time.kind == TimeKind::Any || !time.at.is_zero())) {
        return refuse("the first event must be at time 0");
    }
    if (time.kind == TimeKind::Absolute || time.kind == TimeKind::AbsoluteRange) {
        if (time.at < latest_) return refuse("this event is earlier than one before it");
        latest_ = time.at;
    }
    return {};
}

}  // namespace fairlead::drill
