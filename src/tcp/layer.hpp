// tcp/layer.hpp — all TCP of one stack: the tables, the clock's wheel, and who is where in them.
//
// Owns:      connections, requests, TIME-WAIT entries and listeners in slabs; demux, bind table,
//            timer wheel, ready list; the secrets of ISNs.
// Answers:   input() to the network, the calls to the sockets; woken() tells which sockets to look
//            at again.
// Files:     layer.cpp (filing, time), layer_calls.cpp (bind, connect, listen, accept),
//            layer_input.cpp (segments and ICMP), passive.cpp (SYN queue, accept queue),
//            passive_fast_open.cpp (a connection from a SYN).
// Not here:  what a segment does to one connection (connection.hpp); descriptors, blocking.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/prefetch.hpp"
#include "base/slab.hpp"
#include "base/timer_wheel.hpp"
#include "ip/steering.hpp"
#include "tcp/bind_table.hpp"
#include "tcp/connection.hpp"
#include "tcp/demux.hpp"
#include "tcp/listener.hpp"
#include "tcp/request.hpp"
#include "tcp/syn_cookie.hpp"
#include "tcp/time_wait.hpp"

namespace fairlead::tcp {

class Layer {
public:
    Layer(const Config& config, Counters& counters, PacketPool& pool, ip::Network& network,
          std::span<const std::uint8_t, 16> key);
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;
    ~Layer();

    // The application's own; they outlive the layer.
    void set_controllers(std::span<const CongestionOperations* const> own) { controllers_ = own; }
    // Null: there is none of that name.
    const CongestionOperations* controller(std::string_view name) const {
        return controller_by_name(name, controllers_);
    }

    // In a group of stacks: connect() picks ports by which the answers come to member `own`. It
    // outlives the layer.
    void set_steering(const ip::Steering& steering, std::uint16_t own) {
        steering_ = &steering;
        steered_to_ = own;
    }

    // --- time ---
    void set_now(Instant now) { env_.now = now; }
    void begin_round() {
        if (!to_file_.empty()) file_timers(to_file_, last_round());
        to_file_.swap(unfiled_);
        to_file_lowest_ = std::exchange(unfiled_lowest_, Instant::never());
        round_ = last_round();
    }
    void expire();
    Instant next_deadline() const;
    // Sends what is ready; the list is taken, nothing is scanned.
    void flush();
    bool has_ready() const { return ready_first_ != nullptr; }

    // --- the network ---
    void input(std::span<ip::Incoming> burst);
    void on_icmp(const ip::IcmpError& error);

    // --- sockets: layer_calls.cpp ---
    // A connection's socket has its number.
    Connection* make();
    void prefetch(std::uint32_t number) const {
        if (number < connections_.capacity()) prefetch_object(connections_.at(number));
    }
    // AccessDenied: the port is below `lowest_port`, which is the caller's.
    Result<void> bind(Connection& c, Family family, const Endpoint& local,
                      std::int64_t lowest_port);
    // InProgress: begun, or not answered yet. Success is told once, when it is done.
    Result<void> connect(Connection& c, const Endpoint& peer) { return connect(c, peer, nullptr); }
    // connect(AF_UNSPEC): a RST if the peer knows of us; then as one that was just made.
    void disconnect(Connection& c, Family family);
    // Somebody else ends it (SOCK_DESTROY): ConnectionAborted to its application. NoSuchEntry.
    Result<void> destroy(Connection& c);
    Result<void> listen(Connection& c, int backlog);
    // The oldest finished connection; its socket is set by the caller. WouldBlock: none.
    Result<Connection*> accept(Connection& listener);
    Result<std::size_t> write(Connection& c, Bytes bytes, SendFlags flags);
    Result<std::size_t> read(Connection& c, MutableBytes into, ReceiveFlags flags);
    std::size_t bytes_to_read(const Connection& c) const {  // up to the urgent byte
        return static_cast<std::size_t>(c.readable_to_mark(env_));
    }
    bool is_at_mark(const Connection& c) const { return c.is_at_mark(env_); }
    Result<ErrorMessage> receive_error(Connection& c, MutableBytes into);
    Result<void> shutdown(Connection& c, Shutdown how);
    void close(Connection& c);
    void apply_options(Connection& c) { apply(c, c.apply_options(env_)); }
    void push_pending(Connection& c, bool at_once) { apply(c, c.push_pending(at_once)); }
    void acknowledge_read(Connection& c) { c.acknowledge_read(env_); }
    std::uint32_t port_range(const Connection& c) const { return c.port_range(env_); }
    Result<void> set_timestamping(Connection& c, std::int64_t flags) {
        return c.set_timestamping(flags, env_);
    }
    Stamps timestamping(const Connection& c) const { return c.timestamping(env_); }
    Result<void> stamp(Connection& c, Stamps wanted) { return c.stamp_written(wanted, env_); }
    Result<void> set_port_range(Connection& c, std::int64_t value) {
        return c.set_port_range(value, env_);
    }
    Result<void> set_pacing_rate(Connection& c, std::int64_t most) {
        return c.set_most_pacing_rate(most, env_);
    }
    // --- layer_fast_open.cpp ---
    // TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE.
    Result<void> set_fast_open(Connection& c, Option option, std::int64_t value);
    std::int64_t fast_open(const Connection& c, Option option) const;
    // MSG_FASTOPEN: how many of the bytes the SYN takes along; 0: it asks for a cookie, or nothing is
    // to be sent so. Errors of connect(), but InProgress.
    Result<std::size_t> send_fast_open(Connection& c, const Endpoint& peer, Bytes bytes);
    const Metrics& metrics() const { return metrics_; }
    const MemoryBudget& budget() const { return budget_; }
    std::size_t forget_metrics(const IpAddress& remote) { return metrics_.forget(remote); }
    // TCP_FASTOPEN_KEY: 16 bytes, or 32 with the key before.
    Result<void> set_fast_open_key(Connection& c, Bytes key);
    FastOpenKeys own_fast_open_keys() const;  // where nobody has set any
    void forgive_path() { fast_open_pause_.forgive(); }
    std::size_t fast_open_key(const Connection& c, MutableBytes into) const;
    // TCP_MD5SIG: layer_signature.cpp
    Result<void> set_signature(Connection& c, const Prefix& peers, Bytes key);
    // TCP_AO_ADD_KEY, TCP_AO_DEL_KEY, TCP_AO_INFO: layer_authentication.cpp
    Result<void> add_key(Connection& c, const MasterKey& key, const KeysInUse& as);
    Result<void> remove_key(Connection& c, const KeyRemoval& removal);
    Result<void> set_authentication(Connection& c, const AuthenticationSettings& settings);
    // Null: it has no keys, and was told nothing of them.
    const KeyChain* key_chain(const Connection& c) {
        return signatures_.chain(connections_.index_of(&c));
    }
    // IP_OPTIONS: layer_header_options.cpp
    Result<void> set_header_options(Connection& c, Bytes given);
    std::size_t header_options(const Connection& c, MutableBytes into) const;
    Readiness readiness(const Connection& c) const;
    TcpInfo info(const Connection& c) const;
    SocketMemory memory(const Connection& c) const { return c.memory(config_); }

    // Sockets whose readiness may have changed since clear_woken(); whoever looks clears
    // filing.woken, so that each is listed once.
    std::span<const std::uint32_t> woken() const { return woken_; }
    void clear_woken();

    // The next rows of a snapshot (describe.cpp); SocketInfo::socket.index is the socket's number,
    // or one that is nobody's. False: that was all, and the cursor stands at `end_phase`.
    bool describe(SocketCursor& cursor, std::size_t most, std::vector<SocketRow>& rows) const;
    static constexpr std::uint32_t kEndPhase = 4;
    struct Census {
        std::size_t connections = 0;
        std::size_t requests = 0;
        std::size_t time_waits = 0;
    };
    Census census() const { return {connections_.size(), requests_.size(), time_waits_.size()}; }

private:
    // --- filing: layer.cpp ---
    std::uint32_t hash(const FlowKey& key) const { return hash_of(key, secret_); }
    Ref find(const FlowKey& key, std::uint32_t hash) const;
    Ref ref_of(const Connection& c) const { return {Kind::Connection, connections_.index_of(&c)}; }
    Ref ref_of(const Request& r) const { return {Kind::Request, requests_.index_of(&r)}; }
    Ref ref_of(const TimeWait& t) const { return {Kind::TimeWait, time_waits_.index_of(&t)}; }
    // Carries out what a connection answered; the connection may be gone afterwards.
    void apply(Connection& c, const Effects& effects);
    // What it is charged for may have changed; by less than `least` the next segment tells.
    void weigh(Connection& c, std::int64_t least = 1) {
        const std::int64_t more = c.unweighed();
        if (more < least && -more < least) return;
        c.set_weighed(more);
        budget_.change(more, config_, env_.counters, env_.now);
    }
    void file_timer(Connection& c);
    void file_timers(std::vector<std::uint32_t>& numbers, std::uint8_t round);
    std::uint8_t last_round() const { return round_ == 1 ? 2 : 1; }
    void wake(Connection& c, Readiness what);
    void make_ready(Connection& c);
    void unfile(Connection& c);
    void release(Connection& c);
    void remember(Connection& c, const Effects& effects);
    void forget(TimeWait& entry);
    void restart(TimeWait& entry);

    static constexpr int kLittle = 1024;  // not much more than a connection itself
    static constexpr int kMuch = 4096;

    // --- describe.cpp ---
    void follow_route(Connection& c, const ip::Path& path) const;
    SocketRow row_of(const Connection& c) const;
    SocketRow row_of(const Request& r) const;
    SocketRow row_of(const TimeWait& t) const;

    // --- layer_calls.cpp ---
    Result<std::uint16_t> ephemeral_port(const Connection& c, const Endpoint& peer,
                                         std::uint32_t& isn);
    Result<void> check_name(const Connection& c, Family family, const IpAddress& name) const;
    void note_name(Connection& c, const Endpoint& name);
    Result<void> take_port(Connection& c, const Endpoint& local);
    Result<std::uint16_t> free_port(const Connection& c, const IpAddress& address);
    std::optional<std::uint16_t> free_port_among(const Connection& c, const IpAddress& address,
                                                 const ip::PortRange& range);
    // `is_bound`: the application asked for this very port.
    bool is_free(const FlowKey& key, bool is_bound, std::uint32_t& isn);
    bool may_choose(const FlowKey& key, std::uint32_t& isn);
    void prefetch_port(FlowKey key, std::uint16_t port) const;
    bool comes_back_here(const FlowKey& key) const {
        return steering_ == nullptr || steering_->member_of(key.remote, key.local) == steered_to_;
    }
    std::uint32_t make_isn(const FlowKey& key) const;
    std::uint32_t timestamp_offset(const FlowKey& key) const;

    // --- layer_input.cpp ---
    struct Parsed {
        wire::TcpHeader header{};
        wire::TcpOptions options{};
        FlowKey key{};
        std::uint32_t hash = 0;
        std::uint32_t payload = 0;
        Instant arrived{};
        std::uint8_t tos = 0;
        std::uint16_t segments = 1;
        bool is_good = false;
        std::uint8_t next = kNoneBehind;  // in the burst, perhaps of the same flow
    };
    static constexpr std::uint8_t kNoneBehind = UINT8_MAX;
    void input_part(std::span<ip::Incoming> burst);  // at most kMostAtOnce
    // Into `p`, whose every field it sets.
    void parse(ip::Incoming& in, Parsed& p);
    void deliver(const Parsed& p, ip::Incoming& in);
    void to_connection(Connection& c, const Parsed& p, ip::Incoming& in);
    void chain(std::span<Parsed> burst);
    bool is_followed(const Parsed& p) const;
    void to_time_wait(TimeWait& t, TimeWaitVerdict verdict, const Parsed& p);
    void to_nobody(const Parsed& p, InterfaceIndex interface);
    // The RST for what has no home: RFC 9293 §3.10.7.1.
    void send_reset(const Parsed& p);
    bool may_answer(const Parsed& p, Instant& last, Counter skipped);
    void answer_from_time_wait(TimeWait& t, const Parsed& answered);  // not too often
    void send_time_wait_ack(const TimeWait& t, const FlowKey& key);
    // To whom we answer; none: there is no way.
    std::optional<ip::Path> path_to(const FlowKey& key);

    // --- passive.cpp ---
    void on_syn(Connection& listener, const Parsed& p, ip::Incoming& in, std::uint32_t isn);
    bool is_known(const FlowKey& key) const;  // a connection with that host was finished
    void on_icmp(Request& r, const ip::IcmpError& e);
    void to_request(Request& r, const Parsed& p, ip::Incoming& in);
    void complete(Request& r, const Parsed& p, ip::Incoming& in);
    // What a SYN, or a cookie that came back, says of the connection to be.
    void describe(Request& r, Connection& listener, const Parsed& p, const ip::Path& path) const;
    void keep(Request& r, Listener& l, std::uint32_t hash);
    void send_cookie(Request& r, Listener& l, const ip::Path& path);
    // False: it is none, and nobody knows the segment.
    bool take_cookie(Connection& listener, const Parsed& p, ip::Incoming& in);
    Connection* make_child(const Request& r);
    Connection* establish(const Request& r, const Parsed& p);
    void offer(Connection& c, Connection& listener);
    void offer_window(Request& r, const ip::Path& path) const;
    void send_syn_ack(Request& r, std::uint32_t clock, const FastOpenCookie* cookie = nullptr);
    void repeat_syn_ack(Request& r, const Parsed& p);
    void ring_request(Request& r);
    Duration syn_ack_timeout(const Request& r) const;
    void drop(Request& r);
    void unlist(Request& r);
    void stop_listening(Connection& c);
    void answer_request(Request& r, const Parsed& p, wire::Seq32 seq);
    enum class RequestVerdict : std::uint8_t { Drop, Repeat, Wrong, Answer, End, Take };
    RequestVerdict judge(const Request& r, const Parsed& p);
    RequestVerdict judge_reset(bool is_exact);
    void count_refusal(bool is_old, bool is_stray);
    static bool echoes_another(const Request& r, const Parsed& p);

    // --- layer_fast_open.cpp ---
    struct SynData {
        Bytes bytes{};
        std::size_t taken = 0;
    };
    // `data` null: as connect() has it. True: nothing leaves before the first write.
    Result<void> connect(Connection& c, const Endpoint& peer, SynData* data);
    bool start_fast_open(Connection& c, SynData* data);
    Result<std::size_t> send_deferred(Connection& c, Bytes bytes);
    void judge_end(Connection& c);

    // --- passive_fast_open.cpp ---
    FastOpenAnswer judge_fast_open(Connection& listener, const Parsed& p);
    bool has_fast_open_room(Connection& listener);
    // False: an ordinary handshake, with the cookie, if there is one, in the SYN-ACK.
    bool open_fast(Request& r, const Parsed& p, ip::Incoming& in, FastOpenCookie& cookie);
    void to_fast_open_child(Connection& c, const Parsed& p, ip::Incoming& in);
    void end_request(Connection& c, bool was_reset);
    void end_fast_open_queue(Connection& listener);

    // --- layer_signature.cpp ---
    // As the keys of its socket say, or, where a SYN came, of its listener; until let_go().
    void sign(const Connection& c, const FlowKey& flow, std::uint32_t isn);
    void sign_answers(const Connection& listener, const Parsed& p, std::uint32_t peer_isn);
    void note_isn(const FlowKey& flow, wire::Seq32 own) {
        if (!signatures_.is_on()) return;
        AuthenticatedFlow* as = signatures_.authenticated(flow);
        if (as != nullptr) as->begin(static_cast<std::uint32_t>(own));
    }
    // What was kept of a flow that is in no table any more.
    void let_go(const FlowKey& flow) {
        if (signatures_.is_on()) signatures_.unbind(flow);
        if (header_options_.is_on()) header_options_.unbind(flow);
    }
    // Whose keys a segment is held to.
    struct Signer {
        const SignatureKey* md5 = nullptr;
        KeyChain* chain = nullptr;
        AuthenticatedFlow* flow = nullptr;
        Connection* connection = nullptr;
        bool is_request = false;
        bool is_synchronized = false;
        bool is_nobody = false;
    };
    Signer signer_of(const Parsed& p, const ip::Incoming& in);
    const SignatureKey* key_of_nobody(const Parsed& p, InterfaceIndex interface);
    bool may_be_plain(const Parsed& p, const Signer& s);
    // The header lies before it still. Counts what is wrong.
    bool is_signed_right(const Parsed& p, const ip::Incoming& in);

    // --- layer_header_options.cpp ---
    // Where a connection to that peer goes first.
    IpAddress first_hop(const Connection& c, const IpAddress& peer) const;
    void bind_header_options(const Connection& c);
    void bind_way_back(const Parsed& p, const ip::Incoming& in);

    // --- layer_authentication.cpp ---
    struct Expected {
        Direction direction{};
        std::uint64_t number = 0;
    };
    Result<KeyChain*> chain_for_call(Connection& c, const KeysInUse& named);
    Result<void> check_keys(const Connection& c, const IpAddress& peer);
    // Nothing: it cannot be known.
    static std::optional<Expected> expected_of(const Parsed& p, const Signer& s);
    bool is_authentic(const Parsed& p, const ip::Incoming& in, const FoundSignature& told,
                      const Signer& s);
    void note_authentic(const Parsed& p, const Signer& s, std::uint64_t number);
    bool ignores(const FlowKey& flow, const ip::IcmpError& e, bool is_synchronized);

    const Config& config_;
    SipKey secret_{};
    SipKey isn_secret_{};
    CookieKeys cookie_keys_{};
    Slab<Connection> connections_;
    Slab<Request> requests_;
    Slab<TimeWait> time_waits_;
    Slab<Listener> listeners_;
    Slab<Chunk> chunks_;
    Slab<Backroom> backrooms_;
    std::span<const CongestionOperations* const> controllers_{};
    WriteArena arena_;
    GapPool gaps_;
    AnnexPool annexes_;
    Metrics metrics_;
    FastOpenPause fast_open_pause_;
    SipKey fast_open_secret_{};  // where no key is set
    ChallengeLimit challenges_;
    Signatures signatures_;
    FlowOptions header_options_;
    MemoryBudget budget_;
    Environment env_;
    TimerWheel wheel_;  // of connections
    TimerWheel request_wheel_;
    TimerWheel time_wait_wheel_;
    std::int64_t orphans_ = 0;  // connections whose sockets were closed
    Demux demux_;
    BindTable binds_;
    const ip::Steering* steering_ = nullptr;  // null: alone
    std::uint16_t steered_to_ = 0;
    Connection* ready_first_ = nullptr;
    Connection* ready_last_ = nullptr;
    std::vector<std::uint32_t> woken_;
    std::vector<std::uint32_t> unfiled_;  // whose alarm is to be filed in the next round
    std::vector<std::uint32_t> to_file_;  // those of the round before this one
    std::uint8_t round_ = 1;              // 1 and 2 in turn
    Instant unfiled_lowest_ = Instant::never();
    Instant to_file_lowest_ = Instant::never();
    ip::LocalPorts local_ports_;
    // Where the last search for a port ended: for even ones, for odd ones.
    std::array<std::array<std::uint16_t, 2>, 256> port_offsets_{};
    static constexpr std::size_t kMostAtOnce = 32;
    std::array<Parsed, kMostAtOnce> parsed_{};  // of the burst in hand
};

}  // namespace fairlead::tcp
