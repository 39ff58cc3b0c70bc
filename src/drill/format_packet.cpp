// Packets of a script back to text.
#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/icmp_names.hpp"

namespace fairlead::drill {
namespace {

std::string hex(const std::vector<std::uint8_t>& bytes) {
    std::string out;
    for (const std::uint8_t b : bytes) out += fmt::format("{:02x}", b);
    return out;
}

// " hex" or nothing.
std::string after_blank(const std::vector<std::uint8_t>& bytes) {
    return bytes.empty() ? std::string{} : fmt::format(" {}", hex(bytes));
}

struct OptionFormatter {
    std::string operator()(const option::EndOfList&) const { return "eol"; }
    std::string operator()(const option::Nop&) const { return "nop"; }
    std::string operator()(const option::SackPermitted&) const { return "sackOK"; }
    std::string operator()(const option::Mss& o) const { return fmt::format("mss {}", o.bytes); }
    std::string operator()(const option::WindowScale& o) const {
        return fmt::format("wscale {}", o.shift);
    }
    std::string operator()(const option::Sack& o) const {
        std::string out = "sack";
        for (const auto& block : o.blocks) out += fmt::format(" {}:{}", block.begin, block.end);
        return out;
    }
    std::string operator()(const option::Timestamp& o) const {
        return fmt::format("TS val {} ecr {}", o.value, o.echo);
    }
    std::string operator()(const option::FastOpen& o) const {
        return fmt::format("{}{}", o.is_experimental ? "FOEXP" : "FO", after_blank(o.cookie));
    }
    std::string operator()(const option::Md5& o) const {
        return fmt::format("md5{}", after_blank(o.digest));
    }
    std::string operator()(const option::AccurateEcn& o) const {
        constexpr std::string_view kNames[] = {"e0b", "ceb", "e1b"};
        std::string out = "ECN";
        for (const auto& entry : o.entries) {
            out +=
                fmt::format(" {} {}", kNames[static_cast<std::size_t>(entry.counter)], entry.value);
        }
        return out;
    }
    std::string operator()(const option::Unknown& o) const {
        return fmt::format("unknown {}{}", o.kind, after_blank(o.bytes));
    }
};

std::string format_range(const SequenceRange& range) {
    return fmt::format("{}:{}({})", range.begin, range.end, range.bytes);
}

struct BodyFormatter {
    std::string operator()(const TcpBody& tcp) const {
        std::string out = fmt::format("{} {}", format(tcp.flags), format_range(tcp.range));
        if (tcp.ack) out += fmt::format(" ack {}", *tcp.ack);
        if (tcp.window) out += fmt::format(" win {}", *tcp.window);
        if (tcp.urgent) out += fmt::format(" urg {}", *tcp.urgent);
        if (tcp.any_options) return out + " <...>";
        if (!tcp.options.empty()) out += fmt::format(" <{}>", format(tcp.options));
        return out;
    }
    std::string operator()(const UdpBody& udp) const { return fmt::format("({})", udp.bytes); }
    std::string operator()(const IcmpBody& icmp) const {
        std::string out = fmt::format("{} {}", icmp.is_v6 ? "icmpv6" : "icmp",
                                      icmp_type_name(icmp.is_v6, icmp.type));
        const std::string code = icmp_code_name(icmp.is_v6, icmp.type, icmp.code);
        if (code != "0") out += " " + code;
        if (icmp.mtu) out += fmt::format(" mtu {}", *icmp.mtu);
        if (icmp.echo_id) out += fmt::format(" id {}", *icmp.echo_id);
        if (icmp.echo_sequence) out += fmt::format(" seq {}", *icmp.echo_sequence);
        if (icmp.bytes) out += fmt::format(" ({})", *icmp.bytes);
        if (!icmp.quote) return out;
        return out + (icmp.quote->is_udp ? fmt::format(" [udp ({})]", icmp.quote->range.bytes)
                                         : fmt::format(" [{}]", format_range(icmp.quote->range)));
    }
};

struct OuterFormatter {
    std::string operator()(const outer::Ip& ip) const {
        return fmt::format("{} {} > {}: ", ip.source.is_v4() ? "ipv4" : "ipv6",
                           ip.source.to_string(), ip.target.to_string());
    }
    std::string operator()(const outer::Gre& gre) const {
        std::string out;
        const auto add = [&out](const std::string& field) {
            out += (out.empty() ? " " : ", ") + field;
        };
        if (gre.has_checksum) {
            add(gre.checksum ? fmt::format("sum {:#x}", *gre.checksum) : std::string{"sum"});
        }
        if (gre.offset) add(fmt::format("off {}", *gre.offset));
        if (gre.key) add(fmt::format("key {}", *gre.key));
        if (gre.sequence) add(fmt::format("seq {}", *gre.sequence));
        return "gre" + out + ": ";
    }
    std::string operator()(const outer::Mpls& mpls) const {
        std::string out = "mpls";
        for (const outer::MplsEntry& e : mpls.entries) {
            out += fmt::format(" (label {}, tc {}, {}ttl {})", e.label, e.traffic_class,
                               e.is_bottom ? "[S] " : "", e.ttl);
        }
        return out + ": ";
    }
};

std::string format_ip_fields(const IpFields& ip) {
    constexpr std::string_view kEcnNames[] = {"noecn", "ect0", "ect1", "ce", "ect01"};
    std::string out;
    const auto add = [&out](const std::string& field) {
        out += out.empty() ? "" : ", ";
        out += field;
    };
    if (ip.ecn) add(std::string{kEcnNames[static_cast<std::size_t>(*ip.ecn)]});
    if (ip.tos) add(fmt::format("tos {:#x}", *ip.tos));
    if (ip.ttl) add(fmt::format("ttl {}", *ip.ttl));
    if (ip.flow_label) add(fmt::format("flowlabel {:#x}", *ip.flow_label));
    return out.empty() ? out : fmt::format("[{}] ", out);
}

}  // namespace

std::string format(const TcpFlags& flags) {
    std::string out;
    const auto add = [&out](bool is_set, char letter) {
        if (is_set) out += letter;
    };
    add(flags.syn, 'S');
    add(flags.fin, 'F');
    add(flags.rst, 'R');
    add(flags.psh, 'P');
    add(flags.urg, 'U');
    if (flags.ace) out += static_cast<char>('0' + *flags.ace);
    add(flags.ece, 'E');
    add(flags.cwr, 'W');
    add(flags.ae, 'A');
    add(flags.ack, '.');
    return out.empty() ? "-" : out;
}

std::string format(const std::vector<TcpOption>& options) {
    std::string out;
    for (const TcpOption& option : options) {
        if (!out.empty()) out += ",";
        out += std::visit(OptionFormatter{}, option);
    }
    return out;
}

std::string format(const std::vector<OuterHeader>& headers) {
    std::string out;
    for (const OuterHeader& header : headers) out += std::visit(OuterFormatter{}, header);
    return out;
}

std::string format(const PacketLine& packet) {
    std::string out = packet.direction == Direction::In ? "< " : "> ";
    out += format(packet.outer) + format_ip_fields(packet.ip);
    if (std::holds_alternative<UdpBody>(packet.body)) out += "udp ";
    if (packet.ports) out += fmt::format("{} > {} ", packet.ports->source, packet.ports->target);
    return out + std::visit(BodyFormatter{}, packet.body);
}

}  // namespace fairlead::drill
