// TCP_AO_* by the structs of linux/tcp.h: each field is written where Linux 6.7 reads it.
#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "unit/posix/process.hpp"

namespace fairlead::posix {
namespace {

constexpr int kTcpLevel = 6;
constexpr int kAdd = 38;
constexpr int kDelete = 39;
constexpr int kInfo = 40;
constexpr int kGet = 41;
constexpr int kMd5 = 14;

struct Octets {
    explicit Octets(std::size_t size) : bytes(size) {}

    Octets& put(std::size_t at, std::string_view text) {
        std::memcpy(bytes.data() + at, text.data(), text.size());
        return *this;
    }
    template <typename T>
    Octets& put(std::size_t at, T value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
        return *this;
    }
    template <typename T>
    T get(std::size_t at) const {
        T value{};
        std::memcpy(&value, bytes.data() + at, sizeof value);
        return value;
    }
    std::string_view text(std::size_t at) const {
        return reinterpret_cast<const char*>(bytes.data() + at);
    }
    std::vector<std::byte> bytes;
};

class Authentication : public Process {
protected:
    static Octets with_peer(std::size_t size, std::uint16_t port = 0) {
        Octets o{size};
        const SocketName name = name_at(port);
        std::ranges::copy(name.bytes(), o.bytes.begin());
        return o;
    }
    // struct tcp_ao_add, for 127.0.0.1.
    static Octets added(std::uint8_t send_id, std::uint8_t receive_id,
                        std::string_view algorithm = "hmac(sha1)") {
        return with_peer(288)
            .put(128, algorithm)
            .put<std::uint8_t>(202, 32)
            .put(203, send_id)
            .put(204, receive_id)
            .put<std::uint8_t>(207, 6)
            .put(208, std::string_view{"secret"});
    }
    static Octets removed(std::uint8_t send_id, std::uint8_t receive_id) {
        return with_peer(144).put<std::uint8_t>(138, 32).put(139, send_id).put(140, receive_id);
    }
    Result<void> set(int fd, int name, const Octets& value) {
        return client.setsockopt(fd, kTcpLevel, name, value.bytes);
    }
    Errc refusal(int fd, int name, const Octets& value) {
        const auto done = set(fd, name, value);
        return done ? Errc{} : done.error();
    }
    Result<std::size_t> get(int fd, int name, Octets& into) {
        return client.getsockopt(fd, kTcpLevel, name, into.bytes);
    }
    Result<std::size_t> get(int fd, int name, Octets&& into) { return get(fd, name, into); }
    int opened() { return stream(Family::Inet, abi::kNonblock); }
};

TEST_F(Authentication, AddsKeysAsLinuxDoes) {
    const int fd = opened();
    EXPECT_EQ(refusal(fd, kAdd, Octets{3}), Errc::InvalidArgument);
    EXPECT_EQ(refusal(fd, kAdd, Octets{287}), Errc::InvalidArgument);
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1, "hmac(md6)")), Errc::NoSuchEntry);
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::uint16_t>(2, 0x100)), Errc::InvalidArgument)
        << "of any port";
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::uint8_t>(202, 33)), Errc::InvalidArgument);
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::uint8_t>(202, 31)), Errc::InvalidArgument)
        << "an address behind the prefix";
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::uint8_t>(202, 0)), Errc::InvalidArgument);
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::uint8_t>(207, 81)), Errc::InvalidArgument);
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::uint8_t>(206, 4)), Errc::InvalidArgument);
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::uint32_t>(196, 4)), Errc::InvalidArgument);
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::int32_t>(192, 1)), Errc::InvalidArgument);
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::int32_t>(192, 1).put<std::uint8_t>(206, 1)),
              Errc::InvalidArgument)
        << "it is no VRF";
    EXPECT_EQ(refusal(fd, kAdd, added(1, 1).put<std::uint8_t>(205, 17)), Errc::MessageTooLong);
    EXPECT_EQ(refusal(fd, kInfo, Octets{48}.put<std::uint32_t>(0, 1)), Errc::NoSuchEntry);
    EXPECT_EQ(get(fd, kInfo, Octets{48}).error(), Errc::NoSuchEntry)
        << "what was refused has left nothing";
    EXPECT_TRUE(set(fd, kAdd, added(1, 1)));
    EXPECT_EQ(refusal(fd, kAdd, added(1, 2)), Errc::Exists);
    EXPECT_EQ(refusal(fd, kAdd, added(2, 1)), Errc::Exists);
    Octets longer = added(2, 2, "cmac(aes128)");
    longer.bytes.resize(300);
    EXPECT_TRUE(set(fd, kAdd, longer)) << "zeros behind it are for later kernels";
    longer.put<std::uint8_t>(299, 1).put<std::uint8_t>(203, 3).put<std::uint8_t>(204, 3);
    EXPECT_EQ(refusal(fd, kAdd, longer), Errc::TooBig);
    Octets md5 = with_peer(216);
    md5.put<std::uint16_t>(130, 3).put(136, std::string_view{"key"});
    EXPECT_EQ(refusal(fd, kMd5, md5), Errc::KeyRejected);
    const int other = opened();
    EXPECT_TRUE(set(other, kMd5, md5));
    EXPECT_EQ(refusal(other, kAdd, added(1, 1)), Errc::KeyRejected);
}

TEST_F(Authentication, TellsTheKeysAndWhichAreInUse) {
    const int fd = opened();
    ASSERT_TRUE(set(fd, kAdd, added(1, 11).put<std::uint32_t>(196, 3)));
    ASSERT_TRUE(set(fd, kAdd, added(2, 12, "cmac(aes128)").put<std::uint8_t>(206, 2)));
    Octets told{2 * 304};
    told.put<std::uint32_t>(272, 2).put<std::uint16_t>(276, 4);  // all
    EXPECT_EQ(get(fd, kGet, told), 304u);
    EXPECT_EQ(told.get<std::uint32_t>(272), 2u);
    EXPECT_EQ(told.text(128), "cmac(aes)");
    EXPECT_EQ(told.get<std::uint8_t>(278), 2);
    EXPECT_EQ(told.get<std::uint8_t>(279), 12);
    EXPECT_EQ(told.get<std::uint16_t>(276), 0);
    EXPECT_EQ(told.get<std::uint8_t>(282), 2);
    EXPECT_EQ(told.text(304 + 128), "hmac(sha1)");
    EXPECT_EQ(told.text(304 + 192), "secret");
    EXPECT_EQ(told.get<std::uint16_t>(304 + 276), 3);
    EXPECT_EQ(told.get<std::uint8_t>(304 + 280), 32);
    EXPECT_EQ(told.get<std::uint8_t>(304 + 281), 12);
    EXPECT_EQ(told.get<std::uint8_t>(304 + 283), 6);
    Octets current{304};
    current.put<std::uint32_t>(272, 1).put<std::uint16_t>(276, 1);
    EXPECT_EQ(get(fd, kGet, current), 304u);
    EXPECT_EQ(current.get<std::uint8_t>(278), 1);
    Octets one = with_peer(304);
    one.put<std::uint32_t>(272, 1)
        .put<std::uint8_t>(278, 2)
        .put<std::uint8_t>(279, 12)
        .put<std::uint8_t>(280, 32);
    EXPECT_EQ(get(fd, kGet, one), 304u);
    EXPECT_EQ(one.get<std::uint32_t>(272), 1u);
    EXPECT_EQ(get(fd, kGet, Octets{304}).error(), Errc::FamilyNotSupported);
    EXPECT_EQ(get(fd, kGet, Octets{304}.put<std::uint16_t>(276, 5)).error(), Errc::InvalidArgument);

    EXPECT_EQ(refusal(fd, kDelete, removed(1, 11)), Errc::Busy);
    EXPECT_EQ(refusal(fd, kDelete, removed(3, 11)), Errc::NoSuchEntry);
    EXPECT_EQ(refusal(fd, kDelete, removed(1, 11).put<std::uint32_t>(132, 4)),
              Errc::InvalidArgument)
        << "that is a listener's";
    EXPECT_TRUE(
        set(fd, kDelete,
            removed(1, 11).put<std::uint32_t>(132, 3).put<std::uint8_t>(141, 2).put<std::uint8_t>(
                142, 12)));
}

TEST_F(Authentication, OfAConnectionIsCountedAndSet) {
    const int listener = opened();
    ASSERT_TRUE(client.bind(listener, name_at(179).bytes()));
    ASSERT_TRUE(set(listener, kAdd, added(2, 1)));
    ASSERT_TRUE(client.listen(listener, 5));
    EXPECT_EQ(refusal(listener, kInfo, Octets{48}.put<std::uint32_t>(0, 1)), Errc::InvalidArgument);
    const int fd = opened();
    ASSERT_TRUE(set(fd, kAdd, added(1, 2)));
    EXPECT_EQ(finish(client.connect(fd, name_at(179).bytes())), failure(Errc::InProgress));
    run();
    const auto served = finish(client.accept(listener));
    ASSERT_TRUE(served);
    EXPECT_EQ(finish(send(fd, "hello")), 5);
    run(Duration::from_s(1));
    Octets info{48};
    EXPECT_EQ(get(static_cast<int>(*served), kInfo, info), 48u);
    EXPECT_EQ(info.get<std::uint32_t>(0), 3u);
    EXPECT_EQ(info.get<std::uint8_t>(6), 2);
    EXPECT_EQ(info.get<std::uint8_t>(7), 1);
    EXPECT_EQ(info.get<std::uint64_t>(8), 1u) << "the data; the ACK is its listener's";
    EXPECT_TRUE(set(static_cast<int>(*served), kInfo,
                    Octets{48}.put<std::uint32_t>(0, 4 | 8 | 16).put<std::uint64_t>(40, 7)));
    EXPECT_EQ(get(static_cast<int>(*served), kInfo, info), 48u);
    EXPECT_EQ(info.get<std::uint32_t>(0), 3u | 4u | 16u);
    EXPECT_EQ(info.get<std::uint64_t>(8), 0u);
    EXPECT_EQ(info.get<std::uint64_t>(40), 7u);

    const int plain = opened();
    ASSERT_TRUE(set(plain, kInfo, Octets{48}));
    EXPECT_EQ(finish(client.connect(plain, name_at(179).bytes())), failure(Errc::KeyRejected));
}

}  // namespace
}  // namespace fairlead::posix
