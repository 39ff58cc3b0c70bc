#include "drill/stack_backend.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "drill/inbound.hpp"
#include "drill/stack_calls.hpp"
#include "drill/stack_system.hpp"
#include "fairlead/stack.hpp"

namespace fairlead::drill {
namespace {

// Not zero, so that what counts from the start of time does not look like never.
constexpr Instant kBegin = Instant::from_ns(1'000'000'000'000);
constexpr int kMostPolls = 1000;

// As a device hands in a large segment: the packet is TCP's, with more than `size` bytes of payload.
void mark_merged(std::span<const std::uint8_t> bytes, std::uint16_t size, PacketMeta& meta) {
    const std::size_t payload = bytes.size() - header_bytes_of(bytes);
    meta.gso = bytes[0] >> 4 == 4 ? GsoType::Tcp4 : GsoType::Tcp6;
    meta.gso_size = size;
    meta.gso_segments = static_cast<std::uint16_t>((payload + size - 1) / size);
}

// A wire with a script at its other end.
class ScriptDevice final : public Device {
public:
    explicit ScriptDevice(std::uint32_t mtu) {
        info_.name = "tun0";
        info_.link = LinkKind::Ip;
        info_.mtu = mtu;
    }

    const DeviceInfo& info() const override { return info_; }

    std::size_t receive(std::uint16_t, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override {
        std::size_t n = 0;
        while (n < out.size() && !inbound_.empty()) {
            const Inbound first = std::move(inbound_.front());
            inbound_.pop_front();
            PacketPtr packet = pool.copy(std::as_bytes(std::span{first.bytes}));
            if (packet == nullptr) continue;
            packet->meta.arrived = now;
            if (first.merged != 0) mark_merged(first.bytes, first.merged, packet->meta);
            out[n++] = std::move(packet);
        }
        return n;
    }

    std::size_t send(std::uint16_t, Instant now, std::span<PacketPtr> burst) override {
        for (PacketPtr& packet : burst) {
            SentPacket sent{.at = now, .bytes = std::vector<std::uint8_t>(packet->size())};
            packet->copy_to(0, std::as_writable_bytes(std::span{sent.bytes}));
            outbound_.push_back(std::move(sent));
            packet.reset();
        }
        return burst.size();
    }

    void inject(std::span<const std::uint8_t> packet, std::uint16_t merged) {
        inbound_.push_back({.bytes = {packet.begin(), packet.end()}, .merged = merged});
    }
    std::optional<SentPacket> take() {
        if (outbound_.empty()) return std::nullopt;
        SentPacket first = std::move(outbound_.front());
        outbound_.pop_front();
        return first;
    }
    bool has_inbound() const { return !inbound_.empty(); }

private:
    struct Inbound {
        std::vector<std::uint8_t> bytes{};
        std::uint16_t merged = 0;
    };

    DeviceInfo info_{};
    std::deque<Inbound> inbound_;
    std::deque<SentPacket> outbound_;
};

StackOptions options() {
    StackOptions options;
    // A fixed seed: a script gives the same packets each time.
    for (std::size_t i = 0; i < options.seed.size(); ++i) {
        options.seed[i] = static_cast<std::uint8_t>(i);
    }
    // The script is the only neighbour, and no other host can have our address.
    options.config.ip6_dad_transmits = 0;
    return options;
}

class StackBackend final : public Backend {
public:
    explicit StackBackend(const Settings& settings) : device_{settings.mtu}, stack_{options()} {}

    Result<void> open(const Settings& settings) {
        stack_.advance(now_);
        const InterfaceIndex index = FAIRLEAD_TRY(stack_.add_interface(device_));
        for (const Prefix& local : {settings.local_v4, settings.local_v6}) {
            FAIRLEAD_TRY(stack_.add_address(index, local));
            const IpAddress any = IpAddress::any(local.address.family());
            FAIRLEAD_TRY(
                stack_.add_route({.destination = {any, 0}, .gateway = any, .interface = index}));
        }
        pump();
        return {};
    }

    Instant now() const override { return now_; }

    void step(Instant until) override {
        now_ = std::max(now_, std::min(until, next_alarm()));
        pump();
        calls_.settle();
        pump();
    }

    Instant next_alarm() const override {
        return std::min(stack_.next_deadline(), calls_.deadline());
    }
    void oversleep(Instant until) override { now_ = std::max(now_, until); }

    void inject(std::span<const std::uint8_t> packet, std::uint16_t merged) override {
        device_.inject(packet, merged);
        pump();
    }

    std::optional<SentPacket> take_packet() override {
        auto packet = device_.take();
        while (packet && system_.drops_all()) packet = device_.take();
        return packet;
    }

    std::expected<void, std::string> start(const Request& request) override {
        stack_.advance(now_);
        calls_.start(request);
        pump();
        calls_.settle();
        return {};
    }

    std::optional<Outcome> take_outcome() override { return calls_.take_outcome(); }

    std::optional<Outcome> peek(const request::GetOption& request) override {
        return calls_.peek(request);
    }

    System& system() override { return system_; }

private:
    // Until nothing is left to do at this moment.
    void pump() {
        for (int i = 0; i < kMostPolls; ++i) {
            const PollResult result = stack_.poll(now_);
            if (!result.is_busy && !device_.has_inbound()) return;
        }
    }

    Instant now_ = kBegin;
    ScriptDevice device_;
    Stack stack_;
    StackSystem system_{stack_};
    StackCalls calls_{stack_, system_};
};

}  // namespace

std::expected<std::unique_ptr<Backend>, std::string> make_stack_backend(const Settings& settings) {
    auto backend = std::make_unique<StackBackend>(settings);
    if (const auto opened = backend->open(settings); !opened) {
        return std::unexpected{
            fmt::format("the stack's interface: {}", message_of(opened.error()))};
    }
    return backend;
}

}  // namespace fairlead::drill
