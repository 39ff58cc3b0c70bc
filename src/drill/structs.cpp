// Names of sockets and values of options.
#include "drill/structs.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "drill/format.hpp"
#include "fairlead/error.hpp"
#include "posix/abi.hpp"
#include "posix/socket_name.hpp"

namespace fairlead::drill {
namespace {

namespace abi = posix::abi;

Bytes bytes_of(const Octets& octets) { return std::as_bytes(std::span{octets}); }

// Numbers are in host order as Linux on x86-64 and arm64 has it.
void put(Octets& to, std::int64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
        to.push_back(static_cast<std::uint8_t>(value >> (8 * std::min<std::size_t>(i, 7))));
    }
}

bool is_address(const Expression& e) {
    return e.kind == ExpressionKind::Call &&
           (e.text == "inet_addr" || e.text == "inet6_addr" || e.text == "inet_pton");
}

Evaluated<IpAddress> evaluate_address(const Expression& e) {
    if (!is_address(e) || e.items.empty() || e.items.back().kind != ExpressionKind::Text) {
        return fault_at(e, fmt::format("{} is not an address", format(e)));
    }
    const auto address = IpAddress::parse(e.items.back().text);
    if (!address) return fault_at(e, fmt::format("{} is not an address", format(e)));
    return *address;
}

void put(Octets& to, const IpAddress& address, bool is_mapped) {
    const auto bytes = is_mapped ? std::span<const std::uint8_t>{address.bytes()}
                                 : std::span<const std::uint8_t>{address.bytes()}.last(4);
    to.insert(to.end(), bytes.begin(), bytes.end());
}

Evaluated<std::uint16_t> evaluate_port(const Expression& e) {
    const bool is_call = e.kind == ExpressionKind::Call && e.text == "htons" && e.items.size() == 1;
    const std::int64_t port = FAIRLEAD_TRY(evaluate(is_call ? e.items[0] : e));
    if (port < 0 || port > UINT16_MAX) return fault_at(e, fmt::format("{} is not a port", port));
    // Without htons the number is one in network order.
    const auto value = static_cast<std::uint16_t>(port);
    return is_call ? value : static_cast<std::uint16_t>(value << 8 | value >> 8);
}

// How long a field of a known struct is; the others are ints.
struct FieldSize {
    std::string_view name;
    std::size_t bytes;
};
constexpr FieldSize kFieldSizes[] = {{"tv_sec", 8}, {"tv_usec", 8}, {"tv_nsec", 8}};

std::size_t size_of_field(const Expression& item) {
    for (const FieldSize& field : kFieldSizes) {
        if (item.kind == ExpressionKind::Field && item.text == field.name) return field.bytes;
    }
    return sizeof(std::int32_t);
}

Evaluated<Octets> evaluate_struct(const Expression& e) {
    Octets value;
    for (const Expression& item : e.items) {
        const Expression& field = item.kind == ExpressionKind::Field ? item.items[0] : item;
        if (is_address(field)) {
            const IpAddress address = FAIRLEAD_TRY(evaluate_address(field));
            put(value, address, !address.is_v4());
        } else {
            put(value, FAIRLEAD_TRY(evaluate(field)), size_of_field(item));
        }
    }
    return value;
}

}  // namespace

Octets name_of(const Endpoint& endpoint, int domain) {
    const auto name =
        posix::write_name(endpoint, domain == abi::kInet ? Family::Inet : Family::Inet6);
    Octets octets(name.size);
    std::ranges::transform(name.bytes(), octets.begin(),
                           [](std::byte b) { return static_cast<std::uint8_t>(b); });
    return octets;
}

std::optional<Endpoint> endpoint_of(const Octets& name) {
    const Bytes bytes = bytes_of(name);
    const int family = posix::family_of(bytes);
    if (family == abi::kInet && name.size() >= abi::kInetName) {
        return Endpoint{IpAddress::v4(load_be<std::uint32_t>(bytes, 4)),
                        load_be<std::uint16_t>(bytes, 2)};
    }
    if (family != abi::kInet6 || name.size() < abi::kOldInet6Name) return std::nullopt;
    std::array<std::uint8_t, 16> address{};
    std::copy_n(name.begin() + 8, address.size(), address.begin());
    return Endpoint{IpAddress::v6(address), load_be<std::uint16_t>(bytes, 2)};
}

Evaluated<Octets> evaluate_name(const Expression& e) {
    if (e.kind != ExpressionKind::Struct) {
        return fault_at(e, fmt::format("{} is not a socket address", format(e)));
    }
    const Expression* family = field_of(e, "sa_family");
    if (family != nullptr && FAIRLEAD_TRY(evaluate_int(*family)) == abi::kUnspecified) {
        return Octets(abi::kInetName);
    }
    const Expression* port = field_of(e, "sin_port");
    const Expression* address = field_of(e, "sin_addr");
    if (port == nullptr) port = field_of(e, "sin6_port");
    if (address == nullptr) address = field_of(e, "sin6_addr");
    if (family == nullptr || port == nullptr || address == nullptr) {
        return fault_at(e, fmt::format("{} lacks sa_family, a port or an address", format(e)));
    }
    Endpoint endpoint;
    endpoint.address = FAIRLEAD_TRY(evaluate_address(*address));
    endpoint.port = FAIRLEAD_TRY(evaluate_port(*port));
    const int domain = FAIRLEAD_TRY(evaluate_int(*family));
    if (domain == abi::kInet && !endpoint.address.is_v4()) {
        return fault_at(*address, fmt::format("{} is no address of IPv4", format(*address)));
    }
    Octets name = name_of(endpoint, domain);
    // A family that is neither stands in the name of the one that is there.
    name[0] = static_cast<std::uint8_t>(domain);
    name[1] = static_cast<std::uint8_t>(domain >> 8);
    const Expression* flow = field_of(e, "sin6_flowinfo");
    const Expression* scope = field_of(e, "sin6_scope_id");
    if (name.size() < abi::kInet6Name) return name;
    if (flow != nullptr) {
        store_be(std::as_writable_bytes(std::span{name}), 4,
                 static_cast<std::uint32_t>(FAIRLEAD_TRY(evaluate(*flow))));
    }
    if (scope != nullptr) {
        name.resize(abi::kOldInet6Name);
        put(name, FAIRLEAD_TRY(evaluate(*scope)), 4);
    }
    return name;
}

const Expression* epoll_data_of(const Expression& event) {
    for (const std::string_view name : {"fd", "ptr", "u32", "u64"}) {
        if (const Expression* data = field_of(event, name)) return data;
    }
    return nullptr;
}

namespace {

// struct tcp_md5sig, of TCP_MD5SIG and TCP_MD5SIG_EXT.
Evaluated<Octets> evaluate_signature_key(const Expression& e, const Expression& peer) {
    constexpr std::size_t kMostKey = 80;
    const Expression* prefix = field_of(e, "tcpm_prefixlen");
    const Expression* key = field_of(e, "tcpm_key");
    const bool is_text = key != nullptr && key->kind == ExpressionKind::Text;
    if (!is_text || key->text.size() > kMostKey) {
        return fault_at(e, fmt::format("tcpm_key is a text of at most {} bytes", kMostKey));
    }
    Octets value = FAIRLEAD_TRY(evaluate_name(peer));
    value.resize(abi::kLargestName);
    put(value, prefix != nullptr ? 1 : 0, 1);  // TCP_MD5SIG_FLAG_PREFIX
    put(value, prefix != nullptr ? FAIRLEAD_TRY(evaluate(*prefix)) : 0, 1);
    put(value, static_cast<std::int64_t>(key->text.size()), 2);
    put(value, 0, sizeof(std::int32_t));  // of any interface
    value.insert(value.end(), key->text.begin(), key->text.end());
    value.resize(value.size() + kMostKey - key->text.size());
    return value;
}

}  // namespace

Evaluated<Octets> evaluate_option(const Expression& e, std::optional<std::size_t> bytes) {
    Octets value;
    if (e.kind == ExpressionKind::Text) {
        value.assign(e.text.begin(), e.text.end());
    } else if (const Expression* peer = field_of(e, "tcpm_addr")) {
        value = FAIRLEAD_TRY(evaluate_signature_key(e, *peer));
    } else if (e.kind == ExpressionKind::Struct) {
        value = FAIRLEAD_TRY(evaluate_struct(e));
    } else if (is_address(e)) {
        const IpAddress address = FAIRLEAD_TRY(evaluate_address(e));
        put(value, address, !address.is_v4());
    } else if (e.kind == ExpressionKind::Array && e.items.size() == 1 &&
               (is_address(e.items[0]) || e.items[0].kind == ExpressionKind::Struct)) {
        return evaluate_option(e.items[0], bytes);
    } else if (e.kind == ExpressionKind::Array && e.items.size() != 1) {
        for (const Expression& item : e.items) {
            put(value, FAIRLEAD_TRY(evaluate(item)), sizeof(std::int32_t));
        }
    } else if (e.kind != ExpressionKind::Ellipsis && e.text != "NULL") {
        put(value, FAIRLEAD_TRY(evaluate_single(e)), std::max<std::size_t>(bytes.value_or(4), 4));
    }
    if (bytes) value.resize(*bytes);
    return value;
}

}  // namespace fairlead::drill
