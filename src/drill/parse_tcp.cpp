// TCP segments: flags, sequence range, ack, win, urg.
#include <fmt/format.h>

#include "drill/grammar.hpp"
#include "drill/tcp_options.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

// What an IP packet holds; a segment larger than the MTU stands for several.
constexpr std::uint32_t kMostPayload = 65535 - 20 - 20;

bool TcpFlags::* flag_of(char letter) {
    switch (letter) {
        case 'F': return &TcpFlags::fin;
        case 'S': return &TcpFlags::syn;
        case 'R': return &TcpFlags::rst;
        case 'P': return &TcpFlags::psh;
        case '.': return &TcpFlags::ack;
        case 'U': return &TcpFlags::urg;
        case 'E': return &TcpFlags::ece;
        case 'W': return &TcpFlags::cwr;
        case 'A': return &TcpFlags::ae;
        default: return nullptr;
    }
}

}  // namespace

// flags begin:end(bytes) [ack N] [win N] [urg N] [<options>]
Parsed<TcpBody> Grammar::tcp() {
    TcpBody body;
    body.flags = FAIRLEAD_TRY(tcp_flags());
    body.range = FAIRLEAD_TRY(sequence_range());
    if (accept("ack")) {
        body.ack = FAIRLEAD_TRY(number_as<std::uint32_t>("an acknowledgment number"));
    }
    if (accept("win")) body.window = FAIRLEAD_TRY(number_as<std::uint16_t>("a window"));
    if (accept("urg")) body.urgent = FAIRLEAD_TRY(number_as<std::uint16_t>("an urgent pointer"));
    if (lexer_.peek().is('<')) FAIRLEAD_TRY(tcp_options(body));
    return body;
}

// `S.`, `FP.`, `5.` (a digit: the ACE counter), `-` for none.
Parsed<TcpFlags> Grammar::tcp_flags() {
    const Token before = lexer_.peek();
    if (before.kind == TokenKind::End) return expected("TCP flags");
    const Token token = lexer_.take_solid();
    TcpFlags flags;
    if (token.text == "-") return flags;
    for (const char c : token.text) {
        if (c >= '0' && c <= '7' && !flags.ace) {
            flags.ace = static_cast<std::uint8_t>(c - '0');
            continue;
        }
        bool TcpFlags::* const flag = flag_of(c);
        if (flag == nullptr || flags.*flag) {
            return expected_at(token.offset, "TCP flags",
                               fmt::format("'{}'", token.text.substr(0, 16)));
        }
        flags.*flag = true;
    }
    if (flags.ace && (flags.ece || flags.cwr || flags.ae)) {
        return fault(token.offset, "a digit already stands for the flags A, W and E");
    }
    return flags;
}

Parsed<SequenceRange> Grammar::sequence_range() {
    SequenceRange range;
    const std::size_t offset = lexer_.peek().offset;
    range.begin = FAIRLEAD_TRY(number_as<std::uint32_t>("a sequence range"));
    FAIRLEAD_TRY(expect(':'));
    range.end = FAIRLEAD_TRY(number_as<std::uint32_t>("a sequence number"));
    FAIRLEAD_TRY(expect('('));
    range.bytes = FAIRLEAD_TRY(number_as<std::uint32_t>("a number of bytes", kMostPayload));
    FAIRLEAD_TRY(expect(')'));
    if (range.end - range.begin != range.bytes) {
        return fault(offset, fmt::format("from {} to {} it is {} bytes, not {}", range.begin,
                                         range.end, range.end - range.begin, range.bytes));
    }
    return range;
}

// <...> | <option,option,...> | <>
Parsed<void> Grammar::tcp_options(TcpBody& body) {
    const std::size_t offset = lexer_.take().offset;
    if (lexer_.peek().kind == TokenKind::Ellipsis) {
        lexer_.take();
        body.any_options = true;
    } else if (!lexer_.peek().is('>')) {
        std::size_t bytes = 0;
        do {
            body.options.push_back(FAIRLEAD_TRY(tcp_option()));
            bytes += wire_size(body.options.back());
            if (bytes > kMostOptionBytes) {
                return fault(offset, fmt::format("these options are longer than {} bytes",
                                                 kMostOptionBytes));
            }
        } while (accept(','));
    }
    if (!accept('>')) return expected("',' or '>'");
    return {};
}

}  // namespace fairlead::drill
