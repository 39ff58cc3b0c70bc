// ICMP and ICMPv6 lines.
#include "drill/grammar.hpp"
#include "drill/icmp_names.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {

// icmp TYPE [CODE] [mtu N] [id N] [seq N] [(bytes)] ['[' quoted packet ']' | '[' raw (bytes) ']']
Parsed<IcmpBody> Grammar::icmp(bool is_v6) {
    IcmpBody body{.is_v6 = is_v6};
    const Token type = lexer_.peek();
    if (type.kind == TokenKind::Integer) {
        body.type = FAIRLEAD_TRY(number_as<std::uint8_t>("an ICMP type"));
    } else if (const auto found = icmp_type(is_v6, type.text);
               found && type.kind == TokenKind::Word) {
        body.type = *found;
        lexer_.take();
    } else {
        return expected(is_v6 ? "an ICMPv6 type" : "an ICMP type");
    }
    const Token code = lexer_.peek();
    if (code.kind == TokenKind::Integer) {
        // A number is the code, unless it begins the next event: then a '+', '.' or word follows
        // no packet, and a script writes the code's name.
        const Token second = lexer_.peek_second();
        const bool goes_on = second.is('[') || second.is('(') || second.is("mtu") ||
                             second.is("id") || second.is("seq");
        if (goes_on) body.code = FAIRLEAD_TRY(number_as<std::uint8_t>("an ICMP code"));
    } else if (const auto found = icmp_code(is_v6, body.type, code.text);
               found && code.kind == TokenKind::Word) {
        body.code = *found;
        lexer_.take();
    }
    FAIRLEAD_TRY(icmp_detail(body));
    return body;
}

Parsed<void> Grammar::icmp_detail(IcmpBody& body) {
    while (lexer_.peek().kind == TokenKind::Word) {
        if (accept("mtu")) {
            body.mtu = FAIRLEAD_TRY(number_as<std::uint32_t>("an MTU"));
        } else if (accept("id")) {
            body.echo_id = FAIRLEAD_TRY(number_as<std::uint16_t>("an echo identifier"));
        } else if (accept("seq")) {
            body.echo_sequence = FAIRLEAD_TRY(number_as<std::uint16_t>("an echo sequence number"));
        } else {
            return expected("an ICMP code of this type, 'mtu', 'id' or 'seq'");
        }
    }
    if (lexer_.peek().is('(')) body.bytes = FAIRLEAD_TRY(byte_count());
    if (!lexer_.peek().is('[')) return {};
    if (lexer_.peek_second().is("raw")) {
        body.bytes = FAIRLEAD_TRY(raw_bytes());
    } else {
        body.quote = FAIRLEAD_TRY(icmp_quote());
    }
    return {};
}

// [raw (56)]: the payload of a message that quotes nothing.
Parsed<std::uint16_t> Grammar::raw_bytes() {
    FAIRLEAD_TRY(expect('['));
    FAIRLEAD_TRY(expect("raw"));
    const auto bytes = FAIRLEAD_TRY(byte_count());
    FAIRLEAD_TRY(expect(']'));
    return bytes;
}

// [1:1461(1460)] | [udp (100)]
Parsed<IcmpQuote> Grammar::icmp_quote() {
    FAIRLEAD_TRY(expect('['));
    IcmpQuote quote;
    quote.is_udp = accept("udp");
    if (quote.is_udp) {
        quote.range.bytes = FAIRLEAD_TRY(byte_count());
    } else {
        quote.range = FAIRLEAD_TRY(sequence_range());
    }
    FAIRLEAD_TRY(expect(']'));
    return quote;
}

}  // namespace fairlead::drill
