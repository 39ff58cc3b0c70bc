#include "device/tap.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "device/receive_buffers.hpp"
#include "device/virtio_header.hpp"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20  // Linux 6.2
#define TUN_F_USO6 0x40
#endif

namespace fairlead::device {
namespace {

constexpr const char* kPath = "/dev/net/tun";
constexpr Duration kLookEvery = 100_ms;  // at the interface's state and MTU

std::string_view advice_for_open(int code) {
    if (code == ENOENT || code == ENODEV || code == ENXIO) {
        return "the tun module is missing: modprobe tun, or in a container pass --device "
               "/dev/net/tun";
    }
    if (code == EACCES || code == EPERM) {
        return "run as root, or let your user open it: chmod 666 /dev/net/tun";
    }
    return {};
}

std::string_view advice_for_attach(int code) {
    if (code == EPERM) {
        return "needs CAP_NET_ADMIN, or an interface made for your user: ip tuntap add mode tap "
               "user $USER name tap0";
    }
    if (code == EBUSY) return "another program has this interface open";
    if (code == EINVAL) return "the interface exists and is of another kind";
    return {};
}

// Two neighbours must not share an address: the same, but locally administered and one bit apart.
MacAddress neighbour_of(MacAddress mac) {
    mac[0] = static_cast<std::uint8_t>((mac[0] | 0x02) & 0xfe);
    mac[5] ^= 0x01;
    return mac;
}

}  // namespace

Opened<std::unique_ptr<Tap>> Tap::open(const TapOptions& options) {
    auto control = InterfaceControl::open();
    if (!control) return std::unexpected{control.error()};
    FileDescriptor fd{::open(kPath, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (!fd.is_open()) {
        return cannot(fmt::format("open {}", kPath), errno, advice_for_open(errno));
    }
    std::unique_ptr<Tap> tap{new Tap{std::move(fd), std::move(*control)}};
    if (auto done = tap->configure(options); !done) return std::unexpected{done.error()};
    return tap;
}

Opened<void> Tap::configure(const TapOptions& options) {
    clock_ = options.clock;
    const bool is_ethernet = options.link == LinkKind::Ethernet;
    ifreq request{};
    request.ifr_flags =
        static_cast<short>((is_ethernet ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_VNET_HDR);
    const std::string wanted = !options.name.empty() ? options.name
                               : is_ethernet         ? "tap%d"
                                                     : "tun%d";
    if (wanted.size() >= sizeof request.ifr_name) {
        return cannot(fmt::format("name an interface {}", wanted), 0, "at most 15 characters");
    }
    std::memcpy(request.ifr_name, wanted.data(), wanted.size());
    if (::ioctl(fd_.get(), TUNSETIFF, &request) != 0) {
        return cannot(fmt::format("attach to the interface {}", wanted), errno,
                      advice_for_attach(errno));
    }
    info_.name = request.ifr_name;
    info_.link = options.link;
    const int header_size = sizeof(VirtioHeader);
    if (::ioctl(fd_.get(), TUNSETVNETHDRSZ, &header_size) != 0) {
        return cannot(fmt::format("set the header size of {}", info_.name), errno);
    }
    if (options.offload) offer_offloads();
    if (options.mtu != 0) {
        if (auto done = control_.set_mtu(info_.name, options.mtu); !done) return done;
    }
    if (options.bring_up) {
        if (auto done = control_.set_up(info_.name); !done) return done;
    }
    const auto state = control_.state(info_.name);
    if (!state) return cannot(fmt::format("read the state of {}", info_.name), ENODEV);
    info_.mtu = std::min(state->mtu, 65535u);
    info_.is_up = state->is_up && state->is_running;
    info_.mac = options.mac == MacAddress{} && is_ethernet ? neighbour_of(state->mac) : options.mac;
    return {};
}

// What we take from the kernel must be asked for, and older kernels grant less. What the kernel
// takes from us goes by the header alone; its two halves were added together.
void Tap::offer_offloads() {
    constexpr unsigned long kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    const auto granted = [this](unsigned long flags) {
        return ::ioctl(fd_.get(), TUNSETOFFLOAD, flags) == 0;
    };
    if (granted(kTcp | TUN_F_USO4 | TUN_F_USO6)) {
        info_.features = {.checksum_out = true, .tso4 = true, .tso6 = true, .uso = true};
    } else if (granted(kTcp)) {
        info_.features = {.checksum_out = true, .tso4 = true, .tso6 = true};
    } else if (granted(TUN_F_CSUM)) {
        info_.features = {.checksum_out = true};
    }
}

void Tap::watch_link(Instant now) {
    if (is_gone_ || now < next_look_) return;
    next_look_ = now + kLookEvery;
    const auto state = control_.state(info_.name);
    info_.is_up = state && state->is_up && state->is_running;
    if (state) info_.mtu = std::min(state->mtu, 65535u);
}

std::size_t Tap::receive(std::uint16_t, Instant now, PacketPool& pool, std::span<PacketPtr> out) {
    watch_link(now);
    ReceiveBuffers buffers;
    std::size_t n = 0;
    while (n < out.size() && !is_gone_ && buffers.fill(pool)) {
        const auto pieces = buffers.pieces();
        const ssize_t got = ::readv(fd_.get(), pieces.data(), static_cast<int>(pieces.size()));
        if (got < 0) {
            if (errno == EINTR) continue;
            // EBADFD: the interface was removed under us. Nothing comes any more.
            if (errno != EAGAIN) is_gone_ = true, info_.is_up = false;
            break;
        }
        if (static_cast<std::size_t>(got) <= sizeof(VirtioHeader)) continue;
        PacketPtr packet = buffers.take(static_cast<std::size_t>(got) - sizeof(VirtioHeader));
        if (packet == nullptr) {
            ++counts_.too_long;
            continue;
        }
        if (!apply(buffers.header(), info_.link, *packet)) {
            ++counts_.bad_header;
            continue;
        }
        out[n++] = std::move(packet);
    }
    stamp(out.first(n), now, clock_);
    return n;
}

std::size_t Tap::send(std::uint16_t, Instant now, std::span<PacketPtr> burst) {
    watch_link(now);
    std::size_t n = 0;
    while (n < burst.size() && send_one(*burst[n]) == Sent::Taken) burst[n++].reset();
    return n;
}

Tap::Sent Tap::send_one(const Packet& packet) {
    if (is_gone_) {
        ++counts_.not_sent;
        return Sent::Taken;
    }
    VirtioHeader header = virtio_header_of(packet);
    std::array<iovec, Packet::kMaxSlices + 2> pieces;
    pieces[0] = {.iov_base = &header, .iov_len = sizeof header};
    const std::size_t count = 1 + pieces_of(packet, std::span{pieces}.subspan(1));
    while (::writev(fd_.get(), pieces.data(), static_cast<int>(count)) < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return Sent::NoRoom;
        ++counts_.not_sent;
        if (errno == EIO) info_.is_up = false;  // the interface was set down; see watch_link
        if (errno == EBADFD) is_gone_ = true, info_.is_up = false;
        return Sent::Taken;
    }
    return Sent::Taken;
}

}  // namespace fairlead::device
