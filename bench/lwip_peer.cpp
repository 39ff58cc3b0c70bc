#include "bench/lwip_peer.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <vector>

#include "bench/lwip_library.hpp"
#include "bench/machine.hpp"

namespace fairlead::bench {

namespace {

constexpr std::uint16_t kPort = 5001;
constexpr std::size_t kMostInOneWrite = 0xffff;
// Ephemeral ports 49152 to 65535, each used once however many addresses there are.
constexpr std::size_t kMostConnections = 16'000;

void check(err_t result, const char* call) {
    if (result != ERR_OK) {
        throw std::runtime_error{"lwIP's " + std::string{call} + ": error " +
                                 std::to_string(result)};
    }
}

// One stack, its interface, and the frames that wait to enter it.
struct Stack {
    LwipLibrary library{};
    netif interface{};
    Stack* opposite = nullptr;
    std::vector<pbuf*> inbox{};
    std::uint64_t resets_sent = 0;

    // Handing in a frame makes frames for the opposite inbox only.
    bool take_frames() {
        if (inbox.empty()) return false;
        for (pbuf* frame : inbox) library.frame_input(frame, &interface);
        inbox.clear();
        return true;
    }
};

bool is_reset(const std::uint8_t* frame, std::size_t size) {
    constexpr std::size_t kProtocolAt = 14 + 9;
    constexpr std::size_t kFlagsAt = 14 + 20 + 13;
    return size > kFlagsAt && frame[12] == 0x08 && frame[13] == 0 && frame[kProtocolAt] == 6 &&
           (frame[kFlagsAt] & 0x04) != 0;
}

err_t send_frame(netif* interface, pbuf* frame) {
    Stack& from = *static_cast<Stack*>(interface->state);
    Stack& to = *from.opposite;
    pbuf* copy = to.library.allocate(PBUF_RAW, frame->tot_len, PBUF_RAM);
    if (copy == nullptr) return ERR_MEM;
    from.library.copy_partial(frame, copy->payload, frame->tot_len, 0);
    from.resets_sent += is_reset(static_cast<const std::uint8_t*>(copy->payload), copy->len);
    to.inbox.push_back(copy);
    return ERR_OK;
}

err_t start_interface(netif* interface) {
    const Stack& stack = *static_cast<Stack*>(interface->state);
    interface->name[0] = 'f';
    interface->name[1] = 'l';
    interface->mtu = 1500;
    interface->hwaddr_len = 6;
    interface->hwaddr[0] = 2;
    interface->hwaddr[5] = stack.opposite > &stack ? 1 : 2;
    interface->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    interface->output = stack.library.arp_output;
    interface->linkoutput = send_frame;
    return ERR_OK;
}

// One end of a connection as its application sees it.
struct End {
    Stack* stack = nullptr;
    tcp_pcb* pcb = nullptr;
    std::vector<char>* into = nullptr;  // where the application reads to
    std::uint64_t received = 0;
    bool echoes = false;
    bool connected = false;
    bool ended = false;
};

void write_byte(End& end) {
    const char byte = 'x';
    check(end.stack->library.write(end.pcb, &byte, 1, TCP_WRITE_FLAG_COPY), "tcp_write");
}

void close_end(End& end) {
    end.stack->library.set_argument(end.pcb, nullptr);
    end.stack->library.on_receive(end.pcb, nullptr);
    end.stack->library.on_error(end.pcb, nullptr);
    check(end.stack->library.close(end.pcb), "tcp_close");
    end.pcb = nullptr;
}

err_t on_bytes(void* argument, tcp_pcb* pcb, pbuf* bytes, err_t) {
    End& end = *static_cast<End*>(argument);
    if (bytes == nullptr) {
        end.ended = true;
        close_end(end);
        return ERR_OK;
    }
    const LwipLibrary& library = end.stack->library;
    const std::uint16_t size = bytes->tot_len;
    library.copy_partial(bytes, end.into->data(), size, 0);
    library.free(bytes);
    library.received(pcb, size);
    end.received += size;
    if (end.echoes) write_byte(end);
    return ERR_OK;
}

void on_failure(void* argument, err_t) { static_cast<End*>(argument)->pcb = nullptr; }

void adopt(End& end, tcp_pcb* pcb) {
    end.pcb = pcb;
    tcp_nagle_disable(pcb);
    end.stack->library.set_argument(pcb, &end);
    end.stack->library.on_receive(pcb, on_bytes);
    end.stack->library.on_error(pcb, on_failure);
}

class LwipPeer final : public Peer {
public:
    LwipPeer() {
        start(client_, server_, 1);
        start(server_, client_, 2);
        LwipLibrary& library = server_.library;
        tcp_pcb* pcb = library.new_pcb();
        ip_addr_t any{};
        IP_ADDR4(&any, 0, 0, 0, 0);
        check(library.bind(pcb, &any, kPort), "tcp_bind");
        pcb = library.listen(pcb, 0xff);
        library.set_argument(pcb, this);
        library.accept(pcb, on_accept);
    }

    double bulk(std::uint64_t bytes, std::size_t write_size) override {
        use_stream();
        stream_server_->echoes = false;
        const std::vector<char> from(write_size, 'x');
        const std::uint64_t target = stream_server_->received + bytes;
        const Stopwatch watch;
        for (std::size_t at = 0; stream_server_->received < target;) {
            at = write_some(*stream_client_, from, at);
            client_.library.output(stream_client_->pcb);
            exchange();
        }
        return watch.seconds();
    }

    double ping_pong(std::uint64_t count) override {
        use_stream();
        stream_server_->echoes = true;
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t before = stream_client_->received;
            write_byte(*stream_client_);
            client_.library.output(stream_client_->pcb);
            exchange();
            if (stream_client_->received != before + 1) throw std::runtime_error{"no echo"};
        }
        return watch.seconds();
    }

    double connect_close(std::uint64_t count, std::size_t at_once) override {
        std::vector<End*> clients(at_once);
        const Stopwatch watch;
        for (std::uint64_t done = 0; done < count; done += at_once) {
            accepted_.clear();
            for (End*& client : clients) client = begin_connect();
            exchange();
            if (accepted_.size() != at_once) throw std::runtime_error{"not connected"};
            for (End* client : clients) {
                write_byte(*client);
                client_.library.output(client->pcb);
            }
            exchange();
            for (End* client : clients) close_end(*client);
            exchange();
            for (const End* server : accepted_) {
                if (server->received != 1 || !server->ended) throw std::runtime_error{"no close"};
            }
        }
        if (client_.resets_sent + server_.resets_sent != 0) {
            throw std::runtime_error{"a RST was sent"};
        }
        return watch.seconds();
    }

    void open_idle(std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            const auto [client, server] = connect_one();
            server->echoes = true;
            idle_.push_back(client);
        }
    }

    std::uint64_t memory() override { return resident_bytes(); }

    double ping_random(std::uint64_t count, std::size_t in_flight) override {
        RandomOrder order{idle_.size()};
        const Stopwatch watch;
        for (std::uint64_t done = 0; done < count; done += in_flight) {
            const std::span<const std::uint32_t> chosen = order.next(in_flight);
            std::uint64_t missing = 0;
            for (const std::uint32_t i : chosen) {
                End& end = *idle_[i];
                missing += end.received + 1;
                write_byte(end);
                client_.library.output(end.pcb);
            }
            exchange();
            for (const std::uint32_t i : chosen) missing -= idle_[i]->received;
            if (missing != 0) throw std::runtime_error{"no echo"};
        }
        return watch.seconds();
    }

private:
    struct Pair {
        End* client = nullptr;
        End* server = nullptr;
    };

    static void start(Stack& stack, Stack& opposite, std::uint8_t host) {
        stack.opposite = &opposite;
        stack.library.init();
        ip4_addr_t address{};
        ip4_addr_t mask{};
        ip4_addr_t gateway{};
        IP4_ADDR(&address, 10, 9, 0, host);
        IP4_ADDR(&mask, 255, 255, 255, 0);
        IP4_ADDR(&gateway, 10, 9, 0, 0);
        stack.library.add_interface(&stack.interface, &address, &mask, &gateway, &stack,
                                    start_interface, stack.library.frame_input);
        stack.library.set_link_up(&stack.interface);
        stack.library.set_up(&stack.interface);
    }

    static err_t on_accept(void* argument, tcp_pcb* pcb, err_t) {
        LwipPeer& peer = *static_cast<LwipPeer*>(argument);
        End& end = peer.ends_.emplace_back(End{.stack = &peer.server_, .into = &peer.into_});
        peer.accepted_.push_back(&end);
        adopt(end, pcb);
        return ERR_OK;
    }

    static err_t on_connected(void* argument, tcp_pcb*, err_t) {
        static_cast<End*>(argument)->connected = true;
        return ERR_OK;
    }

    // Everything on the wire arrives, and what that causes, and so on; then the timers have a look.
    void exchange() {
        while (server_.take_frames() || client_.take_frames()) {
        }
        client_.library.check_timeouts();
        server_.library.check_timeouts();
    }

    End* begin_connect() {
        if (++connections_ > kMostConnections) throw std::runtime_error{"lwIP is out of ports"};
        End& client = ends_.emplace_back(End{.stack = &client_, .into = &into_});
        adopt(client, client_.library.new_pcb());
        ip_addr_t to{};
        IP_ADDR4(&to, 10, 9, 0, 2);
        check(client_.library.connect(client.pcb, &to, kPort, on_connected), "tcp_connect");
        return &client;
    }

    Pair connect_one() {
        accepted_.clear();
        End* client = begin_connect();
        exchange();
        if (!client->connected || accepted_.empty()) throw std::runtime_error{"not connected"};
        return {.client = client, .server = accepted_.front()};
    }

    // As many writes as the send buffer takes; returns how far into the last one it came.
    std::size_t write_some(End& end, const std::vector<char>& from, std::size_t at) const {
        for (;;) {
            const std::size_t room = tcp_sndbuf(end.pcb);
            const std::size_t size = std::min({from.size() - at, room, kMostInOneWrite});
            if (size == 0) return at;
            const err_t result = client_.library.write(
                end.pcb, from.data() + at, static_cast<std::uint16_t>(size), TCP_WRITE_FLAG_COPY);
            if (result == ERR_MEM) return at;  // its queue of segments is full
            check(result, "tcp_write");
            at = at + size == from.size() ? 0 : at + size;
        }
    }

    void use_stream() {
        if (stream_client_ != nullptr) return;
        const auto [client, server] = connect_one();
        stream_client_ = client;
        stream_server_ = server;
    }

    Stack client_{};
    Stack server_{};
    std::vector<char> into_ = std::vector<char>(std::size_t{1} << 17);
    std::deque<End> ends_{};
    std::vector<End*> accepted_{};  // since the last look
    std::size_t connections_ = 0;
    End* stream_client_ = nullptr;
    End* stream_server_ = nullptr;
    std::vector<End*> idle_{};
};

}  // namespace

PeerKind lwip_back_to_back() {
    return {.name = "lwIP", .make = [] { return std::make_unique<LwipPeer>(); }};
}

}  // namespace fairlead::bench
