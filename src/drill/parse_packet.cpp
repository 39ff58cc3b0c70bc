// Packets: direction, encapsulation, IP fields, ports, UDP.
#include <fmt/format.h>

#include "drill/grammar.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

constexpr std::size_t kMostOuterHeaders = 4;
constexpr std::uint32_t kMostFlowLabel = 0xf'ffff;  // 20 bits
constexpr std::uint32_t kMostMplsLabel = 0xf'ffff;

struct EcnName {
    std::string_view name;
    EcnMark mark;
};
constexpr EcnName kEcnNames[] = {{"noecn", EcnMark::NotEct},
                                 {"ect0", EcnMark::Ect0},
                                 {"ect1", EcnMark::Ect1},
                                 {"ce", EcnMark::Ce},
                                 {"ect01", EcnMark::EitherEct}};

bool begins_outer_header(const Token& token) {
    return token.is("ipv4") || token.is("ipv6") || token.is("gre") || token.is("mpls");
}

}  // namespace

Parsed<PacketLine> Grammar::packet() {
    PacketLine packet;
    packet.direction = lexer_.take().is('<') ? Direction::In : Direction::Out;
    while (begins_outer_header(lexer_.peek())) {
        if (packet.outer.size() == kMostOuterHeaders) {
            return fault(lexer_.peek().offset,
                         fmt::format("headers nest at most {} deep", kMostOuterHeaders));
        }
        packet.outer.push_back(FAIRLEAD_TRY(outer_header()));
    }
    if (lexer_.peek().is('[')) packet.ip = FAIRLEAD_TRY(ip_fields());
    if (accept("icmp")) {
        packet.body = FAIRLEAD_TRY(icmp(false));
        return packet;
    }
    if (accept("icmpv6")) {
        packet.body = FAIRLEAD_TRY(icmp(true));
        return packet;
    }
    const bool is_udp = accept("udp");
    if (lexer_.peek().kind == TokenKind::Integer && lexer_.peek_second().is('>')) {
        packet.ports = FAIRLEAD_TRY(ports());
    }
    if (is_udp) {
        packet.body = FAIRLEAD_TRY(udp());
    } else {
        packet.body = FAIRLEAD_TRY(tcp());
    }
    return packet;
}

Parsed<OuterHeader> Grammar::outer_header() {
    if (lexer_.peek().is("gre")) return FAIRLEAD_TRY(outer_gre());
    if (lexer_.peek().is("mpls")) return FAIRLEAD_TRY(outer_mpls());
    return FAIRLEAD_TRY(outer_ip());
}

// ipv4 192.0.2.1 > 192.0.2.2: | ipv6 2001:db8::1 > 2001:db8::2:
Parsed<outer::Ip> Grammar::outer_ip() {
    const std::size_t offset = lexer_.peek().offset;
    const bool is_v4 = lexer_.take().text == "ipv4";
    outer::Ip ip;
    ip.source = FAIRLEAD_TRY(address(false));
    FAIRLEAD_TRY(expect('>'));
    ip.target = FAIRLEAD_TRY(address(true));
    if (ip.source.is_v4() != is_v4 || ip.target.is_v4() != is_v4) {
        return fault(offset, "these addresses are of another family than their header");
    }
    return ip;
}

Parsed<IpAddress> Grammar::address(bool colon_follows) {
    const Token token = lexer_.take_solid();
    std::string_view text = token.text;
    if (colon_follows) {
        if (!text.ends_with(':')) {
            return expected_at(token.end, "':'", "a blank");
        }
        text.remove_suffix(1);
    }
    const auto address = IpAddress::parse(text);
    if (!address) {
        return expected_at(token.offset, "an IP address", fmt::format("'{}'", text.substr(0, 64)));
    }
    return *address;
}

// gre [sum [N] [, off N]] [, key N] [, seq N]:
Parsed<outer::Gre> Grammar::outer_gre() {
    lexer_.take();
    outer::Gre gre;
    while (!accept(':')) {
        accept(',');
        if (accept("sum")) {
            gre.has_checksum = true;
            if (lexer_.peek().kind == TokenKind::Integer) {
                gre.checksum = FAIRLEAD_TRY(number_as<std::uint16_t>("a GRE checksum"));
            }
        } else if (gre.has_checksum && accept("off")) {
            gre.offset = FAIRLEAD_TRY(number_as<std::uint16_t>("a GRE offset"));
        } else if (accept("key")) {
            gre.key = FAIRLEAD_TRY(number_as<std::uint32_t>("a GRE key"));
        } else if (accept("seq")) {
            gre.sequence = FAIRLEAD_TRY(number_as<std::uint32_t>("a GRE sequence number"));
        } else {
            return expected("'sum', 'key', 'seq' or ':'");
        }
    }
    return gre;
}

// mpls (label 16, tc 0, [S] ttl 64) (...):
Parsed<outer::Mpls> Grammar::outer_mpls() {
    lexer_.take();
    outer::Mpls mpls;
    do {
        FAIRLEAD_TRY(expect('('));
        outer::MplsEntry entry;
        FAIRLEAD_TRY(expect("label"));
        entry.label = FAIRLEAD_TRY(number_as<std::uint32_t>("an MPLS label", kMostMplsLabel));
        FAIRLEAD_TRY(expect(','));
        FAIRLEAD_TRY(expect("tc"));
        entry.traffic_class = FAIRLEAD_TRY(number_as<std::uint8_t>("an MPLS class", 7));
        FAIRLEAD_TRY(expect(','));
        if (accept('[')) {
            FAIRLEAD_TRY(expect("S"));
            FAIRLEAD_TRY(expect(']'));
            accept(',');
            entry.is_bottom = true;
        }
        FAIRLEAD_TRY(expect("ttl"));
        entry.ttl = FAIRLEAD_TRY(number_as<std::uint8_t>("a TTL"));
        FAIRLEAD_TRY(expect(')'));
        mpls.entries.push_back(entry);
        if (mpls.entries.size() > kMostOuterHeaders) return expected("':'");
    } while (lexer_.peek().is('('));
    FAIRLEAD_TRY(expect(':'));
    return mpls;
}

// [ect0] [tos 0x10, ttl 64] [flowlabel 0x12345]
Parsed<IpFields> Grammar::ip_fields() {
    IpFields fields;
    FAIRLEAD_TRY(expect('['));
    do {
        FAIRLEAD_TRY(ip_field(fields));
        accept(',');
    } while (!lexer_.peek().is(']') && lexer_.peek().kind == TokenKind::Word);
    if (!accept(']')) return expected("',' or ']'");
    return fields;
}

Parsed<void> Grammar::ip_field(IpFields& fields) {
    const Token token = lexer_.peek();
    if (fields.ecn || fields.tos) {
        for (const EcnName& ecn : kEcnNames) {
            if (token.is(ecn.name)) return fault(token.offset, "the ECN bits are named twice");
        }
    }
    for (const EcnName& ecn : kEcnNames) {
        if (!accept(ecn.name)) continue;
        fields.ecn = ecn.mark;
        return {};
    }
    if (accept("tos")) {
        if (fields.ecn) return fault(token.offset, "the ECN bits are named twice");
        fields.tos = FAIRLEAD_TRY(number_as<std::uint8_t>("a type of service"));
        return {};
    }
    if (accept("ttl")) {
        fields.ttl = FAIRLEAD_TRY(number_as<std::uint8_t>("a TTL"));
        return {};
    }
    if (accept("flowlabel")) {
        fields.flow_label = FAIRLEAD_TRY(number_as<std::uint32_t>("a flow label", kMostFlowLabel));
        return {};
    }
    return expected("'noecn', 'ect0', 'ect1', 'ect01', 'ce', 'tos', 'ttl' or 'flowlabel'");
}

Parsed<Ports> Grammar::ports() {
    Ports ports;
    ports.source = FAIRLEAD_TRY(number_as<std::uint16_t>("a port"));
    FAIRLEAD_TRY(expect('>'));
    ports.target = FAIRLEAD_TRY(number_as<std::uint16_t>("a port"));
    return ports;
}

Parsed<UdpBody> Grammar::udp() {
    constexpr std::uint16_t kMostBytes = 65535 - 20 - 8;
    UdpBody body;
    body.bytes = FAIRLEAD_TRY(byte_count(kMostBytes));
    return body;
}

// (n)
Parsed<std::uint16_t> Grammar::byte_count(std::uint16_t most) {
    FAIRLEAD_TRY(expect('('));
    const auto bytes = FAIRLEAD_TRY(number_as<std::uint16_t>("a number of bytes", most));
    FAIRLEAD_TRY(expect(')'));
    return bytes;
}

}  // namespace fairlead::drill
