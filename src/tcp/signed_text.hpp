// tcp/signed_text.hpp — the beginning of what TCP's signatures are made of: the pseudo-header.
//
// Owns:   add_pseudo_header(), as the checksum has it: RFC 9293 §3.1, RFC 8200 §8.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"

namespace fairlead::tcp {

template <typename Digester>
void add_pseudo_header(Digester& to, const IpAddress& source, const IpAddress& target,
                       std::uint32_t length) {
    constexpr std::uint8_t kTcp = 6;
    std::array<std::byte, 8> rest{};
    to.add(std::as_bytes(std::span{source.wire_bytes()}));
    to.add(std::as_bytes(std::span{target.wire_bytes()}));
    if (source.is_v4()) {
        store_be<std::uint16_t>(rest, 0, kTcp);
        store_be(rest, 2, static_cast<std::uint16_t>(length));
        return to.add(Bytes{rest}.first(4));
    }
    store_be(rest, 0, length);
    store_be<std::uint32_t>(rest, 4, kTcp);
    to.add(rest);
}

}  // namespace fairlead::tcp
