#include "drill/report.hpp"

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/icmp_names.hpp"

namespace fairlead::drill {
namespace {

struct BodyDump {
    std::string operator()(const TcpBody& tcp) const {
        std::string out =
            fmt::format("Flags [{}]", tcp.flags == TcpFlags{} ? "none" : format(tcp.flags));
        const bool has_length = tcp.range.bytes != 0;
        out += fmt::format(", seq {}", tcp.range.begin);
        if (has_length) out += fmt::format(":{}", tcp.range.end);
        if (tcp.ack) out += fmt::format(", ack {}", *tcp.ack);
        if (tcp.window) out += fmt::format(", win {}", *tcp.window);
        if (tcp.urgent) out += fmt::format(", urg {}", *tcp.urgent);
        if (tcp.any_options) {
            out += ", options [...]";
        } else if (!tcp.options.empty()) {
            out += fmt::format(", options [{}]", format(tcp.options));
        }
        return out + fmt::format(", length {}", tcp.range.bytes);
    }
    std::string operator()(const UdpBody& udp) const {
        return fmt::format("UDP, length {}", udp.bytes);
    }
    std::string operator()(const IcmpBody& icmp) const {
        return fmt::format("{} {} {}", icmp.is_v6 ? "ICMP6" : "ICMP",
                           icmp_type_name(icmp.is_v6, icmp.type),
                           icmp_code_name(icmp.is_v6, icmp.type, icmp.code));
    }
};

std::string name_of_endpoint(const Endpoint& e) {
    return e.port == 0 ? e.address.to_string()
                       : fmt::format("{}.{}", e.address.to_string(), e.port);
}

}  // namespace

std::string dump(Duration at, const Endpoint& source, const Endpoint& target,
                 const TcpOrOther& body) {
    return fmt::format("{}.{:06} {} {} > {}: {}", at.ns() / 1'000'000'000,
                       at.ns() % 1'000'000'000 / 1'000, source.address.is_v4() ? "IP" : "IP6",
                       name_of_endpoint(source), name_of_endpoint(target),
                       std::visit(BodyDump{}, body));
}

void Report::add_packet(std::string line) {
    if (print_) print_(line);
    last_.push_back(std::move(line));
    if (last_.size() > kKept) last_.pop_front();
}

void Report::add_output(std::string_view text) const {
    while (text.ends_with('\n')) text.remove_suffix(1);
    if (print_ && !text.empty()) print_(text);
}

Failure Report::failure(const Event& event, const Fault& fault, const Contrast& contrast) const {
    return {.place = fault.place.line != 0 ? fault.place : event.place,
            .message = fault.message,
            .event = format(event),
            .expected = contrast.expected,
            .got = contrast.got,
            .packets = {last_.begin(), last_.end()}};
}

std::string to_text(std::string_view file, const Failure& failure) {
    const Place& place = failure.place;
    std::string out{file};
    if (place.line != 0) out += fmt::format(":{}:{}", place.line, place.column);
    out += fmt::format(": {}\n", failure.message);
    if (!failure.event.empty()) out += fmt::format("  script:   {}\n", failure.event);
    if (!failure.expected.empty()) out += fmt::format("  expected: {}\n", failure.expected);
    if (!failure.got.empty()) out += fmt::format("  got:      {}\n", failure.got);
    if (!failure.packets.empty()) out += "  the last packets:\n";
    for (const std::string& line : failure.packets) out += fmt::format("    {}\n", line);
    return out;
}

}  // namespace fairlead::drill
