// drill/connection.hpp — between the script's numbers and the wire's.
//
// Owns:   which live connection a scripted packet means; our initial sequence number and our
//         timestamps as the script has them and as they travel.
// Why:    a script calls our first sequence number 0 and our first timestamp what it likes. What
//         the script sends (the remote side) travels as written.
#pragma once

#include <cstdint>
#include <expected>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "drill/script.hpp"
#include "drill/seen.hpp"
#include "drill/settings.hpp"
#include "fairlead/address.hpp"

namespace fairlead::drill {

struct Connection {
    Endpoint local{};  // port 0: not known before the first packet
    Endpoint remote{};
    std::optional<Ports> scripted_ports{};  // local and remote, where the script names them
    std::optional<std::uint32_t> sequence_offset{};       // live - scripted, of what we send
    bool has_new_peer = true;                             // it may begin with a new number
    std::optional<std::uint32_t> peer_initial{};          // the number of the last SYN that came in
    std::map<std::uint32_t, std::uint32_t> timestamps{};  // scripted TS val -> live
    struct FirstTimestamp {
        std::uint32_t scripted = 0;
        std::uint32_t live = 0;
    };
    std::optional<FirstTimestamp> first_timestamp{};

    // An outbound segment in the script's numbers.
    TcpBody scripted_of(const TcpBody& live) const;
    // Learns from a SYN what the script calls our first number; does nothing for another segment,
    // nor for the same SYN sent again. on_inbound() tells of a new connection between these ports.
    void learn_sequence(const TcpBody& scripted, const TcpBody& live);
    void on_inbound(const TcpBody& segment);
    void learn_timestamp(const TcpBody& scripted, const TcpBody& live);
    // What comes in as it travels; the error says which timestamp was never sent, or what does not
    // go together.
    std::expected<PacketLine, std::string> live_of(const PacketLine& scripted,
                                                   bool scale_timestamp_echo) const;
    std::expected<TcpBody, std::string> live_of(const TcpBody& scripted,
                                                bool scale_timestamp_echo) const;
};

class Connections {
public:
    explicit Connections(const Settings& settings) : settings_{settings} {}

    // What the calls of the script tell.
    void on_socket() { has_fresh_socket_ = true; }
    void on_bind(std::uint16_t port) { bound_port_ = port; }
    void on_connect(const Endpoint& peer);

    // The connection that a line of the script means; made where there is none.
    Connection& meant_by(const PacketLine& line);
    // Whether a packet that left belongs to it. A first SYN tells where a connect() came from.
    bool owns(Connection& connection, const Seen& seen) const;
    // For reading: in the script's numbers where it is a packet of a connection we know.
    std::variant<TcpBody, UdpBody, IcmpBody> readable(const Seen& seen) const;

private:
    Connection& put_under_test(const Endpoint& local, const Endpoint& remote);
    bool begins_another(const PacketLine& line) const;

    static constexpr std::uint16_t kFirstRemotePort = 40001;

    const Settings& settings_;
    std::list<Connection> all_;
    Connection* under_test_ = nullptr;
    bool has_fresh_socket_ = true;  // a socket was made and has no connection yet
    std::uint16_t bound_port_ = 0;
    std::uint16_t next_remote_port_ = kFirstRemotePort;
};

}  // namespace fairlead::drill
