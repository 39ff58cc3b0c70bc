#include "stack/input.hpp"

#include <algorithm>
#include <array>

#include "stack/authentication_input.hpp"

namespace fairlead {
namespace {

struct KindInfo {
    std::string_view name{};
    std::uint16_t fields = 0;
};

// By number; what has no name has no meaning.
constexpr auto kKinds = [] {
    std::array<KindInfo, 64> k{};
    const auto at = [&k](InputKind kind) -> KindInfo& { return k[static_cast<std::size_t>(kind)]; };
    at(InputKind::Open) = {"open", 0};
    at(InputKind::AddInterface) = {"add_interface", 0};
    at(InputKind::AddAddress) = {"add_address", kHasInterface | kHasAddress | kHasWhat};
    at(InputKind::RemoveAddress) = {"remove_address", kHasInterface | kHasAddress};
    at(InputKind::AddRoute) = {"add_route", kHasRoute};
    at(InputKind::RemoveRoute) = {"remove_route", kHasAddress | kHasWhat};
    at(InputKind::Poll) = {"poll", kHasNumber};
    at(InputKind::Advance) = {"advance", kHasNumber};
    at(InputKind::Flush) = {"flush", 0};
    at(InputKind::Socket) = {"socket", kHasWhat};
    at(InputKind::Bind) = {"bind", kHasSocket | kHasEndpoint};
    at(InputKind::Listen) = {"listen", kHasSocket | kHasNumber};
    at(InputKind::Connect) = {"connect", kHasSocket | kHasEndpoint};
    at(InputKind::Accept) = {"accept", kHasSocket};
    at(InputKind::Send) = {"send", kHasSocket | kHasWhat | kHasBytes};
    at(InputKind::Receive) = {"receive", kHasSocket | kHasNumber | kHasWhat};
    at(InputKind::SendTo) = {"send_to", kHasSocket | kHasEndpoint | kHasAddress | kHasInterface |
                                            kHasNumber | kHasWhat | kHasBytes};
    at(InputKind::ReceiveFrom) = {"receive_from", kHasSocket | kHasNumber | kHasWhat};
    at(InputKind::Shutdown) = {"shutdown", kHasSocket | kHasWhat};
    at(InputKind::Close) = {"close", kHasSocket};
    at(InputKind::SetOption) = {"set_option", kHasSocket | kHasWhat | kHasNumber};
    at(InputKind::GetOption) = {"option", kHasSocket | kHasWhat};
    at(InputKind::SetCongestionControl) = {"set_congestion_control", kHasSocket | kHasName};
    at(InputKind::SetCookie) = {"set_cookie", kHasSocket | kHasNumber};
    at(InputKind::TakeEvents) = {"take_events", kHasNumber};
    at(InputKind::SetConfig) = {"set_config", kHasName | kHasBytes};
    at(InputKind::ReceiveError) = {"receive_error", kHasSocket | kHasNumber};
    at(InputKind::Disconnect) = {"disconnect", kHasSocket};
    at(InputKind::BindUnprivileged) = {"bind_unprivileged", kHasSocket | kHasEndpoint};
    at(InputKind::SetFastOpenKey) = {"set_fast_open_key", kHasSocket | kHasBytes};
    at(InputKind::SetSignatureKey) = {"set_signature_key",
                                      kHasSocket | kHasAddress | kHasWhat | kHasBytes};
    at(InputKind::AddKey) = {"add_key",
                             kHasSocket | kHasAddress | kHasNumber | kHasWhat | kHasBytes};
    at(InputKind::RemoveKey) = {"remove_key", kHasSocket | kHasAddress | kHasNumber | kHasWhat};
    at(InputKind::SetAuthentication) = {"set_authentication", kHasSocket | kHasNumber | kHasBytes};
    at(InputKind::SetHeaderOptions) = {"set_header_options", kHasSocket | kHasBytes};
    at(InputKind::Destroy) = {"destroy", kHasSocket};
    at(InputKind::SendFastOpen) = {"send_fast_open", kHasSocket | kHasEndpoint | kHasBytes};
    at(InputKind::Stamp) = {"stamp", kHasSocket | kHasWhat};
    at(InputKind::ForgetDestinations) = {"forget_destinations", kHasAddress};
    at(InputKind::Received) = {"received", 0};
    at(InputKind::Sent) = {"sent", 0};
    at(InputKind::DeviceChanged) = {"device_changed", 0};
    at(InputKind::End) = {"end", 0};
    return k;
}();

constexpr std::int64_t kMostScratch = std::int64_t{1} << 28;

MutableBytes room(std::vector<std::byte>& scratch, std::int64_t size) {
    const auto n = static_cast<std::size_t>(size);
    if (scratch.size() < n) scratch.resize(n);
    return MutableBytes{scratch}.first(n);
}

std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void send_to(const Input& in, Stack& stack) {
    DatagramTarget target{.to = in.endpoint,
                          .source = in.address,
                          .interface = in.interface,
                          .ttl = static_cast<std::int16_t>(in.what & 0xffff),
                          .tos = static_cast<std::int16_t>(in.what >> 16)};
    take_flags(target, in.number);
    (void)stack.send_to(in.socket, in.bytes, target);
}

void apply_data(const Input& in, Stack& stack, std::vector<std::byte>& scratch) {
    switch (in.kind) {
        case InputKind::ReceiveError:
            (void)stack.receive_error(in.socket, room(scratch, in.number));
            return;
        case InputKind::Send: (void)stack.send(in.socket, in.bytes, send_flags(in.what)); return;
        case InputKind::Receive:
            (void)stack.receive(in.socket, room(scratch, in.number), receive_flags(in.what));
            return;
        case InputKind::SendTo: send_to(in, stack); return;
        default:
            (void)stack.receive_from(in.socket, room(scratch, in.number), receive_flags(in.what));
    }
}

void apply_to_socket(const Input& in, Stack& stack) {
    switch (in.kind) {
        case InputKind::Bind: (void)stack.bind(in.socket, in.endpoint); return;
        case InputKind::BindUnprivileged:
            (void)stack.bind(in.socket, in.endpoint, {.is_privileged = false});
            return;
        case InputKind::Listen: (void)stack.listen(in.socket, static_cast<int>(in.number)); return;
        case InputKind::Connect: (void)stack.connect(in.socket, in.endpoint); return;
        case InputKind::Accept: (void)stack.accept(in.socket); return;
        case InputKind::Disconnect: (void)stack.disconnect(in.socket); return;
        case InputKind::SendFastOpen:
            (void)stack.send_fast_open(in.socket, in.endpoint, in.bytes);
            return;
        case InputKind::SetFastOpenKey: (void)stack.set_fast_open_key(in.socket, in.bytes); return;
        case InputKind::SetHeaderOptions:
            (void)stack.set_header_options(in.socket, in.bytes);
            return;
        case InputKind::SetSignatureKey:
            (void)stack.set_signature_key(
                in.socket, {in.address, static_cast<std::uint8_t>(in.what)}, in.bytes);
            return;
        case InputKind::Destroy: (void)stack.destroy(in.socket); return;
        case InputKind::Stamp: (void)stack.stamp(in.socket, in.what); return;
        case InputKind::Shutdown:
            (void)stack.shutdown(in.socket, static_cast<Shutdown>(in.what));
            return;
        case InputKind::Close: (void)stack.close(in.socket); return;
        case InputKind::SetOption:
            (void)stack.set_option(in.socket, static_cast<Option>(in.what), in.number);
            return;
        case InputKind::GetOption:
            (void)stack.option(in.socket, static_cast<Option>(in.what));
            return;
        case InputKind::SetCongestionControl:
            (void)stack.set_congestion_control(in.socket, in.name);
            return;
        default: (void)stack.set_cookie(in.socket, static_cast<std::uint64_t>(in.number));
    }
}

void take_events(std::int64_t most, Stack& stack) {
    std::array<SocketEvent, 64> events;
    while (most > 0) {
        const auto part = static_cast<std::size_t>(std::min<std::int64_t>(most, events.size()));
        if (stack.take_events(std::span{events}.first(part)) < part) return;
        most -= static_cast<std::int64_t>(part);
    }
}

// What no caller could have said: an enumerator that does not exist, a size out of all reason.
bool is_sensible(const Input& in) {
    const auto is_option = [&] {
        return in.what <= static_cast<std::uint32_t>(Option::MaxPacingRate);
    };
    switch (in.kind) {
        case InputKind::Socket: return (in.what & 0xff) <= 1 && in.what >> 8 <= 2;
        case InputKind::Shutdown: return in.what <= static_cast<std::uint32_t>(Shutdown::Both);
        case InputKind::SetOption:
        case InputKind::GetOption: return is_option();
        case InputKind::AddAddress:
        case InputKind::RemoveRoute: return in.what <= 128;
        case InputKind::AddRoute: return in.route.destination.length <= 128;
        case InputKind::Receive:
        case InputKind::ReceiveError:
        case InputKind::ReceiveFrom: return in.number >= 0 && in.number <= kMostScratch;
        default: return true;
    }
}

}  // namespace

std::string_view name_of(InputKind kind) {
    const auto at = static_cast<std::size_t>(kind);
    return at < kKinds.size() ? kKinds[at].name : std::string_view{};
}

std::uint16_t fields_of(InputKind kind) {
    const auto at = static_cast<std::size_t>(kind);
    return at < kKinds.size() ? kKinds[at].fields : std::uint16_t{0};
}

bool apply(const Input& in, Stack& stack, std::vector<std::byte>& scratch) {
    if (!is_sensible(in)) return false;
    const auto length = static_cast<std::uint8_t>(in.what);
    switch (in.kind) {
        case InputKind::AddAddress:
            (void)stack.add_address(in.interface, {.address = in.address, .length = length});
            return true;
        case InputKind::RemoveAddress:
            (void)stack.remove_address(in.interface, in.address);
            return true;
        case InputKind::AddRoute: (void)stack.add_route(in.route); return true;
        case InputKind::RemoveRoute:
            (void)stack.remove_route({.address = in.address, .length = length});
            return true;
        case InputKind::Poll: stack.poll(Instant::from_ns(in.number)); return true;
        case InputKind::Advance: stack.advance(Instant::from_ns(in.number)); return true;
        case InputKind::Flush: stack.flush(); return true;
        case InputKind::Socket:
            (void)stack.socket(static_cast<Family>(in.what & 0xff),
                               static_cast<SocketType>(in.what >> 8));
            return true;
        case InputKind::TakeEvents: take_events(in.number, stack); return true;
        case InputKind::ForgetDestinations:
            (void)stack.forget_destinations(in.address);
            return true;
        case InputKind::SetConfig: (void)stack.set_config(in.name, text_of(in.bytes)); return true;
        case InputKind::Send:
        case InputKind::Receive:
        case InputKind::SendTo:
        case InputKind::ReceiveError:
        case InputKind::ReceiveFrom: apply_data(in, stack, scratch); return true;
        case InputKind::Bind:
        case InputKind::BindUnprivileged:
        case InputKind::Listen:
        case InputKind::Connect:
        case InputKind::Accept:
        case InputKind::Disconnect:
        case InputKind::SetFastOpenKey:
        case InputKind::SetHeaderOptions:
        case InputKind::SetSignatureKey:
        case InputKind::Destroy:
        case InputKind::Stamp:
        case InputKind::SendFastOpen:
        case InputKind::Shutdown:
        case InputKind::Close:
        case InputKind::SetOption:
        case InputKind::GetOption:
        case InputKind::SetCongestionControl:
        case InputKind::SetCookie: apply_to_socket(in, stack); return true;
        case InputKind::AddKey:
        case InputKind::RemoveKey:
        case InputKind::SetAuthentication: apply_authentication(in, stack); return true;
        case InputKind::Open:
        case InputKind::AddInterface:
        case InputKind::Received:
        case InputKind::Sent:
        case InputKind::DeviceChanged:
        case InputKind::End: break;
    }
    return false;
}

}  // namespace fairlead
