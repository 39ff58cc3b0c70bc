// The outcome of a call against what the script says of it.
#include <algorithm>

#include <fmt/format.h>

#include "drill/calls.hpp"
#include "drill/format.hpp"
#include "drill/structs.hpp"
#include "drill/symbols.hpp"
#include "fairlead/error.hpp"
#include "posix/abi.hpp"

namespace fairlead::drill {
namespace {

namespace abi = posix::abi;

std::optional<Fault> differs(const Expression& at, std::string message) {
    return Fault{.place = at.place, .message = std::move(message)};
}

std::string describe(const Outcome& outcome) {
    if (outcome.value >= 0) return std::to_string(outcome.value);
    return fmt::format("-1 {}", errno_name(outcome.error));
}

// Calls whose result is a descriptor.
bool returns_descriptor(const Request& request) {
    const auto* control = std::get_if<request::FileControl>(&request);
    if (control != nullptr) {
        return control->command == abi::fcntl::kDuplicate ||
               control->command == abi::fcntl::kDuplicateCloseOnExec;
    }
    return std::holds_alternative<request::Socket>(request) ||
           std::holds_alternative<request::Accept>(request) ||
           std::holds_alternative<request::EpollCreate>(request) ||
           std::holds_alternative<request::Open>(request);
}

std::optional<Fault> check_option_value(const Call& call, const Outcome& outcome) {
    const Expression& scripted = call.arguments[3];
    const Expression& length = call.arguments[4];
    if (length.kind == ExpressionKind::Array) {
        const auto wanted = evaluate_single(length);
        if (!wanted) return wanted.error();
        if (*wanted != static_cast<std::int64_t>(outcome.data.size())) {
            return differs(length, fmt::format("the option has {} bytes, not {}",
                                               outcome.data.size(), *wanted));
        }
    }
    if (scripted.kind == ExpressionKind::Ellipsis) return std::nullopt;
    std::vector<std::uint8_t> got = outcome.data;
    if (scripted.kind == ExpressionKind::Text) {
        const std::string text{got.begin(), std::find(got.begin(), got.end(), std::uint8_t{0})};
        if (text == scripted.text) return std::nullopt;
        return differs(scripted,
                       fmt::format("the option is \"{}\", not {}", text, format(scripted)));
    }
    const auto wanted = evaluate_option(scripted, got.size());
    if (!wanted) return wanted.error();
    if (*wanted == got) return std::nullopt;
    std::int64_t value = 0;
    for (std::size_t i = std::min<std::size_t>(got.size(), 4); i-- > 0;) {
        value = value << 8 | got[i];
    }
    return differs(scripted, fmt::format("the option is {}, not {}", static_cast<int>(value),
                                         format(scripted)));
}

std::optional<Fault> check_revents(const Call& call, const Outcome& outcome) {
    const Expression& entries = call.arguments[0];
    for (std::size_t i = 0; i < entries.items.size() && i < outcome.revents.size(); ++i) {
        const Expression* scripted = field_of(entries.items[i], "revents");
        if (scripted == nullptr) continue;
        const auto wanted = evaluate(*scripted);
        if (!wanted) return wanted.error();
        if (*wanted == outcome.revents[i]) continue;
        return differs(*scripted, fmt::format("revents is {:#x}, not {}", outcome.revents[i],
                                              format(*scripted)));
    }
    return std::nullopt;
}

std::optional<Fault> check_event(const Expression& scripted, const Outcome::EpollEvent& got) {
    if (scripted.kind == ExpressionKind::Ellipsis) return std::nullopt;
    if (const Expression* events = field_of(scripted, "events")) {
        const auto wanted = evaluate(*events);
        if (!wanted) return wanted.error();
        if (static_cast<std::uint32_t>(*wanted) != got.events) {
            return differs(*events,
                           fmt::format("events is {:#x}, not {}", got.events, format(*events)));
        }
    }
    const Expression* data = epoll_data_of(scripted);
    if (data == nullptr) return std::nullopt;
    const auto wanted = evaluate(*data);
    if (!wanted) return wanted.error();
    if (static_cast<std::uint64_t>(*wanted) == got.data) return std::nullopt;
    return differs(*data, fmt::format("the event carries {}, not {}",
                                      static_cast<std::int64_t>(got.data), format(*data)));
}

// {events=, fd=}, or an array of them: as many as the script names.
std::optional<Fault> check_events(const Expression& scripted, const Outcome& outcome) {
    if (scripted.kind == ExpressionKind::Struct && !outcome.events.empty()) {
        return check_event(scripted, outcome.events.front());
    }
    if (scripted.kind != ExpressionKind::Array) return std::nullopt;
    for (std::size_t i = 0; i < scripted.items.size() && i < outcome.events.size(); ++i) {
        if (auto fault = check_event(scripted.items[i], outcome.events[i])) return fault;
    }
    return std::nullopt;
}

// The address that accept, recvfrom or recvmsg tells, where the script names one.
std::optional<Fault> check_name(const Expression& scripted, const Outcome& outcome) {
    if (scripted.kind != ExpressionKind::Struct) return std::nullopt;
    const auto wanted = evaluate_name(scripted);
    if (!wanted) return wanted.error();
    if (*wanted == outcome.name) return std::nullopt;
    const auto got = endpoint_of(outcome.name);
    return differs(scripted,
                   fmt::format("the address is {}, not {}",
                               got ? got->to_string() : std::string{"none"}, format(scripted)));
}

std::optional<Fault> check_message(const Expression& message, const Outcome& outcome) {
    const Expression* flags = field_of(message, "msg_flags");
    if (flags != nullptr) {
        const auto wanted = evaluate(*flags);
        if (!wanted) return wanted.error();
        if (*wanted != outcome.message_flags) {
            return differs(*flags, fmt::format("msg_flags is {:#x}, not {}", outcome.message_flags,
                                               format(*flags)));
        }
    }
    const Expression* name = field_of(message, "msg_name");
    if (name != nullptr) {
        if (auto fault = check_name(*name, outcome)) return fault;
    }
    const Expression* control = field_of(message, "msg_control");
    return control == nullptr ? std::nullopt
                              : check_control(*control, outcome.control, outcome.tolerance);
}

// What recv's family tells beside the number of bytes.
std::optional<Fault> check_received(const Call& call, const Outcome& outcome) {
    // The error queue has headers too.
    const bool is_stream = (outcome.message_flags & posix::abi::msg::kErrorQueue) == 0;
    const bool is_zeros =
        !is_stream || std::ranges::all_of(outcome.data, [](auto byte) { return byte == 0; });
    if (!is_zeros) return differs(call.result, "the bytes read are not the zeros that were sent");
    if (call.name == "recvmsg") return check_message(call.arguments[1], outcome);
    if (call.name == "recvfrom") return check_name(call.arguments[4], outcome);
    return std::nullopt;
}

std::optional<Fault> check_number(const Expression& scripted, std::string_view what,
                                  std::int64_t got) {
    if (scripted.kind != ExpressionKind::Array) return std::nullopt;
    const auto wanted = evaluate_single(scripted);
    if (!wanted) return wanted.error();
    if (*wanted == got) return std::nullopt;
    return differs(scripted, fmt::format("{} {}, not {}", what, got, *wanted));
}

}  // namespace

std::vector<int> made_by(const Request& request, const Outcome& outcome) {
    if (outcome.value < 0) return {};
    if (std::holds_alternative<request::Pipe>(request)) return {outcome.ends[0], outcome.ends[1]};
    if (!returns_descriptor(request)) return {};
    return {static_cast<int>(outcome.value)};
}

std::optional<Fault> Calls::check(const Call& call, const Request& request,
                                  const Outcome& outcome) {
    if (returns_descriptor(request)) {
        const auto wanted = evaluate(call.result);
        if (!wanted) return wanted.error();
        if (outcome.value >= 0 && *wanted >= 0) return remember(call, request, outcome);
    }
    if (auto fault = check_result(call, outcome)) return fault;
    if (outcome.value < 0) return std::nullopt;
    if (auto fault = check_answers(call, request, outcome)) return fault;
    return remember(call, request, outcome);
}

std::optional<Fault> Calls::check_result(const Call& call, const Outcome& outcome) const {
    if (call.result.kind == ExpressionKind::Ellipsis) return std::nullopt;
    const auto wanted = evaluate(call.result);
    if (!wanted) return wanted.error();
    const auto error = call.error.empty() ? std::optional<int>{} : errno_value(call.error);
    if (!call.error.empty() && !error) {
        return differs(call.result, fmt::format("'{}' is no errno", call.error));
    }
    // -1 with no name beside it is any error.
    const bool is_same =
        *wanted == outcome.value && (outcome.value >= 0 || !error || *error == outcome.error);
    if (is_same) return std::nullopt;
    return differs(call.result,
                   fmt::format("{} returned {}, not {}{}{}", call.name, describe(outcome),
                               format(call.result), call.error.empty() ? "" : " ", call.error));
}

std::optional<Fault> Calls::check_answers(const Call& call, const Request& request,
                                          const Outcome& outcome) const {
    const auto& a = call.arguments;
    if (std::holds_alternative<request::GetOption>(request)) {
        return check_option_value(call, outcome);
    }
    if (std::holds_alternative<request::Poll>(request)) return check_revents(call, outcome);
    if (std::holds_alternative<request::EpollWait>(request)) return check_events(a[1], outcome);
    if (std::holds_alternative<request::Receive>(request)) return check_received(call, outcome);
    if (std::holds_alternative<request::Accept>(request)) return check_name(a[1], outcome);
    if (const auto* control = std::get_if<request::IoControl>(&request)) {
        return control->argument != 0 ? std::nullopt
                                      : check_number(a[2], "ioctl answered", outcome.number);
    }
    return std::nullopt;
}

std::optional<Fault> Calls::remember(const Call& call, const Request& request,
                                     const Outcome& outcome) {
    if (std::holds_alternative<request::Close>(request)) {
        const auto scripted = evaluate(call.arguments[0]);
        if (scripted) live_.erase(*scripted);
        return std::nullopt;
    }
    const std::vector<int> made = made_by(request, outcome);
    if (made.size() == 2) {
        const auto& ends = call.arguments[0].items;
        if (auto fault = remember(ends[0], {.fd = made[0]})) return fault;
        return remember(ends[1], {.fd = made[1]});
    }
    if (made.empty()) return std::nullopt;
    const auto* socket = std::get_if<request::Socket>(&request);
    // What accept() gives is of its listener's family; a copy, of what it is a copy of.
    const bool has_parent = std::holds_alternative<request::Accept>(request) ||
                            std::holds_alternative<request::FileControl>(request);
    const int domain =
        socket != nullptr ? socket->domain : (has_parent ? domain_of(call.arguments[0]) : 0);
    return remember(call.result, {.fd = made[0], .domain = domain});
}

std::optional<Fault> Calls::remember(const Expression& scripted, const Live& live) {
    const auto number = evaluate(scripted);
    if (!number) return number.error();
    if (live_.emplace(*number, live).second) return std::nullopt;
    return differs(scripted, fmt::format("descriptor {} is open already", *number));
}

}  // namespace fairlead::drill
