// The outcome of a call against what the script says of it.
#include <algorithm>

#include <fmt/format.h>

#include "drill/calls.hpp"
#include "drill/format.hpp"
#include "drill/symbols.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

std::optional<Fault> differs(const Expression& at, std::string message) {
    return Fault{.place = at.place, .message = std::move(message)};
}

std::string describe(const Outcome& outcome) {
    if (outcome.value >= 0) return std::to_string(outcome.value);
    return fmt::format("-1 {}", errno_name(outcome.error));
}

bool makes_descriptor(const Request& request) {
    return std::holds_alternative<request::Socket>(request) ||
           std::holds_alternative<request::Accept>(request);
}

std::optional<Fault> check_option_value(const Call& call, const Outcome& outcome) {
    const Expression& scripted = call.arguments[3];
    if (scripted.kind == ExpressionKind::Ellipsis) return std::nullopt;
    std::vector<std::uint8_t> got = outcome.data;
    if (scripted.kind == ExpressionKind::Text) {
        const std::string text{got.begin(), std::find(got.begin(), got.end(), std::uint8_t{0})};
        if (text == scripted.text) return std::nullopt;
        return differs(scripted,
                       fmt::format("the option is \"{}\", not {}", text, format(scripted)));
    }
    const auto wanted = evaluate_bytes(scripted, got.size());
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

}  // namespace

std::optional<Fault> Calls::check(const Call& call, const Request& request,
                                  const Outcome& outcome) {
    if (makes_descriptor(request)) {
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
    if (std::holds_alternative<request::GetOption>(request)) {
        return check_option_value(call, outcome);
    }
    if (std::holds_alternative<request::Poll>(request)) return check_revents(call, outcome);
    if (std::holds_alternative<request::IoControl>(request) &&
        call.arguments[2].kind != ExpressionKind::Ellipsis) {
        const auto wanted = evaluate_single(call.arguments[2]);
        if (!wanted) return wanted.error();
        if (*wanted != outcome.number) {
            return differs(call.arguments[2],
                           fmt::format("ioctl answered {}, not {}", outcome.number, *wanted));
        }
    }
    for (const std::uint8_t byte : outcome.data) {
        if (std::holds_alternative<request::Receive>(request) && byte != 0) {
            return differs(call.result, "the bytes read are not the zeros that were sent");
        }
    }
    return std::nullopt;
}

std::optional<Fault> Calls::remember(const Call& call, const Request& request,
                                     const Outcome& outcome) {
    if (std::holds_alternative<request::Close>(request)) {
        const auto scripted = evaluate(call.arguments[0]);
        if (scripted) live_.erase(*scripted);
    }
    if (makes_descriptor(request)) {
        const auto scripted = evaluate(call.result);
        if (!scripted) return scripted.error();
        if (!live_.emplace(*scripted, static_cast<int>(outcome.value)).second) {
            return differs(call.result, fmt::format("descriptor {} is open already", *scripted));
        }
    }
    return std::nullopt;
}

}  // namespace fairlead::drill
