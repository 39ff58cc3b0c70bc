// drill/grammar.hpp — the recursive descent behind parse_script: one function a construct.
//
// Inside src/drill only. The functions stand in parse_*.cpp, a file for each part of the language.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "drill/lexer.hpp"
#include "drill/parser.hpp"
#include "drill/script.hpp"

namespace fairlead::drill {

class Grammar {
public:
    Grammar(std::string_view text, std::string_view file, const Definitions& definitions,
            const ParseLimits& limits)
        : lexer_{text, definitions}, file_{file}, limits_{limits} {}

    Parsed<Script> script();

private:
    // parse_event.cpp
    Parsed<OptionLine> option_line();
    Parsed<Event> event();
    Parsed<EventTime> event_time();
    Parsed<Duration> duration();
    Parsed<void> check_time(const Event& event);

    // parse_call.cpp
    Parsed<Call> call();
    Parsed<Expression> expression();
    Parsed<Expression> operand();
    Parsed<Expression> integer();
    Parsed<Expression> text();
    Parsed<Expression> name_or_call();
    Parsed<Expression> array();
    Parsed<Expression> structure();
    Parsed<Expression> field();
    Parsed<std::vector<Expression>> list_until(char close);
    Parsed<Expression> new_expression(ExpressionKind kind);

    // parse_packet.cpp
    Parsed<PacketLine> packet();
    Parsed<OuterHeader> outer_header();
    Parsed<outer::Ip> outer_ip();
    Parsed<outer::Gre> outer_gre();
    Parsed<outer::Mpls> outer_mpls();
    Parsed<IpAddress> address(bool colon_follows);
    Parsed<IpFields> ip_fields();
    Parsed<void> ip_field(IpFields& fields);
    Parsed<Ports> ports();
    Parsed<UdpBody> udp();
    Parsed<std::uint16_t> byte_count(std::uint16_t most = UINT16_MAX);

    // parse_tcp.cpp
    Parsed<TcpBody> tcp();
    Parsed<TcpFlags> tcp_flags();
    Parsed<SequenceRange> sequence_range();
    Parsed<void> tcp_options(TcpBody& body);

    // parse_tcp_option.cpp
    Parsed<TcpOption> tcp_option();
    Parsed<TcpOption> mss();
    Parsed<TcpOption> window_scale();
    Parsed<TcpOption> sack();
    Parsed<TcpOption> timestamp();
    Parsed<TcpOption> fast_open(bool is_experimental);
    Parsed<TcpOption> md5();
    Parsed<TcpOption> accurate_ecn();
    Parsed<TcpOption> unknown();
    Parsed<std::vector<std::uint8_t>> hex_bytes();

    // parse_icmp.cpp
    Parsed<IcmpBody> icmp(bool is_v6);
    Parsed<void> icmp_detail(IcmpBody& body);
    Parsed<IcmpQuote> icmp_quote();
    Parsed<std::uint16_t> raw_bytes();

    // parser.cpp: what they share
    bool accept(char sign);
    bool accept(std::string_view word);
    Parsed<void> expect(char sign);
    Parsed<void> expect(std::string_view word);
    Parsed<std::uint64_t> unsigned_number(std::string_view what, std::uint64_t most);
    template <typename T>
    Parsed<T> number_as(std::string_view what, T most = std::numeric_limits<T>::max()) {
        const auto n = unsigned_number(what, most);
        if (!n) return std::unexpected{n.error()};
        return static_cast<T>(*n);
    }
    // "expected WHAT here, found ..." at the next token.
    std::unexpected<ParseError> expected(std::string_view what) const;
    // The same at `offset`; `found` as the message shows it.
    std::unexpected<ParseError> expected_at(std::size_t offset, std::string_view what,
                                            std::string found) const;
    std::unexpected<ParseError> fault(std::size_t offset, std::string message) const;

    Lexer lexer_;
    std::string file_;
    ParseLimits limits_;
    std::size_t depth_ = 0;
    std::size_t expressions_ = 0;
    bool has_event_ = false;
    Duration latest_{};  // of the absolute times so far
};

// Decimal, hexadecimal or octal digits as the token has them; nothing when over 64 bits or when an
// octal number has an 8 or 9.
struct ParsedInteger {
    std::uint64_t value = 0;
    NumberBase base = NumberBase::Decimal;
};
enum class IntegerFault : std::uint8_t { TooLarge, BadOctal };
std::expected<ParsedInteger, IntegerFault> parse_integer(std::string_view digits);

}  // namespace fairlead::drill
