#include "drill/expect.hpp"

#include <fmt/format.h>

#include "drill/encapsulation.hpp"
#include "drill/format.hpp"
#include "drill/icmp_names.hpp"
#include "drill/tcp_options.hpp"

namespace fairlead::drill {
namespace {

using Difference = std::optional<std::string>;

// The three bits that a digit stands for.
std::uint8_t ace_of(const TcpFlags& f) {
    return static_cast<std::uint8_t>((f.ae ? 4 : 0) | (f.cwr ? 2 : 0) | (f.ece ? 1 : 0));
}

bool has_same_flags(TcpFlags wanted, TcpFlags got) {
    if (wanted.ace) {
        if (*wanted.ace != ace_of(got)) return false;
        wanted.ace.reset();
        wanted.ae = wanted.cwr = wanted.ece = got.ae = got.cwr = got.ece = false;
    }
    return wanted == got;
}

// Whether two segments of a burst have one header, but for what may differ within it.
bool has_same_header(const TcpBody& a, const TcpBody& b) {
    TcpFlags x = a.flags;
    TcpFlags y = b.flags;
    x.fin = y.fin = x.psh = y.psh = x.cwr = y.cwr = false;
    return x == y && a.ack == b.ack && a.urgent == b.urgent && a.options.size() == b.options.size();
}

bool matches(const TcpOption& wanted, const TcpOption& got) {
    if (std::holds_alternative<option::Timestamp>(wanted)) {
        return std::holds_alternative<option::Timestamp>(got);
    }
    const auto* md5 = std::get_if<option::Md5>(&wanted);
    if (md5 != nullptr && md5->digest.empty()) return std::holds_alternative<option::Md5>(got);
    return wanted == got;
}

Difference compare_options(const TcpBody& wanted, const TcpBody& got) {
    if (wanted.any_options) return std::nullopt;
    // As they travel: the padding is part of them.
    std::vector<TcpOption> scripted = wanted.options;
    std::size_t bytes = 0;
    for (const TcpOption& option : scripted) bytes += wire_size(option);
    while (bytes++ % 4 != 0) scripted.emplace_back(option::EndOfList{});
    const bool is_same = std::equal(scripted.begin(), scripted.end(), got.options.begin(),
                                    got.options.end(), matches);
    if (is_same) return std::nullopt;
    return fmt::format("the options are <{}>, not <{}>", format(got.options),
                       format(wanted.options));
}

Difference compare_tcp(const TcpBody& wanted, const TcpBody& got) {
    if (!has_same_flags(wanted.flags, got.flags)) {
        return fmt::format("the flags are {}, not {}", format(got.flags), format(wanted.flags));
    }
    if (wanted.range != got.range) {
        return fmt::format("the bytes are {}:{}({}), not {}:{}({})", got.range.begin, got.range.end,
                           got.range.bytes, wanted.range.begin, wanted.range.end,
                           wanted.range.bytes);
    }
    if (wanted.flags.ack && wanted.ack.value_or(0) != got.ack.value_or(0)) {
        return fmt::format("ack is {}, not {}", got.ack.value_or(0), wanted.ack.value_or(0));
    }
    if (wanted.window && wanted.window != got.window) {
        return fmt::format("win is {}, not {}", got.window.value_or(0), *wanted.window);
    }
    if (wanted.urgent.value_or(0) != got.urgent.value_or(0)) {
        return fmt::format("urg is {}, not {}", got.urgent.value_or(0), wanted.urgent.value_or(0));
    }
    return compare_options(wanted, got);
}

Difference compare_udp(const UdpBody& wanted, const UdpBody& got) {
    if (wanted == got) return std::nullopt;
    return fmt::format("the datagram has {} bytes, not {}", got.bytes, wanted.bytes);
}

// The original looks at what the line names; the packet that left has all.
template <typename T>
bool is_other(const std::optional<T>& wanted, const std::optional<T>& got) {
    return wanted && wanted != got;
}

Difference compare_icmp(const IcmpBody& wanted, const IcmpBody& got) {
    if (wanted.type != got.type || wanted.code != got.code) {
        const auto name = [](const IcmpBody& icmp) {
            return fmt::format("{} {}", icmp_type_name(icmp.is_v6, icmp.type),
                               icmp_code_name(icmp.is_v6, icmp.type, icmp.code));
        };
        return fmt::format("it is {}, not {}", name(got), name(wanted));
    }
    if (is_other(wanted.mtu, got.mtu)) {
        return fmt::format("mtu is {}, not {}", got.mtu.value_or(0), *wanted.mtu);
    }
    if (is_other(wanted.echo_id, got.echo_id)) {
        return fmt::format("id is {}, not {}", got.echo_id.value_or(0), *wanted.echo_id);
    }
    if (is_other(wanted.echo_sequence, got.echo_sequence)) {
        return fmt::format("seq is {}, not {}", got.echo_sequence.value_or(0),
                           *wanted.echo_sequence);
    }
    if (is_other(wanted.bytes, got.bytes)) {
        return fmt::format("its payload is {} bytes, not {}", got.bytes.value_or(0), *wanted.bytes);
    }
    if (is_other(wanted.quote, got.quote)) return "it quotes another packet";
    return std::nullopt;
}

Difference compare_ip(const IpFields& wanted, const Seen& got) {
    if (wanted.tos && *wanted.tos != got.tos) {
        return fmt::format("tos is {:#x}, not {:#x}", got.tos, *wanted.tos);
    }
    if (wanted.ecn) {
        constexpr std::uint8_t kBits[] = {0, 2, 1, 3};  // in the order of EcnMark
        const std::uint8_t bits = got.tos & 3;
        const bool is_same = *wanted.ecn == EcnMark::EitherEct
                                 ? bits == 1 || bits == 2
                                 : bits == kBits[static_cast<std::size_t>(*wanted.ecn)];
        if (!is_same) return fmt::format("the ECN bits are {}", bits);
    }
    if (wanted.ttl && *wanted.ttl != got.ttl) {
        return fmt::format("ttl is {}, not {}", got.ttl, *wanted.ttl);
    }
    if (wanted.flow_label && *wanted.flow_label != got.flow_label) {
        return fmt::format("flowlabel is {:#x}, not {:#x}", got.flow_label, *wanted.flow_label);
    }
    return std::nullopt;
}

Difference compare_headers(const PacketLine& wanted, const Seen& got) {
    if (!is_same_encapsulation(wanted.outer, got.outer)) {
        return fmt::format("the headers around it are '{}', not '{}'", format(got.outer),
                           format(wanted.outer));
    }
    return compare_ip(wanted.ip, got);
}

}  // namespace

Difference Expectation::add(const Seen& segment) {
    const auto& wanted = std::get<TcpBody>(line_.body);
    const auto* tcp = std::get_if<TcpBody>(&segment.body);
    if (tcp == nullptr) return "it is not TCP";
    if (whole_) {
        if (auto why_not = append(segment, *tcp)) return why_not;
    } else {
        whole_ = segment;
        piece_bytes_ = tcp->range.bytes;
    }
    const std::uint32_t bytes = std::get<TcpBody>(whole_->body).range.bytes;
    // Where it does not even begin as scripted there is nothing to wait for.
    is_complete_ = is_strict_ || piece_bytes_ == 0 || bytes >= wanted.range.bytes ||
                   tcp->range.begin + tcp->range.bytes != wanted.range.begin + bytes;
    return std::nullopt;
}

Difference Expectation::append(const Seen& segment, const TcpBody& tcp) {
    auto& so_far = std::get<TcpBody>(whole_->body);
    const auto& wanted = std::get<TcpBody>(line_.body);
    if (tcp.range.begin != so_far.range.end || tcp.range.bytes == 0) {
        return fmt::format("{} of {} bytes came, and then a segment that does not go on",
                           so_far.range.bytes, wanted.range.bytes);
    }
    if (!has_same_header(so_far, tcp)) return "it goes on with another header";
    const std::uint32_t bytes = so_far.range.bytes + tcp.range.bytes;
    const bool is_last = bytes >= wanted.range.bytes;
    if (tcp.range.bytes > piece_bytes_ || (!is_last && tcp.range.bytes != piece_bytes_)) {
        return fmt::format("it goes on with {} bytes after pieces of {}", tcp.range.bytes,
                           piece_bytes_);
    }
    TcpBody joined = tcp;
    joined.range = {.begin = so_far.range.begin, .end = tcp.range.end, .bytes = bytes};
    joined.flags.cwr = so_far.flags.cwr;
    whole_ = segment;
    whole_->body = std::move(joined);
    return std::nullopt;
}

Difference Expectation::difference() const {
    if (auto ip = compare_headers(line_, *whole_)) return ip;
    return compare_tcp(std::get<TcpBody>(line_.body), std::get<TcpBody>(whole_->body));
}

Difference difference_of_message(const PacketLine& line, const Seen& message) {
    if (line.body.index() != message.body.index()) return "it is of another protocol";
    if (auto headers = compare_headers(line, message)) return headers;
    if (const auto* udp = std::get_if<UdpBody>(&line.body)) {
        return compare_udp(*udp, std::get<UdpBody>(message.body));
    }
    return compare_icmp(std::get<IcmpBody>(line.body), std::get<IcmpBody>(message.body));
}

}  // namespace fairlead::drill
