// getsockopt and setsockopt: Linux's levels, names, lengths and errors.
#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "posix/authentication.hpp"
#include "posix/client.hpp"
#include "posix/socket_name.hpp"
#include "posix/tcp_info.hpp"

namespace fairlead::posix {
namespace {

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }

struct Row {
    int level = 0;
    int name = 0;
    Option option{};
};

// What the stack itself keeps, each an int.
constexpr Row kRows[] = {
    {abi::kSolSocket, abi::so::kReuseAddress, Option::ReuseAddress},
    {abi::kSolSocket, abi::so::kReusePort, Option::ReusePort},
    {abi::kSolSocket, abi::so::kKeepAlive, Option::KeepAlive},
    {abi::kSolSocket, abi::so::kBroadcast, Option::Broadcast},
    {abi::kSolSocket, abi::so::kOutOfBandInline, Option::OutOfBandInline},
    {abi::kSolSocket, abi::so::kZeroCopy, Option::ZeroCopy},
    {abi::kSolSocket, abi::so::kSendBuffer, Option::SendBuffer},
    {abi::kSolSocket, abi::so::kReceiveBuffer, Option::ReceiveBuffer},
    {abi::kSolSocket, abi::so::kReceiveLowWater, Option::ReceiveLowWater},
    {abi::kSolSocket, abi::so::kBindToIndex, Option::BindToDevice},
    {abi::kSolSocket, abi::so::kPriority, Option::Priority},
    {abi::kSolSocket, abi::so::kError, Option::Error},
    {abi::kSolSocket, abi::so::kAcceptConnections, Option::Listening},
    {abi::kSolSocket, abi::so::kMark, Option::Mark},
    {abi::kUdp, abi::udp::kCork, Option::UdpCork},
    {abi::kUdp, abi::udp::kSegment, Option::UdpSegment},
    {abi::kUdp, abi::udp::kGro, Option::UdpGro},
    {abi::kSolIp, abi::ip::kTtl, Option::Ttl},
    {abi::kSolIp, abi::ip::kTos, Option::Tos},
    {abi::kSolIp, abi::ip::kMtuDiscover, Option::MtuDiscover},
    {abi::kSolIp, abi::ip::kReceiveError, Option::ReceiveError},
    {abi::kSolIp, abi::ip::kBindAddressNoPort, Option::BindAddressNoPort},
    {abi::kSolIp, abi::ip::kLocalPortRange, Option::LocalPortRange},
    {abi::kSolIpV6, abi::ip6::kV6Only, Option::V6Only},
    {abi::kSolIpV6, abi::ip6::kUnicastHops, Option::Ttl},
    {abi::kSolIpV6, abi::ip6::kClass, Option::Tos},
    {abi::kSolIpV6, abi::ip6::kMtuDiscover, Option::MtuDiscover},
    {abi::kSolIpV6, abi::ip6::kReceiveError, Option::ReceiveError},
    {abi::kSolTcp, abi::tcp::kNoDelay, Option::NoDelay},
    {abi::kSolTcp, abi::tcp::kCork, Option::Cork},
    {abi::kSolTcp, abi::tcp::kMaxSegment, Option::MaxSegment},
    {abi::kSolTcp, abi::tcp::kKeepIdle, Option::KeepIdle},
    {abi::kSolTcp, abi::tcp::kKeepInterval, Option::KeepInterval},
    {abi::kSolTcp, abi::tcp::kKeepCount, Option::KeepCount},
    {abi::kSolTcp, abi::tcp::kSynCount, Option::SynCount},
    {abi::kSolTcp, abi::tcp::kLinger2, Option::FinTimeout},
    {abi::kSolTcp, abi::tcp::kDeferAccept, Option::DeferAccept},
    {abi::kSolTcp, abi::tcp::kWindowClamp, Option::WindowClamp},
    {abi::kSolTcp, abi::tcp::kQuickAck, Option::QuickAck},
    {abi::kSolTcp, abi::tcp::kThinLinearTimeouts, Option::ThinLinearTimeouts},
    {abi::kSolTcp, abi::tcp::kUserTimeout, Option::UserTimeout},
    {abi::kSolTcp, abi::tcp::kNotSentLowWater, Option::NotSentLowWater},
    {abi::kSolTcp, abi::tcp::kFastOpen, Option::FastOpen},
    {abi::kSolTcp, abi::tcp::kFastOpenConnect, Option::FastOpenConnect},
    {abi::kSolTcp, abi::tcp::kFastOpenNoCookie, Option::FastOpenNoCookie},
};

const Row* find_row(int level, int name) {
    const auto* row = std::ranges::find_if(
        kRows, [&](const Row& r) { return r.level == level && r.name == name; });
    return row == std::end(kRows) ? nullptr : row;
}

// What is the descriptor's own: what recvmsg() shall tell.
bool* flag_of(SocketFile& s, int level, int name) {
    Ancillary& a = s.ancillary;
    if (level == abi::kSolSocket) {
        switch (name) {
            case abi::so::kTimestamp: return &a.timestamp;
            case abi::so::kTimestampNs: return &a.timestamp_ns;
            case abi::so::kBroadcast: return s.is_stream ? &s.broadcasts : nullptr;
            default: return nullptr;
        }
    }
    const bool is_inquiry = level == abi::kSolTcp && name == abi::tcp::kInquire;
    if (is_inquiry && s.is_stream) return &a.inquires;
    if (level == abi::kSolIp) {
        switch (name) {
            case abi::ip::kPacketInfo: return &a.packet_info;
            case abi::ip::kReceiveTtl: return &a.ttl;
            case abi::ip::kReceiveTos: return &a.tos;
            case abi::ip::kReceiveOptions: return &a.options;
            case abi::ip::kReturnOptions: return &a.returned_options;
            case abi::ip::kReceiveError: return s.is_stream ? &s.wants_errors : nullptr;
            default: return nullptr;
        }
    }
    if (level != abi::kSolIpV6) return nullptr;
    switch (name) {
        case abi::ip6::kReceivePacketInfo: return &a.packet_info6;
        case abi::ip6::kReceiveHopLimit: return &a.hop_limit;
        case abi::ip6::kReceiveClass: return &a.traffic_class;
        case abi::ip6::kReceiveError: return s.is_stream ? &s.wants_errors6 : nullptr;
        default: return nullptr;
    }
}

// Of what goes to a group.
int* multicast_ttl_of(SocketFile& s, int level, int name) {
    const bool is = (level == abi::kSolIp && name == abi::ip::kMulticastTtl) ||
                    (level == abi::kSolIpV6 && name == abi::ip6::kMulticastHops);
    return is && !s.is_stream ? &s.multicast_ttl : nullptr;
}

// Numbers of a stream that nothing depends on.
int* number_of(SocketFile& s, int level, int name) {
    if (!s.is_stream) return nullptr;
    if (level == abi::kSolSocket && name == abi::so::kPriority) return &s.priority;
    if (level == abi::kSolSocket && name == abi::so::kMark) return &s.mark;
    const bool is_discovery = (level == abi::kSolIp && name == abi::ip::kMtuDiscover) ||
                              (level == abi::kSolIpV6 && name == abi::ip6::kMtuDiscover);
    return is_discovery ? &s.mtu_discovery : nullptr;
}

// What an IPv6 socket says in IPv4 is apart from what it says in IPv6.
int* v4_number_of(SocketFile& s, int level, int name) {
    if (s.family == Family::Inet || level != abi::kSolIp) return nullptr;
    if (name == abi::ip::kTtl) return &s.v4_ttl;
    return name == abi::ip::kTos ? &s.v4_tos : nullptr;
}

// Whether a socket has that level at all.
bool has_level(const SocketFile& s, int level) {
    switch (level) {
        case abi::kSolSocket:
        case abi::kSolIp: return true;
        case abi::kSolIpV6: return s.family == Family::Inet6;
        case abi::kSolTcp: return s.is_stream;
        case abi::kUdp: return !s.is_stream && !s.is_ping;
        default: return false;
    }
}

int int_at(Bytes value, std::size_t at) {
    int number = 0;
    std::memcpy(&number, value.data() + at, sizeof number);
    return number;
}

// An int; IP takes a byte too, and nothing for 0.
Result<int> number_in(Bytes value, int level) {
    if (value.size() >= sizeof(int)) return int_at(value, 0);
    if (level != abi::kSolIp) return refused(Errc::InvalidArgument);
    return value.empty() ? 0 : std::to_integer<int>(value[0]);
}

std::string_view text_in(Bytes value, std::size_t most) {
    const std::string_view all{reinterpret_cast<const char*>(value.data()),
                               std::min(value.size(), most)};
    return all.substr(0, all.find('\0'));
}

// --- struct timeval and struct linger ---

Result<Duration> timeout_in(Bytes value) {
    constexpr std::int64_t kMicroseconds = 1'000'000;
    constexpr std::int64_t kLongest = INT64_MAX / 4'000'000'000;
    std::int64_t seconds = 0;
    std::int64_t rest = 0;
    if (value.size() < sizeof seconds + sizeof rest) return refused(Errc::InvalidArgument);
    std::memcpy(&seconds, value.data(), sizeof seconds);
    std::memcpy(&rest, value.data() + sizeof seconds, sizeof rest);
    if (rest < 0 || rest >= kMicroseconds) return refused(Errc::OutOfRange);
    if (seconds < 0) return Duration{};  // a call does not wait at all
    if ((seconds == 0 && rest == 0) || seconds >= kLongest) return Duration::infinite();
    return Duration::from_s(seconds) + Duration::from_us(rest);
}

// What is to be written back, and how much of it fits.
std::size_t put(MutableBytes value, Bytes from) {
    const std::size_t size = std::min(value.size(), from.size());
    std::ranges::copy(from.first(size), value.begin());
    return size;
}
template <typename T>
std::size_t put_value(MutableBytes value, const T& from) {
    return put(value, std::as_bytes(std::span{&from, 1}));
}

std::size_t put_timeout(MutableBytes value, Duration timeout) {
    const bool is_none = timeout == Duration::infinite();
    const std::int64_t us = is_none ? 0 : timeout.us();
    return put_value(value, std::array<std::int64_t, 2>{us / 1'000'000, us % 1'000'000});
}

// IP gives a small number as one byte to who has room for no int.
std::size_t put_number(MutableBytes value, int level, std::int64_t number) {
    if (level == abi::kSolIp && !value.empty() && value.size() < sizeof(int) && number >= 0 &&
        number <= 255) {
        return put_value(value.first(1), static_cast<std::uint8_t>(number));
    }
    return put_value(value, static_cast<int>(number));
}

Result<void> set_device(Stack& stack, SocketId id, Bytes value) {
    constexpr std::size_t kMostName = 15;  // IFNAMSIZ - 1
    const std::string_view name = text_in(value, kMostName);
    const InterfaceIndex index = name.empty() ? 0 : FAIRLEAD_TRY(stack.interface_by_name(name));
    return stack.set_option(id, Option::BindToDevice, index);
}

// struct tcp_md5sig: whose segments, and the key (tcp_v4_parse_md5_keys(), tcp_v6_parse_md5_keys()).
Result<void> set_signature_key(Stack& stack, const SocketFile& s, bool is_extended, Bytes value) {
    constexpr std::size_t kFlagsAt = 128;
    constexpr std::size_t kPrefixAt = 129;
    constexpr std::size_t kSizeAt = 130;
    constexpr std::size_t kKeyAt = 136;
    constexpr std::size_t kMostKey = 80;
    constexpr unsigned kHasPrefix = 1;
    if (value.size() < kKeyAt + kMostKey) return refused(Errc::InvalidArgument);
    const int family = s.family == Family::Inet ? abi::kInet : abi::kInet6;
    if (family_of(value) != family) return refused(Errc::InvalidArgument);
    const Endpoint peer = FAIRLEAD_TRY(read_bind_name(value.first(abi::kLargestName), s.family));
    const auto most = static_cast<std::uint8_t>(peer.address.is_v4() ? 32 : 128);
    Prefix peers{peer.address, most};
    const auto flags = std::to_integer<unsigned>(value[kFlagsAt]);
    if (is_extended && (flags & kHasPrefix) != 0) {
        peers.length = std::to_integer<std::uint8_t>(value[kPrefixAt]);
        if (peers.length > most) return refused(Errc::InvalidArgument);
    }
    std::uint16_t size = 0;
    std::memcpy(&size, value.data() + kSizeAt, sizeof size);
    if (size > kMostKey) return refused(Errc::InvalidArgument);
    return stack.set_signature_key(s.id, peers, value.subspan(kKeyAt, size));
}

Result<void> set_linger(Stack& stack, SocketId id, Bytes value) {
    if (value.size() < 2 * sizeof(int)) return refused(Errc::InvalidArgument);
    const auto seconds = static_cast<std::uint32_t>(int_at(value, sizeof(int)));
    const std::int64_t linger = std::min<std::int64_t>(seconds, INT32_MAX);
    return stack.set_option(id, Option::LingerSeconds, int_at(value, 0) == 0 ? -1 : linger);
}

Result<void> set_stamps(Stack& stack, SocketFile& s, int flags) {
    FAIRLEAD_TRY(stack.set_option(s.id, Option::Timestamping, flags));
    s.ancillary.stamps = static_cast<Stamps>(flags);
    return {};
}

// struct sk_meminfo
std::size_t put_memory(Stack& stack, SocketId id, MutableBytes value) {
    const SocketMemory m = stack.memory(id).value_or(SocketMemory{});
    const std::array<std::uint32_t, 9> words{
        m.receive_allocated, m.receive_buffer,    m.write_allocated,
        m.send_buffer,       m.forward_allocated, m.write_queued,
        m.option_memory,     m.backlog,           m.drops};
    return put_value(value, words);
}

int protocol_of(const SocketFile& s) {
    if (s.is_stream) return abi::kTcp;
    if (!s.is_ping) return abi::kUdp;
    return s.family == Family::Inet ? abi::kIcmp : abi::kIcmpV6;
}

// Of SOL_SOCKET what is no plain number of the stack's. Nothing: it is none of these.
Result<std::optional<std::size_t>> get_socket(Stack& stack, const SocketFile& s, int name,
                                              MutableBytes value) {
    switch (name) {
        case abi::so::kType: return put_value(value, s.is_stream ? abi::kStream : abi::kDatagram);
        case abi::so::kDomain:
            return put_value(value, s.family == Family::Inet ? abi::kInet : abi::kInet6);
        case abi::so::kProtocol: return put_value(value, protocol_of(s));
        case abi::so::kSendLowWater: return put_value(value, 1);
        case abi::so::kReceiveTimeout: return put_timeout(value, s.receive_timeout);
        case abi::so::kSendTimeout: return put_timeout(value, s.send_timeout);
        case abi::so::kMemoryInfo: return put_memory(stack, s.id, value);
        case abi::so::kTimestamping:  // and no clock of hardware
            return put_value(value, std::array<std::uint32_t, 2>{s.ancillary.stamps, 0});
        case abi::so::kCookie:
            return put_value(value, std::uint64_t{s.id.generation} << 32 | s.id.index);
        case abi::so::kLinger: {
            const auto seconds =
                static_cast<int>(FAIRLEAD_TRY(stack.option(s.id, Option::LingerSeconds)));
            return put_value(value, std::array{seconds < 0 ? 0 : 1, std::max(seconds, 0)});
        }
        default: return std::nullopt;
    }
}

// SO_MAX_PACING_RATE: four bytes, of which all ones are no limit, or eight.
Result<void> set_pacing(Stack& stack, SocketId id, Bytes value, int number) {
    std::uint64_t rate = static_cast<std::uint32_t>(number);
    if (rate == UINT32_MAX) rate = UINT64_MAX;
    if (value.size() >= sizeof rate) std::memcpy(&rate, value.data(), sizeof rate);
    constexpr std::uint64_t kMost = INT64_MAX;
    return stack.set_option(id, Option::MaxPacingRate,
                            static_cast<std::int64_t>(std::min(rate, kMost)));
}

Result<std::size_t> get_pacing(Stack& stack, SocketId id, MutableBytes value) {
    const std::int64_t rate = FAIRLEAD_TRY(stack.option(id, Option::MaxPacingRate));
    const std::uint64_t told = rate == INT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(rate);
    if (value.size() >= sizeof told) return put_value(value, told);
    return put_value(value, static_cast<std::uint32_t>(std::min<std::uint64_t>(told, UINT32_MAX)));
}

// What only a stream has.
Result<std::optional<std::size_t>> get_stream(Stack& stack, SocketId id, int level, int name,
                                              MutableBytes value) {
    const bool is_mtu = (level == abi::kSolIp && name == abi::ip::kMtu) ||
                        (level == abi::kSolIpV6 && name == abi::ip6::kMtu);
    if (is_mtu) {
        // Of the path: there is none before there is a peer.
        const std::uint32_t mtu = FAIRLEAD_TRY(stack.tcp_info(id)).path_mtu;
        if (mtu == 0) return refused(Errc::NotConnected);
        return put_number(value, level, mtu);
    }
    if (level == abi::kSolSocket && name == abi::so::kMaxPacingRate) {
        return get_pacing(stack, id, value);
    }
    if (level != abi::kSolTcp) return std::nullopt;
    switch (name) {
        case abi::tcp::kInfo: return put(value, write_tcp_info(FAIRLEAD_TRY(stack.tcp_info(id))));
        case abi::tcp::kCcInfo: {
            const CongestionDetails told = FAIRLEAD_TRY(stack.congestion_details(id));
            const std::size_t n = std::min<std::size_t>(told.bytes, value.size());
            std::memcpy(value.data(), told.words.data(), n);
            return n;
        }
        case abi::tcp::kFastOpenKey: return stack.fast_open_key(id, value);
        case abi::tcp::kCongestion: {
            std::array<char, abi::tcp::kCongestionName> text{};
            std::ranges::copy(FAIRLEAD_TRY(stack.congestion_control(id)), text.begin());
            return put_value(value, text);
        }
        default: return std::nullopt;
    }
}

// Of datagrams they are not written.
bool has_header_options(const SocketFile& s) { return s.is_stream && s.family == Family::Inet; }

// Those whose value is no number; nothing: it is another.
std::optional<Result<void>> set_bytes(Stack& stack, SocketFile& s, int level, int name,
                                      Bytes value) {
    if (level == abi::kSolSocket && name == abi::so::kBindToDevice) {
        return set_device(stack, s.id, value);
    }
    if (level == abi::kSolIp && name == abi::ip::kOptions && has_header_options(s)) {
        return stack.set_header_options(s.id, value);
    }
    if (level != abi::kSolTcp) return std::nullopt;
    if (auto done = set_authentication(stack, s, name, value)) return done;
    switch (name) {
        case abi::tcp::kCongestion:
            if (value.empty()) return refused(Errc::InvalidArgument);
            return stack.set_congestion_control(s.id,
                                                text_in(value, abi::tcp::kCongestionName - 1));
        case abi::tcp::kFastOpenKey: return stack.set_fast_open_key(s.id, value);
        case abi::tcp::kSignature:
        case abi::tcp::kSignatureExtended:
            return set_signature_key(stack, s, name == abi::tcp::kSignatureExtended, value);
        default: return std::nullopt;
    }
}

// Those of SOL_SOCKET that are more than a number kept; nothing: it is another.
std::optional<Result<void>> set_of_socket(Stack& stack, SocketFile& s, int name, Bytes value,
                                          int number) {
    const auto keep = [&](auto& timeout) -> Result<void> {
        timeout = FAIRLEAD_TRY(timeout_in(value));
        return {};
    };
    switch (name) {
        case abi::so::kLinger: return set_linger(stack, s.id, value);
        case abi::so::kReceiveTimeout: return keep(s.receive_timeout);
        case abi::so::kSendTimeout: return keep(s.send_timeout);
        case abi::so::kTimestamping: return set_stamps(stack, s, number);
        case abi::so::kMaxPacingRate:
            if (!s.is_stream) return std::nullopt;
            return set_pacing(stack, s.id, value, number);
        case abi::so::kSendBufferForce:
        case abi::so::kReceiveBufferForce: return refused(Errc::NotPermitted);
        default: return std::nullopt;
    }
}

// What getsockopt() tells of a number that we keep.
std::optional<int> kept_number(SocketFile& s, int level, int name, const Config& config) {
    if (const int* ttl = multicast_ttl_of(s, level, name)) return *ttl < 0 ? 1 : *ttl;
    if (const int* kept = number_of(s, level, name)) return *kept;
    const int* kept = v4_number_of(s, level, name);
    if (kept == nullptr) return std::nullopt;
    const bool is_default = kept == &s.v4_ttl && *kept < 0;
    return is_default ? static_cast<int>(config.ip_default_ttl) : *kept;
}

}  // namespace

Result<void> Client::setsockopt(int fd, int level, int name, Bytes value) {
    OpenFile* f = FAIRLEAD_TRY(socket_file(fd));
    SocketFile& s = f->socket;
    if (!has_level(s, level)) return refused(Errc::NoSuchOption);
    if (auto done = set_bytes(stack_, s, level, name, value)) return *done;
    // The length is looked at first, but by IPv6.
    const bool is_known = find_row(level, name) != nullptr || flag_of(s, level, name) != nullptr ||
                          multicast_ttl_of(s, level, name) != nullptr;
    if (level == abi::kSolIpV6 && !is_known) return refused(Errc::NoSuchOption);
    const int number = FAIRLEAD_TRY(number_in(value, level));
    if (level == abi::kSolSocket) {
        if (auto done = set_of_socket(stack_, s, name, value, number)) return *done;
    }
    if (bool* flag = flag_of(s, level, name)) {
        const bool is_strict = flag == &s.ancillary.inquires;
        if (is_strict && (number < 0 || number > 1)) return refused(Errc::InvalidArgument);
        return keep_flag(s, *flag, number);
    }
    if (int* ttl = multicast_ttl_of(s, level, name)) {
        if (number < -1 || number > 255) return refused(Errc::InvalidArgument);
        *ttl = number;
        return {};
    }
    if (int* kept = number_of(s, level, name)) {
        const bool is_discovery = kept == &s.mtu_discovery;
        if (is_discovery && (number < 0 || number > 5)) return refused(Errc::InvalidArgument);
        *kept = number;
        return {};
    }
    if (int* kept = v4_number_of(s, level, name)) return set_v4(s, *kept, number);
    const Row* row = find_row(level, name);
    if (row == nullptr) return refused(Errc::NoSuchOption);
    const bool is_strict = row->option == Option::ZeroCopy;
    if (is_strict && (number < 0 || number > 1)) return refused(Errc::InvalidArgument);
    // IP takes the lowest byte of a type of service, whatever is above it.
    const bool is_byte = level == abi::kSolIp && name == abi::ip::kTos;
    return stack_.set_option(s.id, row->option, is_byte ? number & 0xff : number);
}

Result<void> Client::keep_flag(SocketFile& s, bool& flag, int number) {
    flag = number != 0;
    // Of the two only the one that was asked for last is told.
    if (&flag == &s.ancillary.timestamp && flag) s.ancillary.timestamp_ns = false;
    if (&flag == &s.ancillary.timestamp_ns && flag) s.ancillary.timestamp = false;
    if (&flag == (s.family == Family::Inet ? &s.wants_errors : &s.wants_errors6)) {
        return stack_.set_option(s.id, Option::ReceiveError, number);
    }
    return {};
}

Result<void> Client::set_v4(SocketFile& s, int& kept, int number) {
    const bool is_ttl = &kept == &s.v4_ttl;
    const bool is_good_ttl = number == -1 || (number >= 1 && number <= 255);
    if (is_ttl && !is_good_ttl) return refused(Errc::InvalidArgument);
    constexpr int kByte = 0xff;
    constexpr int kNotEcn = 0xfc;  // of a stream ECN is TCP's own
    kept = is_ttl ? number : number & (s.is_stream ? kNotEcn : kByte);
    const auto name = stack_.local_name(s.id);
    if (!name || !name->address.is_v4()) return {};
    return stack_.set_option(s.id, is_ttl ? Option::Ttl : Option::Tos, kept);
}

Result<std::size_t> Client::getsockopt(int fd, int level, int name, MutableBytes value) {
    OpenFile* f = FAIRLEAD_TRY(socket_file(fd));
    SocketFile& s = f->socket;
    if (!has_level(s, level)) {
        // The two families disagree on what a level is that is none of theirs.
        return refused(s.family == Family::Inet ? Errc::NotSupported : Errc::NoSuchOption);
    }
    if (level == abi::kSolSocket) {
        if (const auto written = FAIRLEAD_TRY(get_socket(stack_, s, name, value))) return *written;
    }
    const bool is_mtu = (level == abi::kSolIp && name == abi::ip::kMtu) ||
                        (level == abi::kSolIpV6 && name == abi::ip6::kMtu);
    if (is_mtu && !s.is_stream) {
        return put_number(value, level, FAIRLEAD_TRY(stack_.option(s.id, Option::PathMtu)));
    }
    if (level == abi::kSolIp && name == abi::ip::kOptions && has_header_options(s)) {
        return stack_.header_options(s.id, value);
    }
    if (s.is_stream && level == abi::kSolTcp) {
        if (const auto written = get_authentication(stack_, s, name, value)) return *written;
    }
    if (s.is_stream) {
        const auto written = FAIRLEAD_TRY(get_stream(stack_, s.id, level, name, value));
        if (written) return *written;
    }
    if (const bool* flag = flag_of(s, level, name)) return put_number(value, level, *flag ? 1 : 0);
    if (const auto kept = kept_number(s, level, name, stack_.config())) {
        return put_number(value, level, *kept);
    }
    const Row* row = find_row(level, name);
    if (row == nullptr) return refused(Errc::NoSuchOption);
    return put_number(value, level, FAIRLEAD_TRY(stack_.option(s.id, row->option)));
}

}  // namespace fairlead::posix
