// The server and its clients on one stack, over its loopback, in virtual time.
#include "lab/server.hpp"

#include <functional>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "unit/http/site.hpp"

namespace fairlead::lab {
namespace {

using http::bytes_of;

constexpr std::uint16_t kPort = 80;

class ServerTest : public http::SiteTest {
protected:
    struct Client {
        SocketId socket{};
        std::string to_send{};
        bool shuts_after = false;
        std::string received{};
        bool has_ended = false;  // the server sent its FIN
        std::optional<Errc> error{};
    };

    void SetUp() override {
        SiteTest::SetUp();
        start({.port = kPort});
    }
    void TearDown() override {
        server_.reset();
        SiteTest::TearDown();
    }
    void start(const ServerOptions& options) {
        server_.reset();
        server_.emplace(stack_, site_, options,
                        [this](const Endpoint&, const http::Exchange& exchange) {
                            exchanges_.push_back(exchange);
                        });
        ASSERT_TRUE(server_->listen());
    }

    Client& connect(std::string to_send, Family family = Family::Inet) {
        const SocketId socket = stack_.socket(family, SocketType::Stream).value();
        const auto connected = stack_.connect(socket, {IpAddress::loopback(family), kPort});
        EXPECT_EQ(connected, std::unexpected{Errc::InProgress});
        clients_.push_back({.socket = socket, .to_send = std::move(to_send)});
        return clients_.back();
    }

    // Both sides do what they can.
    bool work() {
        bool moved = false;
        std::array<SocketEvent, 16> events{};
        for (std::size_t n = stack_.take_events(events); n != 0; n = stack_.take_events(events)) {
            for (const SocketEvent& event : std::span{events}.first(n)) {
                moved |= server_->on_event(event, moment());
            }
        }
        server_->on_time(moment());
        for (Client& client : clients_) moved |= client.socket && work(client);
        return moved;
    }
    bool work(Client& client) {
        bool moved = false;
        if (!client.to_send.empty()) {
            if (const auto n = stack_.send(client.socket, bytes_of(client.to_send))) {
                client.to_send.erase(0, *n);
                moved = true;
            }
        } else if (client.shuts_after && stack_.shutdown(client.socket, Shutdown::Write)) {
            client.shuts_after = false;
        }
        std::array<std::byte, 4096> into{};
        while (!client.has_ended && !client.error) {
            const auto got = stack_.receive(client.socket, into);
            if (!got && (got.error() == Errc::WouldBlock || got.error() == Errc::NotConnected))
                break;
            moved = true;
            if (!got)
                client.error = got.error();
            else if (*got == 0)
                client.has_ended = true;
            else
                client.received.append(reinterpret_cast<const char*>(into.data()), *got);
        }
        return moved;
    }
    // Until `done`, or `limit` of virtual time has passed.
    bool run_until(const std::function<bool()>& done, Duration limit = 10_s) {
        const Instant end = now_ + limit;
        while (now_ <= end) {
            while (stack_.poll(now_).is_busy) work();
            const bool moved = work();
            stack_.flush();
            if (moved) continue;
            if (done()) return true;
            const Instant next = std::min(server_->on_time(moment()), stack_.next_deadline());
            if (next > end) break;
            now_ = std::max(now_, next);
        }
        now_ = end;
        return done();
    }
    void run_for(Duration d) {
        run_until([] { return false; }, d);
    }
    Moment moment() const { return {.stack = now_, .wall = http::kNow}; }
    bool is_answered(const Client& client, std::size_t replies = 1) const {
        std::size_t heads = 0;
        for (std::size_t at = client.received.find("HTTP/1.1 "); at != std::string::npos;
             at = client.received.find("HTTP/1.1 ", at + 1)) {
            ++heads;
        }
        return heads >= replies && client.has_ended;
    }

    Instant now_ = Instant::from_ns(1'000'000'000);
    Stack stack_{{.seed = {1, 2, 3}}};
    std::vector<http::Exchange> exchanges_{};
    std::optional<Server> server_{};
    std::list<Client> clients_{};
};

constexpr std::string_view kGet = "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kGetAndClose =
    "GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

TEST_F(ServerTest, ServesBothFamilies) {
    for (const Family family : {Family::Inet, Family::Inet6}) {
        const Client& client = connect(std::string{kGetAndClose}, family);
        ASSERT_TRUE(run_until([&] { return is_answered(client); }));
        EXPECT_EQ(http::only_reply(client.received).body, "hello, world\n");
    }
    ASSERT_EQ(exchanges_.size(), 2u);
    EXPECT_EQ(exchanges_[1].target, "/hello.txt");
    EXPECT_EQ(server_->counts().requests, 2u);
}

TEST_F(ServerTest, KeepsAConnectionForTheNextRequest) {
    Client& client = connect(std::string{kGet});
    ASSERT_TRUE(run_until([&] { return client.received.ends_with("world\n"); }));
    client.to_send = kGetAndClose;
    ASSERT_TRUE(run_until([&] { return is_answered(client, 2); }));
    EXPECT_EQ(server_->counts().accepted, 1u);
    EXPECT_EQ(server_->counts().requests, 2u);
}

TEST_F(ServerTest, SendsALargeFileWhole) {
    const Client& client =
        connect("GET /large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    ASSERT_TRUE(run_until([&] { return is_answered(client); }));
    EXPECT_TRUE(http::only_reply(client.received).body == large_);
}

TEST_F(ServerTest, TakesAnUpload) {
    const Client& client =
        connect("PUT /upload/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
                std::to_string(large_.size()) + "\r\n\r\n" + large_);
    ASSERT_TRUE(run_until([&] { return is_answered(client); }));
    EXPECT_EQ(http::only_reply(client.received).status, 201);
    EXPECT_TRUE(content_of("uploads/a") == large_);
}

TEST_F(ServerTest, AnswersWhatWasPipelined) {
    std::string requests;
    for (int i = 0; i < 3000; ++i) requests += kGet;
    Client& client = connect(requests);
    client.shuts_after = true;
    ASSERT_TRUE(run_until([&] { return is_answered(client, 3000); }));
    EXPECT_EQ(http::replies(client.received).size(), 3000u);
    EXPECT_EQ(server_->counts().open, 0u);
}

TEST_F(ServerTest, EndsAnIdleConnectionInItsTime) {
    Client& client = connect(std::string{kGet});
    run_for(59_s);
    EXPECT_FALSE(client.has_ended);
    client.to_send = kGet;
    run_for(59_s);
    EXPECT_FALSE(client.has_ended);
    run_for(2_s);
    EXPECT_TRUE(client.has_ended);
    EXPECT_EQ(server_->counts().timeouts, 1u);
    EXPECT_EQ(server_->counts().unfinished, 0u);
    EXPECT_EQ(server_->counts().open, 0u);
}

TEST_F(ServerTest, CutsOffAnUploadThatStalls) {
    const Client& client =
        connect("PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello");
    run_for(59_s);
    EXPECT_EQ(uploaded().size(), 1u);
    run_for(2_s);
    EXPECT_EQ(client.error, Errc::ConnectionReset);
    EXPECT_TRUE(uploaded().empty());
    EXPECT_EQ(server_->counts().unfinished, 1u);
}

TEST_F(ServerTest, DropsTheUploadOfAPeerThatIsGone) {
    Client& client =
        connect("PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello");
    ASSERT_TRUE(run_until([&] { return uploaded().size() == 1; }));
    ASSERT_TRUE(stack_.set_option(client.socket, Option::LingerSeconds, 0));
    ASSERT_TRUE(stack_.close(client.socket));
    client.socket = {};
    EXPECT_TRUE(run_until([&] { return server_->counts().open == 0; }, 1_s));
    EXPECT_TRUE(uploaded().empty());
}

TEST_F(ServerTest, ARefusalReachesAPeerThatIsStillSending) {
    const Client& client =
        connect("PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" +
                std::string(1'500'000, 'x'));
    ASSERT_TRUE(run_until([&] { return is_answered(client) && client.to_send.empty(); }));
    EXPECT_EQ(http::only_reply(client.received).status, 413);
    EXPECT_FALSE(client.error);
    run_for(3_s);  // then its patience is over
    EXPECT_EQ(server_->counts().open, 0u);
}

TEST_F(ServerTest, AFullServerLetsOthersWait) {
    start({.port = kPort, .most_connections = 2});
    for (int i = 0; i < 5; ++i) connect(std::string{kGetAndClose});
    ASSERT_TRUE(run_until([&] {
        // A client that is served leaves, and makes room for one who waits.
        for (Client& client : clients_) {
            if (client.socket && client.has_ended && stack_.close(client.socket))
                client.socket = {};
        }
        return std::ranges::none_of(clients_, [](const Client& c) { return bool{c.socket}; });
    }));
    EXPECT_EQ(server_->counts().requests, 5u);
    EXPECT_EQ(server_->counts().most_open, 2u);
}

TEST_F(ServerTest, ManyIdleConnectionsDoNotKeepOneFromBeingServed) {
    for (int i = 0; i < 500; ++i) connect("");
    Client& client = connect(std::string{kGetAndClose});
    ASSERT_TRUE(run_until([&] { return is_answered(client); }));
    EXPECT_EQ(server_->counts().most_open, 501u);
    run_for(61_s);
    EXPECT_EQ(server_->counts().open, 0u);
    EXPECT_EQ(server_->counts().timeouts, 500u);
}

TEST_F(ServerTest, ClosingEndsAll) {
    const Client& idle = connect("");
    const Client& amid =
        connect("PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello");
    ASSERT_TRUE(run_until([&] { return server_->counts().open == 2 && uploaded().size() == 1; }));
    server_->close();
    run_for(1_s);
    EXPECT_TRUE(idle.has_ended);
    EXPECT_TRUE(amid.has_ended);
    EXPECT_TRUE(uploaded().empty());
    const Client& late = connect("");
    run_for(1_s);
    EXPECT_EQ(late.error, Errc::ConnectionRefused);
}

}  // namespace
}  // namespace fairlead::lab
