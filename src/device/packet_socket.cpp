#include "device/packet_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "device/receive_buffers.hpp"
#include "device/virtio_header.hpp"

namespace fairlead::device {
namespace {

constexpr std::size_t kBurst = 16;
constexpr Duration kLookEvery = 100_ms;  // at the interface's state and MTU
constexpr int kSocketBuffer = 4 * 1024 * 1024;

template <typename T>
bool set_option(int fd, int level, int option, const T& value) {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

void enlarge(int fd, int force, int ordinary) {
    if (!set_option(fd, SOL_SOCKET, force, kSocketBuffer)) {
        set_option(fd, SOL_SOCKET, ordinary, kSocketBuffer);
    }
}

// The tag that the kernel took out of the frame; 0: none.
std::uint16_t vlan_of(msghdr& message) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
        tpacket_auxdata data{};
        std::memcpy(&data, CMSG_DATA(c), sizeof data);
        if ((data.tp_status & TP_STATUS_VLAN_VALID) != 0) return data.tp_vlan_tci;
    }
    return 0;
}

}  // namespace

Opened<std::unique_ptr<PacketSocket>> PacketSocket::open(const PacketSocketOptions& options) {
    auto control = InterfaceControl::open();
    if (!control) return std::unexpected{control.error()};
    // Protocol 0: nothing is received before bind() says of which interface.
    FileDescriptor fd{::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd.is_open()) {
        return cannot("open a packet socket", errno,
                      errno == EPERM ? "needs CAP_NET_RAW: run as root" : "");
    }
    std::unique_ptr<PacketSocket> s{new PacketSocket{std::move(fd), std::move(*control)}};
    if (auto done = s->configure(options); !done) return std::unexpected{done.error()};
    return s;
}

Opened<void> PacketSocket::configure(const PacketSocketOptions& options) {
    clock_ = options.clock;
    const auto state = control_.state(options.interface);
    if (!state) {
        return cannot(fmt::format("find the interface {}", options.interface), ENODEV,
                      "is the name right? `ip link` lists them");
    }
    const int one = 1;
    if (!set_option(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, one)) {
        return cannot("ask for PACKET_VNET_HDR", errno);
    }
    if (!set_option(fd_.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, one)) {
        return cannot("ask for PACKET_IGNORE_OUTGOING", errno, "needs Linux 4.20");
    }
    set_option(fd_.get(), SOL_PACKET, PACKET_AUXDATA, one);
    enlarge(fd_.get(), SO_RCVBUFFORCE, SO_RCVBUF);
    enlarge(fd_.get(), SO_SNDBUFFORCE, SO_SNDBUF);
    if (auto done = bind_to(state->index); !done) return done;
    if (options.promiscuous) {
        packet_mreq request{};
        request.mr_ifindex = static_cast<int>(state->index);
        request.mr_type = PACKET_MR_PROMISC;
        if (!set_option(fd_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)) {
            return cannot(fmt::format("make {} promiscuous", options.interface), errno);
        }
    }
    info_.name = options.interface;
    info_.link = LinkKind::Ethernet;
    info_.mac = options.mac == MacAddress{} ? state->mac : options.mac;
    info_.mtu = std::min(state->mtu, 65535u);
    info_.is_up = state->is_up && state->is_running;
    if (options.offload) info_.features = {.checksum_out = true, .tso4 = true, .tso6 = true};
    return {};
}

Opened<void> PacketSocket::bind_to(InterfaceIndex index) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = __builtin_bswap16(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return cannot("bind the packet socket", errno);
    }
    return {};
}

void PacketSocket::watch_link(Instant now) {
    if (now < next_look_) return;
    next_look_ = now + kLookEvery;
    const auto state = control_.state(info_.name);
    info_.is_up = state && state->is_up && state->is_running;
    if (state) info_.mtu = std::min(state->mtu, 65535u);
    tpacket_stats since_last{};
    socklen_t size = sizeof since_last;
    if (::getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &since_last, &size) == 0) {
        counts_.overrun += since_last.tp_drops;
    }
}

std::size_t PacketSocket::receive(std::uint16_t, Instant now, PacketPool& pool,
                                  std::span<PacketPtr> out) {
    watch_link(now);
    std::array<ReceiveBuffers, kBurst> buffers;
    std::array<mmsghdr, kBurst> messages{};
    alignas(cmsghdr) std::array<std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))>, kBurst>
        control;
    const std::size_t most = std::min(kBurst, out.size());
    std::size_t ready = 0;
    for (; ready < most && buffers[ready].fill(pool); ++ready) {
        msghdr& m = messages[ready].msg_hdr;
        m.msg_iov = const_cast<iovec*>(buffers[ready].pieces().data());
        m.msg_iovlen = buffers[ready].pieces().size();
        m.msg_control = control[ready].data();
        m.msg_controllen = control[ready].size();
    }
    if (ready == 0) return 0;
    const int got =
        ::recvmmsg(fd_.get(), messages.data(), static_cast<unsigned>(ready), MSG_DONTWAIT, nullptr);
    if (got < 0 && errno == ENETDOWN) info_.is_up = false;
    std::size_t n = 0;
    for (std::size_t i = 0; static_cast<int>(i) < got; ++i) {
        if (messages[i].msg_len <= sizeof(VirtioHeader)) continue;
        PacketPtr packet = buffers[i].take(messages[i].msg_len - sizeof(VirtioHeader));
        if (packet == nullptr) {
            ++counts_.too_long;
            continue;
        }
        if (!apply(buffers[i].header(), info_.link, *packet)) {
            ++counts_.bad_header;
            continue;
        }
        packet->meta.vlan = vlan_of(messages[i].msg_hdr);
        out[n++] = std::move(packet);
    }
    stamp(out.first(n), now, clock_);
    return n;
}

std::size_t PacketSocket::send(std::uint16_t, Instant now, std::span<PacketPtr> burst) {
    watch_link(now);
    std::size_t n = 0;
    while (n < burst.size()) {
        const std::size_t dealt_with =
            send_burst(burst.subspan(n, std::min(kBurst, burst.size() - n)));
        if (dealt_with == 0) break;
        n += dealt_with;
    }
    return n;
}

std::size_t PacketSocket::send_burst(std::span<PacketPtr> burst) {
    std::array<VirtioHeader, kBurst> headers;
    std::array<mmsghdr, kBurst> messages{};
    std::array<std::array<iovec, Packet::kMaxSlices + 2>, kBurst> pieces;
    for (std::size_t i = 0; i < burst.size(); ++i) {
        headers[i] = virtio_header_of(*burst[i]);
        pieces[i][0] = {.iov_base = &headers[i], .iov_len = sizeof headers[i]};
        messages[i].msg_hdr.msg_iov = pieces[i].data();
        messages[i].msg_hdr.msg_iovlen = 1 + pieces_of(*burst[i], std::span{pieces[i]}.subspan(1));
    }
    const int sent =
        ::sendmmsg(fd_.get(), messages.data(), static_cast<unsigned>(burst.size()), MSG_DONTWAIT);
    std::size_t n = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    if (sent < 0 && is_given_up(errno)) {
        ++counts_.not_sent;
        n = 1;
    }
    for (PacketPtr& packet : burst.first(n)) packet.reset();
    return n;
}

// Whether the first frame of the burst is lost (else: offered again later).
bool PacketSocket::is_given_up(int error) {
    if (error == EAGAIN || error == EINTR) return false;
    if (error == ENETDOWN || error == ENXIO || error == ENODEV) info_.is_up = false;
    return true;
}

}  // namespace fairlead::device
