// Datagrams out of sockets into the network: one by one, gathered (UDP_CORK), cut (UDP_SEGMENT).
#include <algorithm>
#include <optional>
#include <utility>

#include "ip/sent_frames.hpp"
#include "udp/layer.hpp"
#include "udp/output.hpp"
#include "udp/ping.hpp"

namespace fairlead::udp {

Result<Endpoint> Layer::destination_of(const Socket& socket, const Endpoint& wanted) const {
    if (wanted.port == 0) {
        if (!wanted.address.is_any()) return std::unexpected{Errc::InvalidArgument};
        if (!socket.is_connected) return std::unexpected{Errc::DestinationRequired};
        return socket.peer;
    }
    Endpoint to{FAIRLEAD_TRY(checked_peer(socket, wanted.address)), wanted.port};
    // Linux: what is sent to nobody in particular goes to this host.
    if (to.address.is_any()) to.address = IpAddress::loopback(to.address.family());
    return to;
}

Result<IpAddress> Layer::source_of(const Socket& socket, const DatagramTarget& target,
                                   const IpAddress& destination) const {
    if (target.source.is_any()) {
        // A group is a name to hear by, not to speak from.
        const bool has_name =
            !socket.local.address.is_any() && !socket.local.address.is_multicast();
        return has_name ? socket.local.address : IpAddress{};
    }
    InterfaceIndex zone = target.interface != 0 ? target.interface : socket.options.device;
    const IpAddress source = target.source.needs_zone() && target.source.zone() == 0
                                 ? target.source.with_zone(zone)
                                 : target.source;
    if (source.is_v4() != destination.is_v4() || !network_.is_local(source)) {
        return std::unexpected{Errc::InvalidArgument};
    }
    return source;
}

Result<void> Layer::find_path(Socket& socket, const IpAddress& to, const IpAddress& from,
                              InterfaceIndex device) {
    const bool is_known = socket.path.generation == network_.generation() && socket.path_to == to &&
                          socket.path_from == from && socket.path_device == device;
    if (is_known) return {};
    socket.path = FAIRLEAD_TRY(network_.find_path(to, from, device));
    socket.path_to = to;
    socket.path_from = from;
    socket.path_device = device;
    return {};
}

Result<std::size_t> Layer::send_to(Handle handle, Bytes bytes, const DatagramTarget& target) {
    Socket& s = at(handle);
    if (s.is_ping) {
        FAIRLEAD_TRY(check_request(bytes, s.family == Family::Inet));
    } else if (bytes.size() > kMaxPayload) {
        return std::unexpected{Errc::MessageTooLong};
    }
    const bool goes_on = !s.is_ping && (s.options.cork || target.more);
    if (s.corked) {
        FAIRLEAD_TRY(cork(s, bytes));
        if (!goes_on) FAIRLEAD_TRY(uncork(s));
        return bytes.size();
    }
    const Endpoint to = FAIRLEAD_TRY(destination_of(s, target.to));
    if (s.is_write_shut) return std::unexpected{Errc::BrokenPipe};
    if (s.error) return std::unexpected{*std::exchange(s.error, std::nullopt)};
    FAIRLEAD_TRY(prepare(s, to, target));
    if (goes_on) {
        s.corked = Corked{.to = to, .target = target};
        FAIRLEAD_TRY(cork(s, bytes));
    } else {
        FAIRLEAD_TRY(transmit(s, to, target, bytes));
    }
    if (target.zero_copy && s.options.zero_copy) {
        s.errors.complete(s.zero_copies++, s.error_limit());
        wake(s, kError);
    }
    return bytes.size();
}

// A path, a permission, a port.
Result<void> Layer::prepare(Socket& s, const Endpoint& to, const DatagramTarget& target) {
    const IpAddress wanted = FAIRLEAD_TRY(source_of(s, target, to.address));
    if (target.interface != 0 && s.options.device != 0 && target.interface != s.options.device) {
        return std::unexpected{Errc::InvalidArgument};
    }
    const InterfaceIndex device = s.options.device != 0 ? s.options.device : target.interface;
    if (const auto found = find_path(s, to.address, wanted, device); !found) {
        count(to.address.is_v4(), Counter::IpOutNoRoutes, Counter::Ip6OutNoRoutes);
        return std::unexpected{found.error()};
    }
    const bool is_broadcast = s.path.is_group && !to.address.is_multicast();
    if (is_broadcast && !s.options.broadcast) return std::unexpected{Errc::AccessDenied};
    if (target.confirm) network_.confirm(s.path, now_);
    if (s.local.port != 0) return {};
    // As inet_autobind()
    return take_port(s, s.local) ? Result<void>{} : std::unexpected{Errc::WouldBlock};
}

namespace {

constexpr std::size_t kMostSegments = 128;  // UDP_MAX_SEGMENTS

// udp_send_skb(): cuts a datagram into segments.
Result<void> cut(Packet& packet, std::size_t segment, std::size_t headers, std::size_t mtu) {
    const std::size_t payload = packet.size() - wire::UdpHeader::kBytes;
    if (headers + wire::UdpHeader::kBytes + std::min(payload, segment) > mtu) {
        return std::unexpected{Errc::MessageTooLong};
    }
    if (payload > segment * kMostSegments) return std::unexpected{Errc::InvalidArgument};
    if (payload <= segment) return {};
    packet.meta.gso = GsoType::Udp;
    packet.meta.gso_size = static_cast<std::uint16_t>(segment);
    packet.meta.gso_segments = static_cast<std::uint16_t>((payload + segment - 1) / segment);
    return {};
}

// Fragments, or what it was asked to be cut into.
std::size_t most_frames(const Packet& packet, std::size_t mtu) {
    constexpr std::size_t kLeastMtu = 68;
    constexpr std::size_t kHeaders = 48;  // of a fragment of IPv6
    return packet.meta.gso_segments + packet.size() / (std::max(mtu, kLeastMtu) - kHeaders);
}

constexpr std::size_t header_bytes_of(const Endpoint& to) { return to.address.is_v4() ? 20 : 40; }

}  // namespace

Result<void> Layer::transmit(Socket& s, const Endpoint& to, const DatagramTarget& target,
                             Bytes bytes) {
    const bool is_v4 = to.address.is_v4();
    const Endpoint from{s.path.source, s.local.port};
    PacketPtr packet = s.is_ping ? make_request(pool_, from, to.address, bytes)
                                 : make_datagram(pool_, from, to, bytes);
    if (packet == nullptr) {
        count_of(s, is_v4, Counter::UdpSndbufErrors, Counter::Udp6SndbufErrors);
        return std::unexpected{Errc::NoBuffers};
    }
    const std::size_t header_bytes = header_bytes_of(to);
    const int segment = target.segment >= 0 ? target.segment : s.options.segment;
    if (segment != 0) {
        FAIRLEAD_TRY(cut(*packet, static_cast<std::size_t>(segment), header_bytes, s.path.mtu));
    }
    const bool fits = segment != 0 || packet->size() + header_bytes <= s.path.mtu;
    const MtuDiscovery mode = s.options.mtu_discovery;
    const ip::Outgoing outgoing{
        .source = s.path.source,
        .destination = to.address,
        .protocol = !s.is_ping ? ip::kProtocolUdp
                    : is_v4    ? ip::kProtocolIcmp
                               : ip::kProtocolIcmp6,
        .ttl = static_cast<std::uint8_t>(
            std::max<std::int16_t>(target.ttl >= 0 ? target.ttl : s.options.ttl, 0)),
        .tos = target.tos >= 0 ? static_cast<std::uint8_t>(target.tos) : s.options.tos,
        .dont_fragment = mode == MtuDiscovery::Want
                             ? fits
                             : mode == MtuDiscovery::Do || mode == MtuDiscovery::Probe,
    };
    const Stamps stamps =
        target.stamps >= 0 ? static_cast<Stamps>(target.stamps) : s.options.stamps;
    std::optional<ip::SentFrames> frames;
    const bool is_cut = packet->meta.gso == GsoType::Udp;
    if ((stamps & kSendStamps) != 0) {
        const std::size_t most = most_frames(*packet, s.path.mtu);
        frames.emplace(network_, s.path, most, now_);
        packet->meta.cookie = ++cookies_;
    }
    if (const auto sent = network_.send(std::move(packet), outgoing, s.path, now_); !sent) {
        const bool is_large = sent.error() == Errc::MessageTooLong;
        if (is_large && s.options.receive_error) queue_too_large(s, to);
        return std::unexpected{sent.error()};
    }
    count_of(s, is_v4, Counter::UdpOutDatagrams, Counter::Udp6OutDatagrams);
    if (s.is_ping) {
        count(is_v4, Counter::IcmpOutMsgs, Counter::Icmp6OutMsgs);
        count(is_v4, Counter::IcmpOutEchos, Counter::Icmp6OutEchos);
    }
    if (frames) stamp(s, stamps, *frames, is_cut);
    return {};
}

// --- corked: ip_append_data(), udp_push_pending_frames() ---

bool Layer::may_hold(const Socket& s, const Endpoint& to, std::size_t bytes) const {
    const std::size_t whole = header_bytes_of(to) + wire::UdpHeader::kBytes + bytes;
    const bool is_cut = s.options.mtu_discovery == MtuDiscovery::Do ||
                        s.options.mtu_discovery == MtuDiscovery::Probe;
    const std::size_t longest = to.address.is_v4() ? 65535 : 65535 + 40;
    return whole <= (is_cut ? s.path.mtu : longest);
}

// What is too long takes all with it that was gathered.
Result<void> Layer::cork(Socket& s, Bytes bytes) {
    std::vector<std::byte>& gathered = s.corked->bytes;
    if (!may_hold(s, s.corked->to, gathered.size() + bytes.size())) {
        const Endpoint to = s.corked->to;
        s.corked.reset();
        if (s.options.receive_error) queue_too_large(s, to);
        return std::unexpected{Errc::MessageTooLong};
    }
    gathered.insert(gathered.end(), bytes.begin(), bytes.end());
    return {};
}

Result<void> Layer::uncork(Socket& s) {
    const std::optional<Corked> corked = std::exchange(s.corked, std::nullopt);
    FAIRLEAD_TRY(prepare(s, corked->to, corked->target));
    return transmit(s, corked->to, corked->target, corked->bytes);
}

// What waits for its neighbour is told of when it leaves, and never if it does not.
void Layer::stamp(Socket& s, Stamps wanted, const ip::SentFrames& frames, bool is_cut) {
    constexpr std::size_t kMostAwaited = 1024;
    const std::uint32_t number = (s.options.stamps & kStampNumbered) != 0 ? s.stamped++ : 0;
    const Awaited sent{.cookie = cookies_, .handle = s.handle, .wanted = wanted, .number = number};
    if (!frames.is_none()) return tell_stamps(sent, frames.look(is_cut));
    if (awaited_.size() == kMostAwaited) awaited_.erase(awaited_.begin());
    awaited_.push_back(sent);
}

// Of the fragments of one datagram the first is told of.
void Layer::on_departure(const ip::Departure& departure) {
    const auto found = std::ranges::find(awaited_, departure.cookie, &Awaited::cookie);
    if (found == awaited_.end()) return;
    const Awaited sent = *found;
    awaited_.erase(found);
    tell_stamps(sent, departure);
}

// __skb_tstamp_tx(). What is cut into several is queued as one, and of the frames the first is stamped;
// of fragments it is the first from the beginning.
void Layer::tell_stamps(const Awaited& sent, const ip::Departure& departure) {
    Socket& s = at(sent.handle);
    const bool is_alone = (s.options.stamps & kStampOnly) != 0;
    // skb_may_tx_timestamp(): of who has no right to see what is on the wire.
    if (!is_alone && config_.tstamp_allow_data == 0) return;
    const auto tell = [&](StampKind kind, const std::vector<std::byte>& given) {
        ErrorMessage message = is_alone ? ErrorMessage{} : departure.header;
        message.error = Errc::NoMessage;
        message.origin = ErrorOrigin::Timestamping;
        message.info = static_cast<std::uint32_t>(kind);
        message.data = sent.number;
        message.when = now_;
        s.errors.push(message, is_alone ? std::vector<std::byte>{} : given, s.error_limit());
        wake(s, kError);
    };
    if ((sent.wanted & kStampScheduled) != 0) tell(StampKind::Scheduled, departure.whole);
    if ((sent.wanted & kStampSent) != 0) tell(StampKind::Sent, departure.first);
}

}  // namespace fairlead::udp
