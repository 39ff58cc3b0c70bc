#include "device/xdp_socket.hpp"

#include <algorithm>
#include <cerrno>

#include <linux/if_packet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace fairlead::device {
namespace {

constexpr Duration kLookEvery = 100_ms;  // at the interface's state and MTU
constexpr Duration kRetry = 50_us;       // after the kernel took no more frames
constexpr std::size_t kLinkHeader = 18;  // Ethernet and a tag

}  // namespace

Opened<std::unique_ptr<XdpSocket>> XdpSocket::open(const XdpSocketOptions& options) {
    auto control = InterfaceControl::open();
    if (!control) return std::unexpected{control.error()};
    std::unique_ptr<XdpSocket> s{new XdpSocket{std::move(*control)}};
    if (auto done = s->configure(options); !done) return std::unexpected{done.error()};
    return s;
}

Opened<void> XdpSocket::configure(const XdpSocketOptions& options) {
    clock_ = options.clock;
    const auto state = control_.state(options.interface);
    if (!state) {
        return cannot(fmt::format("find the interface {}", options.interface), ENODEV,
                      "is the name right? `ip link` lists them");
    }
    if (state->mtu > kLongestMtu) {
        return cannot(
            fmt::format("use AF_XDP on {} with its MTU of {}", options.interface, state->mtu), 0,
            fmt::format("`ip link set {} mtu {}` or less", options.interface, kLongestMtu));
    }
    if (auto done = open_queues(options, state->index); !done) return done;
    if (auto done = wait_for_all(); !done) return done;
    if (auto done = hear_groups(options, state->index); !done) return done;
    info_.name = options.interface;
    info_.link = LinkKind::Ethernet;
    info_.mac = options.mac == MacAddress{} ? state->mac : options.mac;
    info_.mtu = state->mtu;
    info_.queues = static_cast<std::uint16_t>(queues_.size());
    info_.is_up = state->is_up && state->is_running;
    return {};
}

Opened<void> XdpSocket::open_queues(const XdpSocketOptions& options, InterfaceIndex index) {
    const int first = options.queue.value_or(0);
    const int end = first + (options.queue ? 1 : control_.receive_queues(options.interface));
    // First what takes the most privileges, so that their want is what is told.
    auto program = XdpProgram::load(static_cast<std::uint32_t>(end));
    if (!program) return std::unexpected{program.error()};
    for (int i = first; i < end; ++i) {
        const auto number = static_cast<std::uint16_t>(i);
        auto queue = XdpQueue::open(options.interface, index, number);
        if (!queue) return std::unexpected{queue.error()};
        if (auto done = program->redirect(number, queue->fd()); !done) return done;
        queues_.push_back(std::move(*queue));
    }
    program_.emplace(std::move(*program));
    return program_->attach_to(options.interface, index);
}

Opened<void> XdpSocket::wait_for_all() {
    if (queues_.size() == 1) return {};
    waiting_ = FileDescriptor{::epoll_create1(EPOLL_CLOEXEC)};
    if (!waiting_.is_open()) return cannot("wait for several queues", errno);
    for (const XdpQueue& queue : queues_) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = queue.fd()}};
        if (::epoll_ctl(waiting_.get(), EPOLL_CTL_ADD, queue.fd(), &event) != 0) {
            return cannot("wait for several queues", errno);
        }
    }
    return {};
}

// A network card keeps back what goes to groups that the kernel did not join, as are those by which
// our IPv6 addresses are looked for (RFC 4861 §7.2.2). A packet socket of no protocol, which gets no
// frame itself, asks for all of them while it is open.
Opened<void> XdpSocket::hear_groups(const XdpSocketOptions& options, InterfaceIndex index) {
    groups_ = FileDescriptor{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(index);
    request.mr_type = options.promiscuous ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI;
    if (!groups_.is_open() || ::setsockopt(groups_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                                           &request, sizeof request) != 0) {
        return cannot(fmt::format("hear all groups on {}", options.interface), errno);
    }
    return {};
}

void XdpSocket::watch_link(Instant now) {
    if (now < next_look_) return;
    next_look_ = now + kLookEvery;
    const auto state = control_.state(info_.name);
    info_.is_up = state && state->is_up && state->is_running;
    if (state) info_.mtu = std::min(state->mtu, kLongestMtu);
}

std::size_t XdpSocket::receive(std::uint16_t queue, Instant now, PacketPool& pool,
                               std::span<PacketPtr> out) {
    watch_link(now);
    if (retry_ <= now) {
        retry_ = Instant::never();
        for (XdpQueue& q : queues_) {
            q.push_out();
            if (q.is_stuck()) retry_ = now + kRetry;
        }
    }
    const std::size_t n = queues_[queue].receive(pool, out);
    stamp(out.first(n), now, clock_);
    return n;
}

std::size_t XdpSocket::send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) {
    watch_link(now);
    if (!info_.is_up) {
        lost_while_down_ += burst.size();
        for (PacketPtr& packet : burst) packet.reset();
        return burst.size();
    }
    const std::size_t n = queues_[queue].send(burst, info_.mtu + kLinkHeader);
    // Nothing else tells that there is room again.
    if (n < burst.size() || queues_[queue].is_stuck()) retry_ = now + kRetry;
    return n;
}

XdpSocket::Counts XdpSocket::counts() const {
    Counts all{.not_sent = lost_while_down_};
    for (const XdpQueue& queue : queues_) {
        const xdp_statistics s = queue.statistics();
        all.rx_ring_full += s.rx_ring_full;
        all.rx_fill_ring_empty += s.rx_fill_ring_empty_descs;
        all.rx_dropped += s.rx_dropped;
        all.tx_invalid += s.tx_invalid_descs;
        all.not_sent += queue.not_sent();
    }
    return all;
}

}  // namespace fairlead::device
