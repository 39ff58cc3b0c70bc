#include "tcp/key_chain.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "unit/base/hex.hpp"

namespace fairlead::tcp {
namespace {

using testing_hex::bytes_of;

MasterKey key_for(std::string_view peers, std::uint8_t send_id, std::uint8_t receive_id) {
    MasterKey key{.peers = *Prefix::parse(peers), .send_id = send_id, .receive_id = receive_id};
    std::ranges::copy(bytes_of("secret"), key.storage.begin());
    key.bytes = 6;
    return key;
}

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

struct ChainedKeys : testing::Test {
    Result<void> add(std::string_view peers, std::uint8_t send_id, std::uint8_t receive_id,
                     const KeysInUse& as = {}) {
        return chain.add(key_for(peers, send_id, receive_id), as);
    }
    Result<void> remove(std::string_view peers, std::uint8_t send_id, std::uint8_t receive_id,
                        const KeysInUse& instead = {}) {
        return chain.remove({.peers = *Prefix::parse(peers),
                             .send_id = send_id,
                             .receive_id = receive_id,
                             .instead = instead});
    }
    KeyChain chain;
};

// RFC 5925 §3.1
TEST_F(ChainedKeys, OfTheSameNumbersAreNotForTheSamePeers) {
    ASSERT_TRUE(add("192.0.2.0/24", 1, 2));
    EXPECT_EQ(add("192.0.2.9/32", 1, 3).error(), Errc::Exists);
    EXPECT_EQ(add("192.0.2.9/32", 3, 2).error(), Errc::Exists);
    EXPECT_EQ(add("0.0.0.0/0", 1, 3).error(), Errc::Exists);
    EXPECT_TRUE(add("192.0.3.9/32", 1, 2));
    EXPECT_TRUE(add("2001:db8::/32", 1, 2));
    EXPECT_TRUE(add("192.0.2.9/32", 2, 1)) << "the two are numbered apart";
}

TEST_F(ChainedKeys, HaveCodesThatASynHasRoomFor) {
    MasterKey key = key_for("192.0.2.9/32", 1, 1);
    key.code_bytes = 16;
    EXPECT_TRUE(chain.add(key, {}));
    key.send_id = key.receive_id = 2;
    key.code_bytes = 17;
    EXPECT_EQ(chain.add(key, {}).error(), Errc::MessageTooLong);
}

TEST_F(ChainedKeys, AreFoundNewestFirst) {
    ASSERT_TRUE(add("192.0.2.0/24", 1, 1));
    ASSERT_TRUE(add("192.0.2.9/32", 2, 2));
    ASSERT_TRUE(add("192.0.2.8/32", 3, 3));
    EXPECT_EQ(chain.find(address("192.0.2.9"))->send_id, 2);
    EXPECT_EQ(chain.find(address("192.0.2.9"), {.receive = 1})->send_id, 1);
    EXPECT_EQ(chain.find(address("192.0.2.9"), {.receive = 3}), nullptr);
    EXPECT_EQ(chain.find(address("198.51.100.1")), nullptr);
    EXPECT_EQ(chain.find(address("2001:db8::1")), nullptr);
    chain.keep_only(address("192.0.2.9"));
    EXPECT_EQ(chain.list().size(), 2u);
    EXPECT_EQ(chain.any({.send = 3}), nullptr);
}

TEST_F(ChainedKeys, InUseAreChosenOnceAndKeptUntilSomebodySaysOtherwise) {
    EXPECT_FALSE(chain.choose({}, {}));
    ASSERT_TRUE(add("192.0.2.9/32", 1, 11));
    ASSERT_TRUE(add("192.0.2.9/32", 2, 12));
    ASSERT_TRUE(chain.choose({.send = 1}, {.receive = 77}));
    EXPECT_EQ(chain.info().keys.current, 1);
    EXPECT_EQ(chain.info().keys.next, 12) << "there is no 77: the newest";
    ASSERT_TRUE(chain.choose({.send = 2}, {.receive = 11}));
    EXPECT_EQ(chain.info().keys.current, 1);
    ASSERT_TRUE(chain.set({.keys = {.current = 2, .next = 11}, .is_required = true}));
    EXPECT_EQ(chain.info().keys.current, 2);
    EXPECT_EQ(chain.info().keys.next, 11);
    EXPECT_EQ(chain.set({.keys = {.current = 7}}).error(), Errc::NoSuchEntry);
    EXPECT_TRUE(chain.is_required()) << "what failed changed nothing";
    ASSERT_TRUE(add("192.0.2.9/32", 3, 13, {.current = 3, .next = 13}));
    EXPECT_EQ(chain.info().keys.current, 3);
    EXPECT_EQ(chain.info().keys.next, 13);
}

TEST_F(ChainedKeys, InUseStayUntilOthersTakeTheirPlace) {
    ASSERT_TRUE(add("192.0.2.9/32", 1, 11));
    ASSERT_TRUE(add("192.0.2.9/32", 2, 12, {.current = 2, .next = 12}));
    EXPECT_EQ(remove("192.0.2.9/32", 2, 12).error(), Errc::Busy);
    EXPECT_EQ(remove("192.0.2.9/32", 2, 12, {.current = 1}).error(), Errc::Busy)
        << "the peer is still asked for it";
    EXPECT_EQ(remove("192.0.2.9/32", 2, 12, {.next = 9}).error(), Errc::NoSuchEntry);
    EXPECT_EQ(remove("192.0.2.8/32", 2, 12).error(), Errc::NoSuchEntry);
    EXPECT_EQ(remove("192.0.2.9/32", 2, 11).error(), Errc::NoSuchEntry);
    EXPECT_EQ(remove("192.0.2.9/32", 2, 12, {.current = 2}).error(), Errc::NoSuchEntry);
    EXPECT_TRUE(remove("192.0.2.9/32", 2, 12, {.current = 1, .next = 11}));
    EXPECT_EQ(chain.list().size(), 1u);
    EXPECT_TRUE(chain.list()[0].is_current && chain.list()[0].is_next);
}

TEST_F(ChainedKeys, CountAndAreToldWhatToCountFrom) {
    ++chain.counts.bad;
    EXPECT_EQ(chain.info().counts, (AuthenticationCounts{.bad = 1}));
    ASSERT_TRUE(chain.set({.accepts_icmps = true, .counts = AuthenticationCounts{.good = 5}}));
    EXPECT_EQ(chain.info().counts, (AuthenticationCounts{.good = 5}));
    EXPECT_TRUE(chain.info().accepts_icmps);
}

}  // namespace
}  // namespace fairlead::tcp
