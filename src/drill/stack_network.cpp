// ip, tc and ethtool, over a stack's own tables.
#include <charconv>
#include <optional>

#include <fmt/format.h>

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

std::optional<Prefix> prefix(const std::string& word, Family family) {
    if (word == "default") return Prefix{.address = IpAddress::any(family), .length = 0};
    if (word.find('/') != std::string::npos) return Prefix::parse(word);
    const auto address = IpAddress::parse(word);
    if (!address) return std::nullopt;
    return Prefix{.address = *address,
                  .length = static_cast<std::uint8_t>(address->is_v4() ? 32 : 128)};
}

// What stands after the prefix of a route.
struct RouteWords {
    Route route{};
    std::string device{};
    std::string fault{};
};

RouteWords read_route(const Words& words, std::size_t at) {
    RouteWords read;
    const auto address = [](const std::string& word) {
        return IpAddress::parse(word).value_or(IpAddress{});
    };
    for (; at < words.size() && read.fault.empty(); ++at) {
        const std::string& name = words[at];
        if (name == "mtu" && at + 1 < words.size() && words[at + 1] == "lock") ++at;
        if (++at == words.size()) {
            read.fault = fmt::format("a route's {} without a value", name);
            break;
        }
        const std::string& value = words[at];
        const auto n = number(value);
        if (name == "via") {
            read.route.gateway = address(value);
        } else if (name == "src") {
            read.route.source = address(value);
        } else if (name == "dev") {
            read.device = value;
        } else if (name == "mtu" && n) {
            read.route.mtu = *n;
        } else if (name == "metric" && n) {
            read.route.metric = *n;
        } else if (name != "proto" && name != "scope") {
            read.fault = fmt::format("a route's {} {}", name, value);
        }
    }
    return read;
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
    // It remembers nothing of destinations, so that nothing is left to forget.
    if (object == "tcp_metrics" && at + 1 < words.size() && words[at + 1] == "flush") return {};
    if (object == "route") return ip_route(words, at + 1);
    if (object.starts_with("addr")) return ip_address(words, at + 1);
    return not_there(fmt::format("ip {}", object));
}

// ip [-6] route (add|change|replace|del) PREFIX [via A] [dev D] [src A] [metric N] [mtu [lock] N]
Finished StackSystem::ip_route(const Words& words, std::size_t at) {
    if (at + 1 >= words.size()) return not_there("ip route without a verb and a prefix");
    const std::string& verb = words[at];
    const auto to = prefix(words[at + 1], words[1] == "-6" ? Family::Inet6 : Family::Inet);
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
    const auto address = prefix(words[at + 1], Family::Inet);
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
