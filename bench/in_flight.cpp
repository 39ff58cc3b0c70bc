#include "bench/in_flight.hpp"

#include <array>
#include <vector>

#include "bench/fairlead_calls.hpp"
#include "device/memory.hpp"
#include "fairlead/congestion.hpp"

namespace fairlead::bench {
namespace {

constexpr std::size_t kWrite = 65536;
constexpr std::uint32_t kLoseOneIn = 1000;
// A burst of the device takes so long on the link.
constexpr Duration kStep = Duration::from_us(100);

// No congestion control: so many segments, whatever happens.
template <std::int32_t Window>
struct Keeps {
    static constexpr std::string_view kName = "keeps";

    void on_ack(CongestionWindow&, const AckSample&) {}
    std::int32_t threshold(const CongestionWindow&, Instant) { return Window; }
    void control(CongestionWindow& window, const AckSample&) { window.segments = Window; }
};

// Loses some of what carries data.
class Lossy final : public Device {
public:
    explicit Lossy(Device& inner) : inner_{inner} {}
    const DeviceInfo& info() const override { return inner_.info(); }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override {
        return inner_.receive(queue, now, pool, out);
    }
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override {
        constexpr std::size_t kHeaders = 100;
        for (PacketPtr& packet : burst) {
            if (loses && packet->size() > kHeaders && ++frames_ % kLoseOneIn == 0) {
                packet.reset();
            } else {
                inner_.send(queue, now, {&packet, 1});
            }
        }
        return burst.size();
    }

    bool loses = false;

private:
    Device& inner_;
    std::uint32_t frames_ = 0;
};

StackOptions roomy(std::uint8_t seed, PacketPool& pool) {
    StackOptions options = stack_options(seed, &pool);
    must(options.config.set("net.ipv4.tcp_rmem", "4096 1073741824 1073741824"), "tcp_rmem");
    must(options.config.set("net.ipv4.tcp_wmem", "4096 1073741824 1073741824"), "tcp_wmem");
    // An ACK for each segment beyond a hole: held back, one stands for forty in a window that always
    // has a hole, and for two in one that seldom has.
    must(options.config.set("net.ipv4.tcp_comp_sack_nr", "0"), "tcp_comp_sack_nr");
    return options;
}

template <std::int32_t Window>
double ack_ns(std::uint64_t acks) {
    static constexpr const CongestionOperations* kOwn[] = {&kCongestionOperations<Keeps<Window>>};
    PacketPool pool;
    device::MemoryLink link{{.features = {.checksum_out = true}, .queue_frames = 1 << 20}};
    Lossy lossy{link.left()};
    StackOptions sending = roomy(1, pool);
    sending.controllers = kOwn;
    Stack client{sending};
    Stack server{roomy(2, pool)};
    const IpAddress here = IpAddress::v4(10, 9, 0, 1);
    const Endpoint there{IpAddress::v4(10, 9, 0, 2), 80};
    must(client.add_address(must(client.add_interface(lossy), "add_interface"), {here, 24}), "");
    must(server.add_address(must(server.add_interface(link.right()), ""), {there.address, 24}), "");
    const SocketId listener = must(server.socket(Family::Inet, SocketType::Stream), "socket");
    must(server.bind(listener, there), "bind");
    must(server.listen(listener, 1), "listen");
    const SocketId sender = must(client.socket(Family::Inet, SocketType::Stream), "socket");
    must(client.set_congestion_control(sender, Keeps<Window>::kName), "TCP_CONGESTION");
    begin_connect(client, sender, there);

    Instant now = Instant::from_ns(1'000'000'000);
    SocketId receiver;
    std::vector<std::byte> bytes(kWrite);
    double seconds = 0;
    std::uint64_t counted_from = 0;
    const auto taken = [&] { return client.counters()[Counter::TcpInSegs]; };
    // Until the window is full, and some of it was lost and came again, nothing counts.
    const std::uint64_t full = 2 * static_cast<std::uint64_t>(Window);
    while (counted_from == 0 || taken() - counted_from < acks) {
        now = now + kStep;
        server.poll(now);
        if (!receiver) receiver = server.accept(listener).value_or(SocketId{});
        if (receiver) {
            while (moved(server.receive(receiver, bytes), "receive") == bytes.size()) continue;
        }
        const Stopwatch watch;
        client.poll(now);
        if (counted_from != 0) seconds += watch.seconds();
        if (counted_from == 0 && taken() > 2 * full) counted_from = taken();
        lossy.loses = taken() > full;
        while (receiver && client.tcp_info(sender)->not_sent < 4 * kWrite) {
            if (moved(client.send(sender, bytes), "send") == 0) break;
        }
    }
    const TcpInfo info = must(client.tcp_info(sender), "TCP_INFO");
    if (info.unacked_segments < Window * 9 / 10 || info.total_retransmitted == 0) {
        throw std::runtime_error{fmt::format("{} in flight of {} in a window of {}, {} sent again",
                                             info.unacked_segments, info.congestion_window_segments,
                                             info.send_window, info.total_retransmitted)};
    }
    link.clear();
    return seconds * 1e9 / static_cast<double>(taken() - counted_from);
}

}  // namespace

double ack_with_100_in_flight(std::uint64_t acks) { return ack_ns<100>(acks); }
double ack_with_100000_in_flight(std::uint64_t acks) { return ack_ns<100'000>(acks); }

}  // namespace fairlead::bench
