#include "wire/source_route.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/bytes.hpp"

namespace fairlead::wire {
namespace {

enum Option : std::uint8_t {
    kEnd = 0,
    kNop = 1,
    kRecordRoute = 7,
    kTimestamp = 68,
    kLooseSourceRoute = 131,
    kStrictSourceRoute = 137,
    kRouterAlert = 148,
};

constexpr std::size_t kMostHops = 9;      // what 40 bytes have room for
constexpr std::size_t kRouteHeader = 3;   // kind, length, pointer
constexpr std::size_t kFirstPointer = 4;  // counted from 1
constexpr std::size_t kAddress = 4;

std::uint8_t octet(Bytes bytes, std::size_t at) { return std::to_integer<std::uint8_t>(bytes[at]); }

IpAddress address_at(Bytes bytes, std::size_t at) {
    return IpAddress::v4(load_be<std::uint32_t>(bytes, at));
}

bool is_route(std::uint8_t kind) { return kind == kLooseSourceRoute || kind == kStrictSourceRoute; }

// The next option from `at` on: its length; nothing: there is none, or it is malformed.
struct Found {
    std::size_t at = 0;
    std::size_t length = 0;
};
enum class Walk : std::uint8_t { Found, End, Malformed };
Walk next_option(Bytes options, std::size_t from, Found& found) {
    while (from < options.size() && octet(options, from) == kNop) ++from;
    if (from >= options.size() || octet(options, from) == kEnd) return Walk::End;
    found = {.at = from, .length = from + 1 < options.size() ? octet(options, from + 1) : 0u};
    const bool is_whole = found.length >= 2 && found.length <= options.size() - from;
    return is_whole ? Walk::Found : Walk::Malformed;
}

// What is no source route and may be given all the same: it goes as it is.
bool is_allowed(Bytes option) {
    constexpr std::size_t kTimestampHeader = 4;
    switch (octet(option, 0)) {
        case kRecordRoute: {
            if (option.size() < kRouteHeader || octet(option, 2) < kFirstPointer) return false;
            const std::size_t pointer = octet(option, 2);
            return pointer > option.size() || pointer + kAddress - 1 <= option.size();
        }
        case kTimestamp:
            return option.size() >= kTimestampHeader && octet(option, 2) > kTimestampHeader;
        case kRouterAlert: return option.size() >= kTimestampHeader;
        default: return false;
    }
}

bool take_route(HeaderOptions& out, std::size_t at, std::size_t length) {
    const MutableBytes option = MutableBytes{out.storage}.subspan(at, length);
    const bool is_good = !out.has_route() && length >= kRouteHeader + kAddress &&
                         octet(option, 2) == kFirstPointer &&
                         (length - kRouteHeader) % kAddress == 0;
    if (!is_good) return false;
    out.first_hop = address_at(option, kRouteHeader);
    std::copy(option.begin() + kRouteHeader + kAddress, option.end(),
              option.begin() + kRouteHeader);
    out.target_at = static_cast<std::uint8_t>(at + length - kAddress);
    return true;
}

constexpr std::size_t padded(std::size_t n) { return (n + 3) / 4 * 4; }

}  // namespace

Bytes HeaderOptions::written_for(const IpAddress& target) {
    if (has_route()) {
        const auto address = std::as_bytes(std::span{target.wire_bytes()});
        std::ranges::copy(address, storage.begin() + target_at);
    }
    return Bytes{storage}.first(bytes);
}

Bytes HeaderOptions::given(std::array<std::byte, kMostBytes>& into) const {
    into = storage;
    if (has_route()) {
        // Its place: the kind lies before the addresses that lead up to the target's.
        std::size_t at = 0;
        for (Found found; next_option(storage, at, found) == Walk::Found;
             at = found.at + found.length) {
            if (!is_route(octet(storage, found.at))) continue;
            const auto first = into.begin() + static_cast<std::ptrdiff_t>(found.at + kRouteHeader);
            std::copy_backward(first, into.begin() + target_at,
                               into.begin() + target_at + kAddress);
            const auto hop = std::as_bytes(std::span{first_hop.wire_bytes()});
            std::ranges::copy(hop, first);
        }
    }
    return Bytes{into}.first(bytes);
}

std::optional<HeaderOptions> compile_header_options(Bytes given) {
    if (given.size() > HeaderOptions::kMostBytes) return std::nullopt;
    HeaderOptions out{.bytes = static_cast<std::uint8_t>(padded(given.size()))};
    std::ranges::copy(given, out.storage.begin());
    Found found;
    for (std::size_t at = 0;; at = found.at + found.length) {
        const Walk walk = next_option(Bytes{out.storage}.first(out.bytes), at, found);
        if (walk == Walk::End) return out;
        if (walk == Walk::Malformed) return std::nullopt;
        const Bytes option = Bytes{out.storage}.subspan(found.at, found.length);
        const bool is_good = is_route(octet(option, 0)) ? take_route(out, found.at, found.length)
                                                        : is_allowed(option);
        if (!is_good) return std::nullopt;
    }
}

std::optional<HeaderOptions> return_route(Bytes options, const IpAddress& source) {
    Found found;
    for (std::size_t at = 0; next_option(options, at, found) == Walk::Found;
         at = found.at + found.length) {
        const Bytes option = options.subspan(found.at, found.length);
        if (!is_route(octet(option, 0))) continue;
        const bool is_over = option.size() >= kRouteHeader + kAddress &&
                             octet(option, 2) > option.size() &&
                             (option.size() - kRouteHeader) % kAddress == 0;
        const std::size_t hops = (option.size() - kRouteHeader) / kAddress;
        if (!is_over || hops > kMostHops) return std::nullopt;
        HeaderOptions out{.first_hop = address_at(option, kRouteHeader + (hops - 1) * kAddress)};
        // RFC 1812 §5.2.4.1: some begin with their own address, which is the target's now.
        const bool is_illegal = address_at(option, kRouteHeader) == source;
        if (is_illegal && hops == 1) return std::nullopt;
        const std::size_t last = is_illegal ? 1 : 0;
        std::size_t to = kRouteHeader;
        for (std::size_t hop = hops - 1; hop-- > last; to += kAddress) {
            std::memcpy(out.storage.data() + to, option.data() + kRouteHeader + hop * kAddress,
                        kAddress);
        }
        out.target_at = static_cast<std::uint8_t>(to);
        out.storage[0] = option[0];
        out.storage[1] = static_cast<std::byte>(to + kAddress);
        out.storage[2] = std::byte{kFirstPointer};
        out.bytes = static_cast<std::uint8_t>(padded(to + kAddress));
        return out;
    }
    return std::nullopt;
}

}  // namespace fairlead::wire
