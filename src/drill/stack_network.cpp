// ip, tc and ethtool, over a stack's own tables.
#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "drill/routes.hpp"
#include "drill/stack_system.hpp"

namespace fairlead::drill {
namespace {

using Words = std::vector<std::string>;

Finished not_there(std::string_view what) {
    return failed(fmt::format("the stack does not know {}", what));
}

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc{} && end == text.data() + text.size();
    return is_whole ? std::optional{value} : std::nullopt;
}

// As iproute2 writes it.
std::string row_of(const DestinationInfo& d) {
    const auto seconds = [](Duration t) {
        return fmt::format("{}.{:03}", t.ms() / 1000, t.ms() % 1000);
    };
    std::string row = fmt::format("{} age {}sec", d.destination.to_string(), seconds(d.age));
    if (d.slow_start_threshold != 0) row += fmt::format(" ssthresh {}", d.slow_start_threshold);
    if (d.congestion_window != 0) row += fmt::format(" cwnd {}", d.congestion_window);
    if (d.reordering != 0) row += fmt::format(" reordering {}", d.reordering);
    if (!d.rtt.is_zero()) row += fmt::format(" rtt {}us", d.rtt.us());
    if (!d.rtt_variation.is_zero()) row += fmt::format(" rttvar {}us", d.rtt_variation.us());
    if (d.mss != 0) row += fmt::format(" fo_mss {}", d.mss);
    if (d.syn_losses != 0) {
        row += fmt::format(" fo_syn_drops {}/{}sec ago", d.syn_losses, seconds(d.last_syn_loss));
    }
    if (d.cookie_bytes != 0) {
        row += " fo_cookie ";
        for (std::size_t i = 0; i < d.cookie_bytes; ++i) {
            row += fmt::format("{:02x}", std::to_integer<unsigned>(d.cookie[i]));
        }
    }
    return row + fmt::format(" source {}\n", d.source.to_string());
}

}  // namespace

std::expected<InterfaceIndex, std::string> StackSystem::device(const std::string& name) const {
    const auto index = stack_.interface_by_name(name);
    if (!index) return std::unexpected{fmt::format("there is no device {}", name)};
    return *index;
}

Finished StackSystem::configure_network(const Words& words) {
    if (words[0] == "ip") return ip(words);
    return words[0] == "tc" ? tc(words) : ethtool(words);
}

Finished StackSystem::ip(const Words& words) {
    std::size_t at = 1;
    while (words[at].starts_with('-')) ++at;
    const std::string& object = words[at];
    if (object.starts_with("tcp_metrics") || object == "tcpmetrics") {
        return ip_tcp_metrics(words, at + 1);
    }
    if (object == "route") return ip_route(words, at + 1);
    if (object.starts_with("addr")) return ip_address(words, at + 1);
    return not_there(fmt::format("ip {}", object));
}

// ip tcp_metrics [show|flush|delete] [all|ADDRESS]
Finished StackSystem::ip_tcp_metrics(const Words& words, std::size_t at) {
    const std::string verb = at < words.size() ? words[at] : "show";
    const bool is_one = at + 1 < words.size() && words[at + 1] != "all";
    std::optional<IpAddress> address;
    if (is_one) {
        address = IpAddress::parse(words[at + 1]);
        if (!address) return failed(fmt::format("{} is no address", words[at + 1]));
    }
    if (verb == "flush" || verb == "delete" || verb == "del") {
        const std::size_t n = stack_.forget_destinations(address.value_or(IpAddress{}));
        return verb != "flush" && n == 0 ? failed("nothing is known of it") : Finished{};
    }
    if (verb != "show" && verb != "list") return not_there(fmt::format("ip tcp_metrics {}", verb));
    Finished shown;
    for (const DestinationInfo& d : stack_.destinations()) {
        if (!address || d.destination == *address) shown.output += row_of(d);
    }
    return shown;
}

// ip [-6] route [show|list] [PREFIX] [dev D]
Finished StackSystem::show_routes(const Words& words, std::size_t at, Family family) const {
    std::optional<Prefix> only;
    std::string device_name;
    for (; at < words.size(); ++at) {
        if (words[at] == "dev" && at + 1 < words.size()) {
            device_name = words[++at];
        } else if (only = read_prefix(words[at], family); !only) {
            return not_there(fmt::format("ip route show {}", words[at]));
        }
    }
    const InterfaceIndex index = stack_.interface_by_name(device_name).value_or(0);
    if (!device_name.empty() && index == 0) {
        return failed(fmt::format("there is no device {}", device_name));
    }
    std::vector<Route> shown = stack_.routes();
    const auto interface_of = [all = stack_.interfaces()](const Route& r) {
        const auto found = std::ranges::find(all, r.interface, &InterfaceInfo::index);
        return found == all.end() ? InterfaceInfo{} : *found;
    };
    std::erase_if(shown, [&](const Route& r) {
        return interface_of(r).is_loopback || r.destination.address.family() != family ||
               (index != 0 && r.interface != index) || (only && r.destination != *only);
    });
    std::ranges::sort(shown, [](const Route& a, const Route& b) {
        return std::tie(a.destination.address, a.destination.length, a.metric) <
               std::tie(b.destination.address, b.destination.length, b.metric);
    });
    Finished all;
    for (const Route& r : shown) {
        all.output += format_route(r, interface_of(r).name) + "\n";
    }
    return all;
}

// ip [-6] route (add|change|replace|del) PREFIX and what routes.hpp knows
Finished StackSystem::ip_route(const Words& words, std::size_t at) {
    const Family family = words[1] == "-6" ? Family::Inet6 : Family::Inet;
    const bool shows = at == words.size() || words[at] == "show" || words[at] == "list";
    if (shows) return show_routes(words, std::min(at + 1, words.size()), family);
    if (at + 1 >= words.size()) return not_there("ip route without a prefix");
    const std::string& verb = words[at];
    const auto to = read_prefix(words[at + 1], family);
    if (!to) return failed(fmt::format("{} is no prefix", words[at + 1]));
    const bool removes = verb == "del" || verb == "change" || verb == "replace";
    const bool adds = verb == "add" || verb == "change" || verb == "replace";
    if (!removes && !adds) return not_there(fmt::format("ip route {}", verb));
    RouteWords read = read_route(words, at + 2);
    if (!read.fault.empty()) return not_there(read.fault);
    read.route.destination = *to;
    if (!read.device.empty()) {
        const auto index = device(read.device);
        if (!index) return failed(index.error());
        read.route.interface = *index;
    }
    if (removes) {
        const auto removed = stack_.remove_route(*to);
        if (!removed && verb != "replace") {
            return failed(fmt::format("ip route {}: {}", verb, message_of(removed.error())));
        }
    }
    if (!adds) return {};
    const auto added = stack_.add_route(read.route);
    if (added) return {};
    return failed(fmt::format("ip route {}: {}", verb, message_of(added.error())));
}

// ip addr (add|del) PREFIX dev D
Finished StackSystem::ip_address(const Words& words, std::size_t at) {
    if (words.size() != at + 4 || words[at + 2] != "dev") {
        return not_there("this form of ip addr");
    }
    const std::string& verb = words[at];
    const auto address = read_prefix(words[at + 1], Family::Inet);
    const auto index = device(words[at + 3]);
    if (!address) return failed(fmt::format("{} is no address", words[at + 1]));
    if (!index) return failed(index.error());
    if (verb != "add" && verb != "del") return not_there(fmt::format("ip addr {}", verb));
    const auto done = verb == "add" ? stack_.add_address(*index, *address)
                                    : stack_.remove_address(*index, address->address);
    if (done) return {};
    return failed(fmt::format("ip addr {}: {}", verb, message_of(done.error())));
}

// tc qdisc (add|replace|del) dev D root [fq | pfifo [limit N]]: packets leave at once either way,
// but for the queue that holds none.
Finished StackSystem::tc(const Words& words) {
    if (words.size() < 6 || words[3] != "dev" || words[5] != "root") {
        return not_there("this form of tc qdisc");
    }
    if (const auto index = device(words[4]); !index) return failed(index.error());
    const std::string& verb = words[2];
    if (verb == "del" || verb == "delete") {
        drops_all_ = false;
        return {};
    }
    if (verb != "add" && verb != "replace" && verb != "change") {
        return not_there(fmt::format("tc qdisc {}", verb));
    }
    if (words.size() < 7 || (words[6] != "fq" && words[6] != "pfifo")) {
        return not_there(fmt::format("the queue {}", words.size() < 7 ? "" : words[6]));
    }
    const bool is_limited = words.size() == 9 && words[6] == "pfifo" && words[7] == "limit";
    const auto limit = is_limited ? number(words[8]) : std::nullopt;
    if (words.size() > 7 && !limit) return not_there("this form of tc qdisc");
    drops_all_ = limit == 0u;
    return {};
}

// ethtool -K D (tso|gso|gro|sg|tx|rx) (on|off)...: the device has none of them, and needs none:
// what leaves in several segments is held against a script's one line all the same.
Finished StackSystem::ethtool(const Words& words) const {
    if (words[1] != "-K" || words.size() < 5 || words.size() % 2 == 0) {
        return not_there("this form of ethtool");
    }
    if (const auto index = device(words[2]); !index) return failed(index.error());
    for (std::size_t i = 3; i + 1 < words.size(); i += 2) {
        const std::string& feature = words[i];
        const bool is_known = feature == "tso" || feature == "gso" || feature == "gro" ||
                              feature == "sg" || feature == "tx" || feature == "rx";
        if (!is_known || (words[i + 1] != "on" && words[i + 1] != "off")) {
            return not_there(fmt::format("ethtool's {} {}", feature, words[i + 1]));
        }
    }
    return {};
}

}  // namespace fairlead::drill
