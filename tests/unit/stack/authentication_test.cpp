#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "unit/base/hex.hpp"
#include "unit/tcp/loopback.hpp"

namespace fairlead {
namespace {

using testing_hex::bytes_of;

// A host whose sockets sign with TCP-AO what they say to each other (RFC 5925).
class Authentication : public Loopback {
protected:
    static MasterKey key(std::uint8_t send_id, std::uint8_t receive_id, std::string_view secret,
                         KeyAlgorithm algorithm = KeyAlgorithm::HmacSha1) {
        MasterKey k{.peers = *Prefix::parse("127.0.0.1/32"),
                    .algorithm = algorithm,
                    .send_id = send_id,
                    .receive_id = receive_id,
                    .bytes = static_cast<std::uint8_t>(secret.size())};
        std::ranges::copy(bytes_of(secret), k.storage.begin());
        return k;
    }
    SocketId stream() { return *stack.socket(Family::Inet, SocketType::Stream); }
    Pair connected(const MasterKey& of_client, const MasterKey& of_server) {
        listener = listen_on(at);
        EXPECT_TRUE(stack.add_key(listener, of_server));
        const SocketId c = stream();
        EXPECT_TRUE(stack.add_key(c, of_client));
        EXPECT_EQ(stack.connect(c, at).error(), Errc::InProgress);
        run(100_ms);
        const auto s = stack.accept(listener);
        EXPECT_TRUE(s);
        return {c, s.value_or(SocketId{})};
    }
    // All of it, at once.
    void carry(SocketId from, SocketId to, std::string_view text) {
        EXPECT_EQ(stack.send(from, bytes_of(text)), text.size());
        run(100_ms);
        std::vector<std::byte> got(text.size() + 1);
        EXPECT_EQ(stack.receive(to, got), text.size());
    }
    std::uint64_t count(Counter c) const { return stack.counters()[c]; }

    Endpoint at{*IpAddress::parse("127.0.0.1"), 179};
    SocketId listener{};
};

TEST_F(Authentication, HoldsFromTheSynToTheLastAck) {
    for (const KeyAlgorithm algorithm : {KeyAlgorithm::HmacSha1, KeyAlgorithm::AesCmac}) {
        const auto [c, s] =
            connected(key(1, 2, "secret", algorithm), key(2, 1, "secret", algorithm));
        carry(c, s, std::string(100'000, 'a').substr(0, 60'000));
        carry(s, c, "and back");
        const AuthenticationInfo info = *stack.authentication(s);
        EXPECT_EQ(info.keys.current, 2);
        EXPECT_EQ(info.keys.next, 1);
        EXPECT_GT(info.counts.good, 2u);
        const auto keys = *stack.keys(s);
        ASSERT_EQ(keys.size(), 1u);
        EXPECT_EQ(keys[0].good, info.counts.good);
        ASSERT_TRUE(stack.close(c));
        run(100_ms);
        ASSERT_TRUE(stack.close(s));
        ASSERT_TRUE(stack.close(listener));
        run(100_s);
    }
    EXPECT_GT(count(Counter::TcpExtTCPAOGood), 20u);
    EXPECT_EQ(count(Counter::TcpExtTCPAOBad), 0u);
    EXPECT_EQ(count(Counter::TcpExtTCPAOKeyNotFound), 0u);
    EXPECT_EQ(count(Counter::TcpExtTCPAORequired), 0u);
}

// RFC 5925 §7.5
TEST_F(Authentication, TheKeyChangesAsThePeerAsks) {
    const auto [c, s] = connected(key(1, 2, "secret"), key(2, 1, "secret"));
    MasterKey another = key(3, 4, "another", KeyAlgorithm::AesCmac);
    another.code_bytes = 16;
    ASSERT_TRUE(stack.add_key(c, another));
    std::swap(another.send_id, another.receive_id);
    ASSERT_TRUE(stack.add_key(s, another));
    carry(c, s, "with the first");
    EXPECT_EQ(stack.authentication(s)->keys.current, 2);
    // The client wants to hear the other: what it sends itself is as it was.
    ASSERT_TRUE(stack.set_authentication(c, {.keys = {.next = 4}}));
    carry(c, s, "with the first, and asks");
    EXPECT_EQ(stack.authentication(s)->keys.current, 4);
    EXPECT_EQ(stack.authentication(c)->keys.current, 1);
    carry(s, c, "with the second");
    EXPECT_GT((*stack.keys(c))[0].good, 0u) << "the newest is listed first";
    EXPECT_EQ(stack.remove_key(s, {.peers = another.peers, .send_id = 2, .receive_id = 1}).error(),
              Errc::Busy)
        << "the client still signs with it";
    ASSERT_TRUE(stack.set_authentication(s, {.keys = {.next = 3}}));
    carry(s, c, "asks too");
    carry(c, s, "with the second");
    EXPECT_TRUE(stack.remove_key(s, {.peers = another.peers, .send_id = 2, .receive_id = 1}));
    carry(c, s, std::string(50'000, 'x'));
    EXPECT_EQ(count(Counter::TcpExtTCPAOBad), 0u);
}

TEST_F(Authentication, AnotherSecretOrNumberOrNoneIsNotHeard) {
    listener = listen_on(at);
    ASSERT_TRUE(stack.add_key(listener, key(2, 1, "secret")));
    const auto knock = [&](const MasterKey* k) {
        const SocketId c = stream();
        if (k != nullptr) {
            EXPECT_TRUE(stack.add_key(c, *k));
        }
        EXPECT_EQ(stack.connect(c, at).error(), Errc::InProgress);
        run(100_ms);
        EXPECT_EQ(stack.tcp_info(c)->state, TcpState::SynSent);
        EXPECT_TRUE(stack.close(c));
    };
    const MasterKey guessed = key(1, 2, "guessed");
    knock(&guessed);
    EXPECT_EQ(count(Counter::TcpExtTCPAOBad), 1u);
    const MasterKey unknown = key(7, 2, "secret");
    knock(&unknown);
    EXPECT_EQ(count(Counter::TcpExtTCPAOKeyNotFound), 1u);
    knock(nullptr);
    EXPECT_EQ(count(Counter::TcpExtTCPAORequired), 1u);
    MasterKey shorter = key(1, 2, "secret");
    shorter.code_bytes = 8;
    knock(&shorter);
    EXPECT_EQ(count(Counter::TcpExtTCPAOBad), 2u);
    const AuthenticationInfo info = *stack.authentication(listener);
    EXPECT_EQ(info.counts, (AuthenticationCounts{.bad = 2, .key_not_found = 1, .required = 1}));
    // With a key that the listener cannot be asked to answer with nothing leaves.
    const MasterKey mute = key(1, 9, "secret");
    knock(&mute);
    EXPECT_EQ(count(Counter::TcpExtTCPAOGood), 1u);
}

TEST_F(Authentication, IsRequiredOfAllWhereSomebodySaysSo) {
    listener = listen_on(at);
    ASSERT_TRUE(stack.set_authentication(listener, {.is_required = true}));
    const SocketId c = stream();
    ASSERT_EQ(stack.connect(c, at).error(), Errc::InProgress);
    run(100_ms);
    EXPECT_EQ(count(Counter::TcpExtTCPAORequired), 1u);
    const SocketId other = stream();
    ASSERT_TRUE(stack.set_authentication(other, {}));
    EXPECT_EQ(stack.connect(other, at).error(), Errc::KeyRejected)
        << "there is no key to sign with";
    ASSERT_TRUE(stack.add_key(other, key(1, 1, "secret")));
    EXPECT_EQ(stack.connect(other, at).error(), Errc::InProgress);
}

TEST_F(Authentication, IsNotMixedWithThatOfMd5) {
    const SocketId a = stream();
    ASSERT_TRUE(stack.add_key(a, key(1, 1, "secret")));
    EXPECT_EQ(stack.set_signature_key(a, *Prefix::parse("127.0.0.1/32"), bytes_of("k")).error(),
              Errc::KeyRejected);
    EXPECT_TRUE(stack.set_signature_key(a, *Prefix::parse("192.0.2.1/32"), bytes_of("k")));
    const SocketId b = stream();
    ASSERT_TRUE(stack.set_signature_key(b, *Prefix::parse("127.0.0.0/8"), bytes_of("k")));
    EXPECT_EQ(stack.add_key(b, key(1, 1, "secret")).error(), Errc::KeyRejected);
    EXPECT_EQ(stack.authentication(b).error(), Errc::NoSuchEntry);
}

TEST_F(Authentication, BeginsBeforeTheConnection) {
    listener = listen_on(at);
    const auto [c, s] = connect_to(listener, at);
    EXPECT_EQ(stack.add_key(c, key(1, 1, "secret")).error(), Errc::AlreadyConnected);
    EXPECT_EQ(stack.set_authentication(s, {}).error(), Errc::AlreadyConnected);
    EXPECT_EQ(stack.set_authentication(listener, {.keys = {.current = 1}}).error(),
              Errc::InvalidArgument)
        << "a listener uses none";
    ASSERT_TRUE(stack.add_key(listener, key(1, 1, "secret")));
    EXPECT_EQ(stack
                  .remove_key(c, {.peers = *Prefix::parse("127.0.0.1/32"),
                                  .send_id = 1,
                                  .receive_id = 1,
                                  .is_for_listener = true})
                  .error(),
              Errc::AlreadyConnected);
    EXPECT_TRUE(stack.remove_key(listener, {.peers = *Prefix::parse("127.0.0.1/32"),
                                            .send_id = 1,
                                            .receive_id = 1,
                                            .is_for_listener = true}));
}

// What a connection was opened with it keeps, whatever becomes of its listener's keys.
TEST_F(Authentication, OfAChildIsItsOwn) {
    const auto [c, s] = connected(key(1, 2, "secret"), key(2, 1, "secret"));
    ASSERT_TRUE(stack.remove_key(
        listener, {.peers = *Prefix::parse("127.0.0.1/32"), .send_id = 2, .receive_id = 1}));
    ASSERT_TRUE(stack.close(listener));
    carry(c, s, "still");
    EXPECT_EQ(stack.add_key(s, key(9, 9, "x")), Result<void>{});
    EXPECT_EQ(stack.keys(s)->size(), 2u);
    MasterKey elsewhere = key(8, 8, "x");
    elsewhere.peers = *Prefix::parse("192.0.2.1/32");
    EXPECT_EQ(stack.add_key(s, elsewhere).error(), Errc::InvalidArgument);
}

// A key of its own for whoever comes from elsewhere is none for us, and a RST ends what is signed.
TEST_F(Authentication, EndsByASignedReset) {
    const auto [c, s] = connected(key(1, 2, "secret"), key(2, 1, "secret"));
    ASSERT_TRUE(stack.set_option(c, Option::LingerSeconds, 0));
    ASSERT_TRUE(stack.close(c));
    run(100_ms);
    EXPECT_EQ(stack.option(s, Option::Error), std::int64_t{to_errno(Errc::ConnectionReset)});
    EXPECT_EQ(count(Counter::TcpExtTCPAORequired), 0u);
}

// RFC 2385: several segments that left as one packet go again one by one, each with its own.
TEST_F(Authentication, WhatWasCutBeforeThereWasAKeyIsSignedPieceByPiece) {
    listener = listen_on(at);
    const auto [c, s] = connect_to(listener, at);
    const Prefix peers = *Prefix::parse("127.0.0.1/32");
    ASSERT_TRUE(stack.set_signature_key(s, peers, bytes_of("key")));
    const std::string text(600'000, 'x');
    std::size_t sent = *stack.send(c, bytes_of(text));
    run(10_ms);
    EXPECT_GT(count(Counter::TcpExtTCPMD5NotFound), 0u);
    ASSERT_TRUE(stack.set_signature_key(c, peers, bytes_of("key")));
    std::size_t got = 0;
    std::vector<std::byte> room(text.size());
    for (int i = 0; i < 100 && got < text.size(); ++i) {
        run(1_s);
        if (const auto n = stack.receive(s, room)) got += *n;
        const auto more = stack.send(c, bytes_of(text).subspan(sent));
        if (sent < text.size() && more) sent += *more;
    }
    EXPECT_EQ(got, text.size());
    EXPECT_EQ(count(Counter::TcpExtTCPMD5Failure), 0u);
}

}  // namespace
}  // namespace fairlead
