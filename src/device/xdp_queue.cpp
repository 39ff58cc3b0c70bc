#include "device/xdp_queue.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

namespace fairlead::device {
namespace {

constexpr std::size_t kUmemBytes = std::size_t{2} * XdpQueue::kRingFrames * XdpQueue::kFrameBytes;
constexpr std::uint64_t kFrameMask = ~std::uint64_t{XdpQueue::kFrameBytes - 1};
constexpr int kBindTries = 150;
constexpr useconds_t kBindPause = 2000;
constexpr int kSocketBuffer = 4 * 1024 * 1024;
constexpr std::string_view kPrivileges = "needs CAP_NET_RAW: run as root";

template <typename T>
bool set_option(int fd, int level, int option, const T& value) {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

std::string_view advice_for_socket(int code) {
    if (code == EPERM) return kPrivileges;
    if (code == EAFNOSUPPORT) return "this kernel is built without CONFIG_XDP_SOCKETS";
    return {};
}

std::string_view advice_for_bind(int code) {
    if (code == EBUSY) return "another program has this queue";
    if (code == EINVAL) return "has the interface a queue of this number?";
    if (code == EOPNOTSUPP) return "needs Linux 5.4";
    return {};
}

}  // namespace

Opened<XdpQueue> XdpQueue::open(const std::string& interface, InterfaceIndex index,
                                std::uint16_t queue) {
    FileDescriptor fd{::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)};
    if (!fd.is_open()) return cannot("open an AF_XDP socket", errno, advice_for_socket(errno));
    XdpQueue q{std::move(fd)};
    if (auto done = q.share_memory(); !done) return std::unexpected{done.error()};
    if (auto done = q.map_rings(); !done) return std::unexpected{done.error()};
    if (auto done = q.bind_to(interface, index, queue); !done) {
        return std::unexpected{done.error()};
    }
    return q;
}

Opened<void> XdpQueue::share_memory() {
    umem_ = MappedMemory{kUmemBytes, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0};
    if (!umem_.is_open()) return cannot("get memory for frames", errno);
    // The pages are pinned: a child would be given a copy of each.
    (void)::madvise(umem_.bytes(), umem_.size(), MADV_DONTFORK);
    xdp_umem_reg region{};
    region.addr = reinterpret_cast<std::uintptr_t>(umem_.bytes());
    region.len = umem_.size();
    region.chunk_size = kFrameBytes;
    if (!set_option(fd_.get(), SOL_XDP, XDP_UMEM_REG, region)) {
        return cannot("share memory with the kernel", errno,
                      errno == ENOBUFS || errno == ENOMEM ? "ulimit -l is too small" : "");
    }
    return {};
}

Opened<void> XdpQueue::map_rings() {
    const int fd = fd_.get();
    for (const int ring :
         {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING}) {
        if (!set_option(fd, SOL_XDP, ring, kRingFrames)) return cannot("make a ring", errno);
    }
    xdp_mmap_offsets at{};
    socklen_t size = sizeof at;
    if (::getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size) != 0) {
        return cannot("find the rings", errno);
    }
    if (size != sizeof at) return cannot("find the rings", 0, "needs Linux 5.4");
    fill_ = {fd, XDP_UMEM_PGOFF_FILL_RING, at.fr, kRingFrames};
    completed_ = {fd, XDP_UMEM_PGOFF_COMPLETION_RING, at.cr, kRingFrames};
    received_ = {fd, XDP_PGOFF_RX_RING, at.rx, kRingFrames};
    sent_ = {fd, XDP_PGOFF_TX_RING, at.tx, kRingFrames};
    if (!fill_.is_open() || !completed_.is_open() || !received_.is_open() || !sent_.is_open()) {
        return cannot("map the rings", errno);
    }
    for (std::uint64_t i = 0; i < kRingFrames; ++i) fill_.push(i * kFrameBytes);
    fill_.publish();
    free_.reserve(kRingFrames);
    for (std::uint64_t i = 2 * kRingFrames; i > kRingFrames; --i) {
        free_.push_back((i - 1) * kFrameBytes);
    }
    return {};
}

Opened<void> XdpQueue::bind_to(const std::string& interface, InterfaceIndex index,
                               std::uint16_t queue) {
    // What is sent is charged to the socket until the driver is done with it.
    if (!set_option(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer)) {
        set_option(fd_.get(), SOL_SOCKET, SO_SNDBUF, kSocketBuffer);
    }
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP;
    address.sxdp_ifindex = index;
    address.sxdp_queue_id = queue;
    const auto bind = [&] {
        return ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    };
    // The kernel frees a queue a moment after its socket was closed.
    bool is_bound = bind();
    for (int tries = 0; !is_bound && errno == EBUSY && tries < kBindTries; ++tries) {
        ::usleep(kBindPause);
        is_bound = bind();
    }
    if (!is_bound) {
        return cannot(fmt::format("bind to queue {} of {}", queue, interface), errno,
                      advice_for_bind(errno));
    }
    return {};
}

std::size_t XdpQueue::receive(PacketPool& pool, std::span<PacketPtr> out) {
    const std::size_t most = std::min<std::size_t>(received_.ready(), out.size());
    std::size_t n = 0;
    for (; n < most; ++n) {
        const xdp_desc frame = received_.front();
        // Null: the pool is at its limit; the frame waits where it is.
        out[n] = pool.copy({umem_.bytes() + frame.addr, frame.len});
        if (out[n] == nullptr) break;
        received_.pop();
        fill_.push(frame.addr & kFrameMask);  // has room: it held this very frame before
    }
    if (n == 0) return 0;
    received_.publish();
    fill_.publish();
    return n;
}

void XdpQueue::take_completed() {
    const std::uint32_t ready = completed_.ready();
    if (ready == 0) return;
    for (std::uint32_t i = 0; i < ready; ++i) {
        free_.push_back(completed_.front() & kFrameMask);
        completed_.pop();
    }
    completed_.publish();
}

std::size_t XdpQueue::send(std::span<PacketPtr> burst, std::size_t longest) {
    take_completed();
    const std::size_t room = std::min<std::size_t>(free_.size(), sent_.room());
    std::size_t used = 0;
    std::size_t n = 0;
    for (; n < burst.size(); ++n) {
        const std::size_t size = burst[n]->size();
        if (size > longest) {
            ++not_sent_;
            burst[n].reset();
            continue;
        }
        if (used == room) break;
        ++used;
        const std::uint64_t address = free_.back();
        free_.pop_back();
        burst[n]->copy_to(0, {umem_.bytes() + address, size});
        sent_.push({.addr = address, .len = static_cast<std::uint32_t>(size), .options = 0});
        burst[n].reset();
    }
    if (used != 0) sent_.publish();
    push_out();
    return n;
}

void XdpQueue::push_out() {
    is_stuck_ = false;
    // In copy mode a call sends up to 32 frames and says EAGAIN when there are more: again, for as
    // long as that moves something.
    for (std::uint32_t left = sent_.untaken(); left != 0 && sent_.needs_wakeup();) {
        const bool is_taken = ::sendto(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0;
        const int error = is_taken ? 0 : errno;
        const std::uint32_t before = std::exchange(left, sent_.untaken());
        if (error == EBUSY) ++not_sent_;  // the driver dropped the last one it was given
        if (left != before) continue;
        // Down or gone: nothing is sent before that changes.
        is_stuck_ = error != ENETDOWN && error != ENXIO;
        return;
    }
}

xdp_statistics XdpQueue::statistics() const {
    xdp_statistics all{};
    socklen_t size = sizeof all;
    if (::getsockopt(fd_.get(), SOL_XDP, XDP_STATISTICS, &all, &size) != 0) return {};
    return all;
}

}  // namespace fairlead::device
