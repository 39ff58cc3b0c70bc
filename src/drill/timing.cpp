#include "drill/timing.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "drill/format.hpp"

namespace fairlead::drill {
namespace {

bool is_inbound(const Event& event) {
    const auto* packet = std::get_if<PacketLine>(&event.action);
    return packet != nullptr && packet->direction == Direction::In;
}

}  // namespace

Due Timing::take_up(const Event& event, Instant now) {
    const bool is_relative =
        event.time.kind == TimeKind::Relative || event.time.kind == TimeKind::RelativeRange;
    const bool is_range =
        event.time.kind == TimeKind::AbsoluteRange || event.time.kind == TimeKind::RelativeRange;
    Instant base = begin_;
    if (is_relative) base = is_inbound(event) && previous_was_inbound_ ? previous_ : now;

    Due due{.is_any = event.time.kind == TimeKind::Any};
    due.from = due.is_any ? now : base + event.time.at;
    due.until = is_range ? base + event.time.until : due.from;
    due.tolerance = tolerance_for(due.from - previous_);
    if (event.time.ends) {
        due.ends = base + *event.time.ends;
        due.end_tolerance = tolerance_for(*due.ends - previous_);
    }
    previous_ = due.from;
    previous_was_inbound_ = is_inbound(event);
    return due;
}

Duration Timing::tolerance_for(Duration gap) const {
    constexpr std::int64_t kWhole = 1000;
    const std::int64_t share = settings_.tolerance_percent_x10;
    // In this order, for a gap may be of years.
    const std::int64_t ns = gap.ns() / kWhole * share + gap.ns() % kWhole * share / kWhole;
    return std::max(settings_.tolerance, Duration::from_ns(ns));
}

std::optional<std::string> Timing::check(const Due& due, Instant happened) const {
    if (due.is_any) return std::nullopt;
    if (happened >= due.from - due.tolerance && happened <= due.until + due.tolerance) {
        return std::nullopt;
    }
    return off(happened, due.from, due.until, due.tolerance);
}

std::optional<std::string> Timing::check_end(const Due& due, Instant ended) const {
    const Instant wanted = *due.ends;
    if (ended >= wanted - due.end_tolerance && ended <= wanted + due.end_tolerance) {
        return std::nullopt;
    }
    return off(ended, wanted, wanted, due.end_tolerance);
}

std::string Timing::off(Instant happened, Instant from, Instant until, Duration tolerance) const {
    const std::string range =
        from == until ? std::string{} : fmt::format("~{}", format_seconds(until - begin_));
    return fmt::format("at {} s, not at {}{} s (give or take {})",
                       format_seconds(happened - begin_), format_seconds(from - begin_), range,
                       format_seconds(tolerance));
}

}  // namespace fairlead::drill
