#include "drill/tcp_options.hpp"

#include <span>
#include <utility>

namespace fairlead::drill {
namespace {

using Octets = std::vector<std::uint8_t>;
using Counter = option::AccurateEcn::Counter;

constexpr std::size_t kKindAndLength = 2;

void put(Octets& to, OptionKind kind) { to.push_back(std::to_underlying(kind)); }
void put16(Octets& to, std::uint32_t v) {
    to.push_back(static_cast<std::uint8_t>(v >> 8));
    to.push_back(static_cast<std::uint8_t>(v));
}
void put24(Octets& to, std::uint32_t v) {
    to.push_back(static_cast<std::uint8_t>(v >> 16));
    put16(to, v);
}
void put32(Octets& to, std::uint32_t v) {
    put16(to, v >> 16);
    put16(to, v);
}
void put(Octets& to, const Octets& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

std::uint32_t get(std::span<const std::uint8_t> from, std::size_t offset, std::size_t bytes) {
    std::uint32_t v = 0;
    for (std::size_t i = 0; i < bytes; ++i) v = v << 8 | from[offset + i];
    return v;
}

// Kind, length, content.
struct Encoder {
    Octets& to;

    void operator()(const option::EndOfList&) const { put(to, OptionKind::EndOfList); }
    void operator()(const option::Nop&) const { put(to, OptionKind::Nop); }
    void operator()(const option::Mss& o) const {
        begin(OptionKind::Mss, 4);
        put16(to, o.bytes);
    }
    void operator()(const option::WindowScale& o) const {
        begin(OptionKind::WindowScale, 3);
        to.push_back(o.shift);
    }
    void operator()(const option::SackPermitted&) const { begin(OptionKind::SackPermitted, 2); }
    void operator()(const option::Sack& o) const {
        begin(OptionKind::Sack, kKindAndLength + 8 * o.blocks.size());
        for (const option::SackBlock& block : o.blocks) {
            put32(to, block.begin);
            put32(to, block.end);
        }
    }
    void operator()(const option::Timestamp& o) const {
        begin(OptionKind::Timestamp, 10);
        put32(to, o.value);
        put32(to, o.echo);
    }
    void operator()(const option::FastOpen& o) const {
        if (o.is_experimental) {
            begin(OptionKind::Experiment, kKindAndLength + 2 + o.cookie.size());
            put16(to, kFastOpenMagic);
        } else {
            begin(OptionKind::FastOpen, kKindAndLength + o.cookie.size());
        }
        put(to, o.cookie);
    }
    void operator()(const option::Md5& o) const {
        begin(OptionKind::Md5, kKindAndLength + 16);
        put(to, o.digest.empty() ? Octets(16) : o.digest);
    }
    void operator()(const option::AccurateEcn& o) const {
        const bool e1b_first = !o.entries.empty() && o.entries[0].counter == Counter::E1b;
        begin(e1b_first ? OptionKind::AccurateEcn1 : OptionKind::AccurateEcn0,
              kKindAndLength + 3 * o.entries.size());
        for (const auto& entry : o.entries) put24(to, entry.value);
    }
    void operator()(const option::Unknown& o) const {
        to.push_back(o.kind);
        to.push_back(static_cast<std::uint8_t>(kKindAndLength + o.bytes.size()));
        put(to, o.bytes);
    }

    void begin(OptionKind kind, std::size_t length) const {
        put(to, kind);
        to.push_back(static_cast<std::uint8_t>(length));
    }
};

option::Sack decode_sack(std::span<const std::uint8_t> content) {
    option::Sack sack;
    for (std::size_t at = 0; at + 8 <= content.size(); at += 8) {
        sack.blocks.push_back({.begin = get(content, at, 4), .end = get(content, at + 4, 4)});
    }
    return sack;
}

option::AccurateEcn decode_accurate_ecn(bool e1b_first, std::span<const std::uint8_t> content) {
    constexpr Counter kFromE0b[] = {Counter::E0b, Counter::Ceb, Counter::E1b};
    option::AccurateEcn ecn;
    for (std::size_t i = 0; i < content.size() / 3; ++i) {
        ecn.entries.push_back(
            {.counter = kFromE0b[e1b_first ? 2 - i : i], .value = get(content, 3 * i, 3)});
    }
    return ecn;
}

// One option with a length byte; Unknown when its length is not one that its kind has.
void decode_one(std::uint8_t kind, std::span<const std::uint8_t> content,
                std::vector<TcpOption>& to) {
    const std::size_t n = content.size();
    const Octets bytes{content.begin(), content.end()};
    switch (static_cast<OptionKind>(kind)) {
        case OptionKind::Mss:
            if (n != 2) break;
            to.emplace_back(option::Mss{static_cast<std::uint16_t>(get(content, 0, 2))});
            return;
        case OptionKind::WindowScale:
            if (n != 1) break;
            to.emplace_back(option::WindowScale{content[0]});
            return;
        case OptionKind::SackPermitted:
            if (n != 0) break;
            to.emplace_back(option::SackPermitted{});
            return;
        case OptionKind::Sack:
            if (n == 0 || n % 8 != 0) break;
            to.emplace_back(decode_sack(content));
            return;
        case OptionKind::Timestamp:
            if (n != 8) break;
            to.emplace_back(option::Timestamp{get(content, 0, 4), get(content, 4, 4)});
            return;
        case OptionKind::Md5:
            if (n != 16) break;
            to.emplace_back(option::Md5{bytes});
            return;
        case OptionKind::FastOpen: to.emplace_back(option::FastOpen{.cookie = bytes}); return;
        case OptionKind::Experiment:
            if (n < 2 || get(content, 0, 2) != kFastOpenMagic) break;
            to.emplace_back(option::FastOpen{.cookie = {bytes.begin() + 2, bytes.end()},
                                             .is_experimental = true});
            return;
        case OptionKind::AccurateEcn0:
        case OptionKind::AccurateEcn1:
            // The empty one of kind 174 would come back as 172.
            if (n == 0 || n % 3 != 0 || n > 9) break;
            to.emplace_back(
                decode_accurate_ecn(kind == std::to_underlying(OptionKind::AccurateEcn1), content));
            return;
        default: break;
    }
    to.emplace_back(option::Unknown{.kind = kind, .bytes = bytes});
}

}  // namespace

std::size_t wire_size(const TcpOption& option) {
    Octets bytes;
    std::visit(Encoder{bytes}, option);
    return bytes.size();
}

std::vector<std::uint8_t> encode_options(const std::vector<TcpOption>& options) {
    Octets bytes;
    for (const TcpOption& option : options) std::visit(Encoder{bytes}, option);
    while (bytes.size() % 4 != 0) put(bytes, OptionKind::EndOfList);
    return bytes;
}

std::vector<TcpOption> decode_options(const std::vector<std::uint8_t>& bytes) {
    std::vector<TcpOption> options;
    const std::span<const std::uint8_t> all{bytes};
    std::size_t at = 0;
    while (at < all.size()) {
        const std::uint8_t kind = all[at];
        if (kind == 0) options.emplace_back(option::EndOfList{});
        if (kind == 1) options.emplace_back(option::Nop{});
        if (kind <= 1) {
            ++at;
            continue;
        }
        const std::size_t length = at + 1 < all.size() ? all[at + 1] : 0;
        if (length < kKindAndLength || length > all.size() - at) {
            const auto rest = all.subspan(at + 1);
            options.emplace_back(
                option::Unknown{.kind = kind, .bytes = {rest.begin(), rest.end()}});
            break;
        }
        decode_one(kind, all.subspan(at + 2, length - 2), options);
        at += length;
    }
    return options;
}

}  // namespace fairlead::drill
