// drill/script.hpp — a script in the packetdrill language, as plain values.
//
// Owns:      Script and all that it is made of: events with their times, system calls, packets,
//            shell lines, code blocks, options.
// Knows:     nothing of how it is written (parser.hpp, format.hpp) or run (runner.hpp).
// Equality:  two scripts are equal when they say the same; where a thing stands in its file is kept
//            for messages and does not count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "fairlead/address.hpp"
#include "fairlead/time.hpp"

namespace fairlead::drill {

// Line and column, both from 1; 0 means nowhere.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;

    constexpr bool operator==(const Place&) const { return true; }
};

// --- expressions: arguments and results of system calls ---

enum class ExpressionKind : std::uint8_t {
    Ellipsis,    // ...
    Integer,     // number
    Name,        // text: a symbolic constant
    Text,        // text: between quotes, escapes resolved
    Either,      // items: a|b|c
    Complement,  // items[0]: ~a
    Call,        // text(items): htons(8080)
    Array,       // [items]
    Struct,      // {items}
    Field,       // within a struct: text=items[0], or text(items[1])=items[0]
};

enum class NumberBase : std::uint8_t { Decimal, Hexadecimal, Octal };

struct Expression {
    ExpressionKind kind = ExpressionKind::Ellipsis;
    NumberBase base = NumberBase::Decimal;
    Place place{};
    std::int64_t number = 0;
    std::string text{};
    std::vector<Expression> items{};

    bool operator==(const Expression&) const = default;
};

// `read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)`
struct Call {
    std::string name{};
    std::vector<Expression> arguments{};
    Expression result{};
    std::string error{};  // the errno's name; empty: none named
    std::string note{};   // what stands in parentheses after it; says nothing to the runner

    bool operator==(const Call&) const = default;
};

// --- packets ---

enum class Direction : std::uint8_t { In, Out };

struct SequenceRange {  // begin:end(bytes)
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t bytes = 0;

    bool operator==(const SequenceRange&) const = default;
};

struct TcpFlags {
    bool fin = false, syn = false, rst = false, psh = false, ack = false;
    bool urg = false, ece = false, cwr = false, ae = false;
    // A digit stands for AE, CWR and ECE as one counter (RFC 9768 §3.2).
    std::optional<std::uint8_t> ace{};

    bool operator==(const TcpFlags&) const = default;
};

namespace option {
struct EndOfList {
    bool operator==(const EndOfList&) const = default;
};
struct Nop {
    bool operator==(const Nop&) const = default;
};
struct Mss {
    std::uint16_t bytes = 0;
    bool operator==(const Mss&) const = default;
};
struct WindowScale {
    std::uint8_t shift = 0;
    bool operator==(const WindowScale&) const = default;
};
struct SackPermitted {
    bool operator==(const SackPermitted&) const = default;
};
struct SackBlock {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    bool operator==(const SackBlock&) const = default;
};
struct Sack {
    std::vector<SackBlock> blocks{};
    bool operator==(const Sack&) const = default;
};
struct Timestamp {
    std::uint32_t value = 0;
    std::uint32_t echo = 0;
    bool operator==(const Timestamp&) const = default;
};
struct FastOpen {
    std::vector<std::uint8_t> cookie{};
    bool is_experimental = false;  // FOEXP: kind 254 with the magic 0xf989 (RFC 7413 appendix A)
    bool operator==(const FastOpen&) const = default;
};
struct Md5 {
    std::vector<std::uint8_t> digest{};  // 16 bytes, or none: any
    bool operator==(const Md5&) const = default;
};
// The counters of RFC 9768 §3.2.3, in the order in which they travel.
struct AccurateEcn {
    enum class Counter : std::uint8_t { E0b, Ceb, E1b };
    struct Entry {
        Counter counter = Counter::E0b;
        std::uint32_t value = 0;
        bool operator==(const Entry&) const = default;
    };
    std::vector<Entry> entries{};
    bool operator==(const AccurateEcn&) const = default;
};
struct Unknown {
    std::uint8_t kind = 0;
    std::vector<std::uint8_t> bytes{};  // after kind and length
    bool operator==(const Unknown&) const = default;
};
}  // namespace option

using TcpOption = std::variant<option::EndOfList, option::Nop, option::Mss, option::WindowScale,
                               option::SackPermitted, option::Sack, option::Timestamp,
                               option::FastOpen, option::Md5, option::AccurateEcn, option::Unknown>;

struct TcpBody {
    TcpFlags flags{};
    SequenceRange range{};
    std::optional<std::uint32_t> ack{};
    std::optional<std::uint16_t> window{};
    std::optional<std::uint16_t> urgent{};
    bool any_options = false;  // <...>
    std::vector<TcpOption> options{};

    bool operator==(const TcpBody&) const = default;
};

struct UdpBody {
    std::uint16_t bytes = 0;

    bool operator==(const UdpBody&) const = default;
};

// What an ICMP error quotes of the packet that it is about.
struct IcmpQuote {
    bool is_udp = false;
    SequenceRange range{};  // UDP: only `bytes`

    bool operator==(const IcmpQuote&) const = default;
};

struct IcmpBody {
    bool is_v6 = false;
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::optional<std::uint32_t> mtu{};
    std::optional<std::uint16_t> echo_id{};
    std::optional<std::uint16_t> echo_sequence{};
    std::optional<std::uint16_t> bytes{};  // (n): payload after the ICMP header
    std::optional<IcmpQuote> quote{};

    bool operator==(const IcmpBody&) const = default;
};

enum class EcnMark : std::uint8_t { NotEct, Ect0, Ect1, Ce, EitherEct };

struct IpFields {  // what stands in brackets before the transport: [ect0, ttl 64]
    std::optional<EcnMark> ecn{};
    std::optional<std::uint8_t> tos{};
    std::optional<std::uint8_t> ttl{};
    std::optional<std::uint32_t> flow_label{};

    bool operator==(const IpFields&) const = default;
};

namespace outer {
struct Ip {  // ipv4 A > B: / ipv6 A > B:
    IpAddress source{};
    IpAddress target{};
    bool operator==(const Ip&) const = default;
};
struct Gre {
    bool has_checksum = false;
    std::optional<std::uint16_t> checksum{};  // nothing: the right one
    std::optional<std::uint16_t> offset{};    // of RFC 1701; 0 where it is not named
    std::optional<std::uint32_t> key{};
    std::optional<std::uint32_t> sequence{};
    bool operator==(const Gre&) const = default;
};
struct MplsEntry {
    std::uint32_t label = 0;
    std::uint8_t traffic_class = 0;
    bool is_bottom = false;
    std::uint8_t ttl = 0;
    bool operator==(const MplsEntry&) const = default;
};
struct Mpls {
    std::vector<MplsEntry> entries{};
    bool operator==(const Mpls&) const = default;
};
}  // namespace outer
using OuterHeader = std::variant<outer::Ip, outer::Gre, outer::Mpls>;

struct Ports {
    std::uint16_t source = 0;
    std::uint16_t target = 0;

    bool operator==(const Ports&) const = default;
};

struct PacketLine {
    Direction direction = Direction::In;
    std::vector<OuterHeader> outer{};
    IpFields ip{};
    std::optional<Ports> ports{};
    std::variant<TcpBody, UdpBody, IcmpBody> body{};

    bool operator==(const PacketLine&) const = default;
};

// --- the rest ---

struct ShellLine {  // between backticks
    std::string command{};
    Place place{};
    bool operator==(const ShellLine&) const = default;
};

struct CodeBlock {  // between %{ and }%
    std::string text{};
    bool operator==(const CodeBlock&) const = default;
};

enum class TimeKind : std::uint8_t {
    Absolute,       // 1.5
    Relative,       // +.1
    AbsoluteRange,  // 1~2
    RelativeRange,  // +.1~+.2
    Any,            // *
};

struct EventTime {
    TimeKind kind = TimeKind::Absolute;
    Duration at{};
    Duration until{};                // ranges: the far end
    std::optional<Duration> ends{};  // t...u: when the blocking call returns

    bool operator==(const EventTime&) const = default;
};

struct Event {
    EventTime time{};
    Place place{};
    std::variant<Call, PacketLine, ShellLine, CodeBlock> action{};

    bool operator==(const Event&) const = default;
};

struct OptionLine {  // --name=value
    std::string name{};
    std::string value{};
    Place place{};

    bool operator==(const OptionLine&) const = default;
};

struct Script {
    std::string file{};
    std::vector<OptionLine> options{};
    std::vector<ShellLine> first_commands{};  // backticks before the first event
    std::vector<Event> events{};

    bool operator==(const Script&) const = default;
};

}  // namespace fairlead::drill
