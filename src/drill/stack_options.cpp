#include "drill/stack_options.hpp"

#include <algorithm>

#include "drill/symbols.hpp"

namespace fairlead::drill {
namespace {

struct Row {
    std::string_view level;
    std::string_view name;
    Option option;
};

constexpr Row kRows[] = {
    {"SOL_SOCKET", "SO_REUSEADDR", Option::ReuseAddress},
    {"SOL_SOCKET", "SO_REUSEPORT", Option::ReusePort},
    {"SOL_SOCKET", "SO_KEEPALIVE", Option::KeepAlive},
    {"SOL_SOCKET", "SO_BROADCAST", Option::Broadcast},
    {"SOL_SOCKET", "SO_SNDBUF", Option::SendBuffer},
    {"SOL_SOCKET", "SO_RCVBUF", Option::ReceiveBuffer},
    {"SOL_SOCKET", "SO_RCVLOWAT", Option::ReceiveLowWater},
    {"SOL_SOCKET", "SO_ERROR", Option::Error},
    {"SOL_SOCKET", "SO_TYPE", Option::Type},
    {"SOL_SOCKET", "SO_DOMAIN", Option::Domain},
    {"SOL_SOCKET", "SO_ACCEPTCONN", Option::Listening},
    {"SOL_SOCKET", "SO_BINDTOIFINDEX", Option::BindToDevice},
    {"SOL_SOCKET", "SO_LINGER", Option::LingerSeconds},
    {"SOL_SOCKET", "SO_PRIORITY", Option::Priority},
    {"SOL_SOCKET", "SO_MARK", Option::Mark},
    {"IPPROTO_IP", "IP_TTL", Option::Ttl},
    {"IPPROTO_IP", "IP_TOS", Option::Tos},
    {"IPPROTO_IP", "IP_MTU_DISCOVER", Option::MtuDiscover},
    {"IPPROTO_IP", "IP_PKTINFO", Option::PacketInfo},
    {"IPPROTO_IP", "IP_RECVTTL", Option::ReceiveTtl},
    {"IPPROTO_IP", "IP_RECVTOS", Option::ReceiveTos},
    {"IPPROTO_IP", "IP_RECVERR", Option::ReceiveError},
    {"IPPROTO_IPV6", "IPV6_V6ONLY", Option::V6Only},
    {"IPPROTO_IPV6", "IPV6_UNICAST_HOPS", Option::Ttl},
    {"IPPROTO_IPV6", "IPV6_TCLASS", Option::Tos},
    {"IPPROTO_IPV6", "IPV6_MTU_DISCOVER", Option::MtuDiscover},
    {"IPPROTO_IPV6", "IPV6_RECVPKTINFO", Option::PacketInfo},
    {"IPPROTO_IPV6", "IPV6_RECVHOPLIMIT", Option::ReceiveTtl},
    {"IPPROTO_IPV6", "IPV6_RECVTCLASS", Option::ReceiveTos},
    {"IPPROTO_IPV6", "IPV6_RECVERR", Option::ReceiveError},
    {"IPPROTO_TCP", "TCP_NODELAY", Option::NoDelay},
    {"IPPROTO_TCP", "TCP_CORK", Option::Cork},
    {"IPPROTO_TCP", "TCP_MAXSEG", Option::MaxSegment},
    {"IPPROTO_TCP", "TCP_KEEPIDLE", Option::KeepIdle},
    {"IPPROTO_TCP", "TCP_KEEPINTVL", Option::KeepInterval},
    {"IPPROTO_TCP", "TCP_KEEPCNT", Option::KeepCount},
    {"IPPROTO_TCP", "TCP_SYNCNT", Option::SynCount},
    {"IPPROTO_TCP", "TCP_LINGER2", Option::FinTimeout},
    {"IPPROTO_TCP", "TCP_DEFER_ACCEPT", Option::DeferAccept},
    {"IPPROTO_TCP", "TCP_WINDOW_CLAMP", Option::WindowClamp},
    {"IPPROTO_TCP", "TCP_QUICKACK", Option::QuickAck},
    {"IPPROTO_TCP", "TCP_USER_TIMEOUT", Option::UserTimeout},
    {"IPPROTO_TCP", "TCP_NOTSENT_LOWAT", Option::NotSentLowWater},
};

std::int64_t int_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = std::min(bytes.size(), at + 4); i-- > at;) value = value << 8 | bytes[i];
    return static_cast<std::int32_t>(value);
}

}  // namespace

std::optional<Option> stack_option(int level, int name) {
    for (const Row& row : kRows) {
        if (symbol_value(row.level) == level && symbol_value(row.name) == name) return row.option;
    }
    return std::nullopt;
}

std::optional<std::int64_t> option_value(Option option, std::span<const std::uint8_t> bytes) {
    if (option == Option::LingerSeconds) {  // struct linger
        if (bytes.size() < 8) return std::nullopt;
        return int_at(bytes, 0) == 0 ? -1 : int_at(bytes, 4);
    }
    // A few options of IP take a single byte as well.
    const bool may_be_byte = option == Option::Tos || option == Option::Ttl;
    if (bytes.size() < (may_be_byte ? 1u : 4u)) return std::nullopt;
    return bytes.size() < 4 ? bytes[0] : int_at(bytes, 0);
}

}  // namespace fairlead::drill
