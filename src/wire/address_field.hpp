// wire/address_field.hpp — addresses as they lie in a packet.
#pragma once

#include <array>
#include <cstring>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"

namespace fairlead::wire {

inline IpAddress load_v4(Bytes from, std::size_t offset) {
    return IpAddress::v4(load_be<std::uint32_t>(from, offset));
}

// Without a zone: only the interface a packet came in by can name it.
inline IpAddress load_v6(Bytes from, std::size_t offset) {
    FAIRLEAD_ASSERT(offset + 16 <= from.size());
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), from.data() + offset, bytes.size());
    return IpAddress::v6(bytes);
}

// 4 bytes of an IPv4 address.
inline void store_v4(MutableBytes to, std::size_t offset, const IpAddress& address) {
    store_be(to, offset, address.v4_value());
}

// 16 bytes of any address; an IPv4 one in its mapped form.
inline void store_v6(MutableBytes to, std::size_t offset, const IpAddress& address) {
    FAIRLEAD_ASSERT(offset + 16 <= to.size());
    std::memcpy(to.data() + offset, address.bytes().data(), 16);
}

inline MacAddress load_mac(Bytes from, std::size_t offset) {
    FAIRLEAD_ASSERT(offset + 6 <= from.size());
    MacAddress mac;
    std::memcpy(mac.data(), from.data() + offset, mac.size());
    return mac;
}

inline void store_mac(MutableBytes to, std::size_t offset, const MacAddress& mac) {
    FAIRLEAD_ASSERT(offset + 6 <= to.size());
    std::memcpy(to.data() + offset, mac.data(), mac.size());
}

}  // namespace fairlead::wire
