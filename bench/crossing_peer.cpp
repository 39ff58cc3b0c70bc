#include "bench/crossing_peer.hpp"

#include <atomic>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bench/kernel_server.hpp"
#include "bench/machine.hpp"

namespace fairlead::bench {

namespace {

constexpr std::uint32_t kAddresses = 64;
constexpr double kPatience = 5;  // seconds without progress

class CrossingPeer final : public Peer {
public:
    CrossingPeer(std::unique_ptr<Client> client, Cores cores, Bulk direction)
        : client_{std::move(client)},
          cores_{cores},
          direction_{direction},
          server_{client_->server_home()} {
        if (cores == Cores::Two && allowed_cores().size() < 2) {
            throw std::runtime_error{"there is one core only"};
        }
    }

    double bulk(std::uint64_t bytes, std::size_t write_size) override {
        const Presence here{*this};
        use_stream(direction_ == Bulk::Up ? KernelServer::Work::Sink : KernelServer::Work::Source);
        return direction_ == Bulk::Up ? send_up(bytes, write_size) : take_down(bytes, write_size);
    }

    double ping_pong(std::uint64_t count) override {
        const Presence here{*this};
        use_stream(KernelServer::Work::Echo);
        const std::byte byte{'x'};
        std::byte back{};
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) {
            client_->write({&byte, 1});
            until([&] { return client_->read({&back, 1}) == 1; });
        }
        return watch.seconds();
    }

    double connect_close(std::uint64_t count, std::size_t at_once) override {
        if (at_once != 1) throw std::logic_error{"one connection at a time"};
        const Presence here{*this};
        server_.set_work(KernelServer::Work::Sink);
        const std::byte byte{'x'};
        const std::uint64_t resets = client_->resets_sent();
        const std::uint64_t closed = server_.closed();
        const Stopwatch watch;
        for (std::uint64_t i = 1; i <= count; ++i) {
            client_->connect(static_cast<std::uint32_t>(i) % kAddresses);
            until([&] { return client_->is_connected(); });
            client_->write({&byte, 1});
            client_->close();
            until([&] { return server_.closed() == closed + i; });
        }
        const double seconds = watch.seconds();
        client_->step();
        if (client_->resets_sent() != resets) throw std::runtime_error{"a RST was sent"};
        return seconds;
    }

    void open_idle(std::size_t) override { throw std::logic_error{"one connection at a time"}; }
    std::uint64_t memory() override { throw std::logic_error{"no memory of its own"}; }
    double ping_random(std::uint64_t, std::size_t) override {
        throw std::logic_error{"one connection at a time"};
    }

private:
    // While it lives we are at the client's place, and the server is awake on its own core.
    class Presence {
    public:
        explicit Presence(CrossingPeer& peer) : stay_{peer.client_->home()}, server_{peer.server_} {
            if (peer.cores_ == Cores::Two) thread_ = std::thread{[this] { spin(); }};
        }
        Presence(const Presence&) = delete;
        Presence& operator=(const Presence&) = delete;
        ~Presence() {
            stop_.store(true);
            if (thread_.joinable()) thread_.join();
        }

    private:
        // A server that fails is noticed by the client, for which nothing moves any more.
        void spin() {
            try {
                pin_to(allowed_cores().front());
                while (!stop_.load(std::memory_order_relaxed)) server_.step();
            } catch (const std::exception& e) {
                fmt::print(stderr, "      {}\n", e.what());
            }
        }

        NetworkNamespace::Stay stay_;
        KernelServer& server_;
        std::atomic<bool> stop_ = false;
        std::thread thread_{};
    };

    // One turn of everything this thread has to keep going.
    void turn() {
        client_->step();
        if (cores_ == Cores::One) server_.step();
    }

    template <typename Condition>
    void until(Condition&& is_done) {
        constexpr int kTurnsBetweenLooks = 1000;
        const Stopwatch watch;
        for (int turns = 0; !is_done(); ++turns) {
            turn();
            if (turns % kTurnsBetweenLooks == 999 && watch.seconds() > kPatience) {
                throw std::runtime_error{"nothing moves any more"};
            }
        }
    }

    double send_up(std::uint64_t bytes, std::size_t write_size) {
        const std::vector<std::byte> from(write_size, std::byte{'x'});
        const std::uint64_t target = server_.received() + bytes;
        std::size_t at = 0;
        const Stopwatch watch;
        while (server_.received() < target) {
            until([&] {
                const std::size_t n = client_->write(Bytes{from}.subspan(at));
                at = at + n == from.size() ? 0 : at + n;
                return n != 0;
            });
            turn();
        }
        return watch.seconds();
    }

    double take_down(std::uint64_t bytes, std::size_t read_size) {
        std::vector<std::byte> into(read_size);
        const Stopwatch watch;
        for (std::uint64_t received = 0; received < bytes;) {
            until([&] {
                const std::size_t n = client_->read(into);
                received += n;
                return n != 0;
            });
        }
        return watch.seconds();
    }

    void use_stream(KernelServer::Work work) {
        server_.set_work(work);
        if (is_connected_) return;
        client_->connect(0);
        until([&] { return client_->is_connected(); });
        is_connected_ = true;
    }

    std::unique_ptr<Client> client_;
    Cores cores_;
    Bulk direction_;
    KernelServer server_;
    bool is_connected_ = false;
};

}  // namespace

std::unique_ptr<Peer> make_crossing_peer(std::unique_ptr<Client> client, Cores cores,
                                         Bulk direction) {
    return std::make_unique<CrossingPeer>(std::move(client), cores, direction);
}

}  // namespace fairlead::bench
