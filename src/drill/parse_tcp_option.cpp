// The options between < and > of a TCP segment.
#include <fmt/format.h>

#include "drill/grammar.hpp"
#include "drill/tcp_options.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

constexpr std::size_t kMd5Bytes = 16;
constexpr std::uint32_t kMostCounter = 0xff'ffff;  // 24 bits (RFC 9768 §3.2.3)

constexpr int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

Parsed<TcpOption> Grammar::tcp_option() {
    if (accept("mss")) return mss();
    if (accept("wscale")) return window_scale();
    if (accept("sack")) return sack();
    if (accept("TS")) return timestamp();
    if (accept("FO")) return fast_open(false);
    if (accept("FOEXP")) return fast_open(true);
    if (accept("md5")) return md5();
    if (accept("ECN")) return accurate_ecn();
    if (accept("unknown")) return unknown();
    if (accept("sackOK")) return TcpOption{option::SackPermitted{}};
    if (accept("nop")) return TcpOption{option::Nop{}};
    if (accept("eol")) return TcpOption{option::EndOfList{}};
    return expected("a TCP option");
}

Parsed<TcpOption> Grammar::mss() {
    return TcpOption{option::Mss{FAIRLEAD_TRY(number_as<std::uint16_t>("an MSS"))}};
}

Parsed<TcpOption> Grammar::window_scale() {
    return TcpOption{option::WindowScale{FAIRLEAD_TRY(number_as<std::uint8_t>("a shift"))}};
}

// sack 1:2 3:4
Parsed<TcpOption> Grammar::sack() {
    option::Sack sack;
    do {
        option::SackBlock block;
        block.begin = FAIRLEAD_TRY(number_as<std::uint32_t>("a SACK block"));
        FAIRLEAD_TRY(expect(':'));
        block.end = FAIRLEAD_TRY(number_as<std::uint32_t>("a sequence number"));
        sack.blocks.push_back(block);
        if (wire_size(sack) > kMostOptionBytes) return expected("at most four SACK blocks");
    } while (lexer_.peek().kind == TokenKind::Integer);
    return TcpOption{std::move(sack)};
}

// TS val 100 ecr 0
Parsed<TcpOption> Grammar::timestamp() {
    option::Timestamp timestamp;
    FAIRLEAD_TRY(expect("val"));
    timestamp.value = FAIRLEAD_TRY(number_as<std::uint32_t>("a timestamp"));
    FAIRLEAD_TRY(expect("ecr"));
    timestamp.echo = FAIRLEAD_TRY(number_as<std::uint32_t>("a timestamp"));
    return TcpOption{timestamp};
}

// FO (asks for a cookie) | FO 3021b9d889017eeb
Parsed<TcpOption> Grammar::fast_open(bool is_experimental) {
    option::FastOpen fast_open{.is_experimental = is_experimental};
    if (!lexer_.peek().is(',') && !lexer_.peek().is('>')) {
        fast_open.cookie = FAIRLEAD_TRY(hex_bytes());
    }
    return TcpOption{std::move(fast_open)};
}

// md5 (any digest) | md5 0123456789abcdef0123456789abcdef
Parsed<TcpOption> Grammar::md5() {
    option::Md5 md5;
    if (lexer_.peek().is(',') || lexer_.peek().is('>')) return TcpOption{std::move(md5)};
    const std::size_t offset = lexer_.peek().offset;
    md5.digest = FAIRLEAD_TRY(hex_bytes());
    if (md5.digest.size() != kMd5Bytes) return fault(offset, "an MD5 digest has 16 bytes");
    return TcpOption{std::move(md5)};
}

// ECN e1b 1 ceb 0 e0b 1
Parsed<TcpOption> Grammar::accurate_ecn() {
    using Counter = option::AccurateEcn::Counter;
    option::AccurateEcn ecn;
    const std::size_t offset = lexer_.peek().offset;
    while (lexer_.peek().kind == TokenKind::Word) {
        option::AccurateEcn::Entry entry;
        if (accept("e0b")) {
            entry.counter = Counter::E0b;
        } else if (accept("ceb")) {
            entry.counter = Counter::Ceb;
        } else if (accept("e1b")) {
            entry.counter = Counter::E1b;
        } else {
            return expected("'e0b', 'ceb' or 'e1b'");
        }
        entry.value = FAIRLEAD_TRY(number_as<std::uint32_t>("an ECN counter", kMostCounter));
        ecn.entries.push_back(entry);
        if (ecn.entries.size() > 3) return fault(offset, "there are three ECN counters");
    }
    // The order is fixed but for its direction, which the kind tells.
    const auto& e = ecn.entries;
    for (std::size_t i = 0; i < e.size(); ++i) {
        const bool is_middle = i == 1;
        const bool turns_back = i == 2 && e[2].counter == e[0].counter;
        if ((e[i].counter == Counter::Ceb) != is_middle || turns_back) {
            return fault(offset, "ECN counters travel as e0b ceb e1b or e1b ceb e0b");
        }
    }
    return TcpOption{std::move(ecn)};
}

// unknown KIND HEX: kind, its length, and these bytes
Parsed<TcpOption> Grammar::unknown() {
    option::Unknown unknown;
    unknown.kind = FAIRLEAD_TRY(number_as<std::uint8_t>("an option kind"));
    if (unknown.kind <= 1) return expected("an option kind above 1");
    if (!lexer_.peek().is(',') && !lexer_.peek().is('>')) {
        unknown.bytes = FAIRLEAD_TRY(hex_bytes());
    }
    return TcpOption{std::move(unknown)};
}

Parsed<std::vector<std::uint8_t>> Grammar::hex_bytes() {
    const Token token = lexer_.take_alphanumeric();
    const auto refuse = [&] {
        return expected_at(token.offset, "pairs of hexadecimal digits",
                           fmt::format("'{}'", token.text.substr(0, 2 * kMostOptionBytes)));
    };
    if (token.text.empty() || token.text.size() % 2 != 0) return refuse();
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < token.text.size(); i += 2) {
        const int high = hex_value(token.text[i]);
        const int low = hex_value(token.text[i + 1]);
        if (high < 0 || low < 0) return refuse();
        bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return bytes;
}

}  // namespace fairlead::drill
