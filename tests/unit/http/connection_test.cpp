// The order of things on a connection, and what becomes of bad requests.
#include "http/connection.hpp"

#include <random>

#include "unit/http/site.hpp"

namespace fairlead::http {
namespace {

class ConnectionTest : public SiteTest {
protected:
    // The status, and that the connection ends with it exactly where it should.
    int refusal(std::string_view request) {
        Connection connection{site_};
        const Reply reply = only_reply(talk(connection, request));
        EXPECT_EQ(reply.field("Connection"), "close") << request;
        EXPECT_TRUE(connection.wants_close()) << request;
        return reply.status;
    }
};

TEST_F(ConnectionTest, KeepsOpenAsTheVersionAndTheFieldSay) {
    struct Case {
        const char* request;
        const char* field;
    };
    for (const Case& c : {
             Case{"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n", ""},
             Case{"GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close"},
             Case{"GET /hello.txt HTTP/1.0\r\n\r\n", "close"},
             Case{"GET /hello.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive"},
             Case{"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", ""},
             Case{"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n", ""},
         }) {
        Connection connection{site_};
        const Reply reply = only_reply(talk(connection, c.request));
        EXPECT_EQ(reply.field("Connection"), c.field) << c.request;
        EXPECT_EQ(connection.wants_close(), std::string_view{c.field} == "close") << c.request;
    }
}

TEST_F(ConnectionTest, AnswersPipelinedRequestsInOrder) {
    Connection connection{site_};
    std::string requests;
    for (int i = 0; i < 50; ++i) {
        requests += "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n\r\n";
        requests += "GET /plain/b.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    const auto all = replies(talk(connection, requests));
    ASSERT_EQ(all.size(), 100u);
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].body, i % 2 == 0 ? "hello, world\n" : "b");
    }
}

TEST_F(ConnectionTest, TakesNothingWhileAnAnswerLeaves) {
    Connection connection{site_};
    const std::string_view request = "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string two = std::string{request} + std::string{request};
    EXPECT_EQ(connection.feed(bytes_of(two), kNow), request.size());
    EXPECT_EQ(connection.feed(bytes_of(request), kNow), 0u);
    EXPECT_TRUE(connection.has_output());
    drain(connection);
    EXPECT_EQ(connection.feed(bytes_of(request), kNow), request.size());
}

TEST_F(ConnectionTest, ForgetsWhatComesAfterTheLastAnswer) {
    Connection connection{site_};
    talk(connection, "GET / HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(connection.wants_close());
    EXPECT_EQ(connection.feed(bytes_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), kNow), 27u);
    EXPECT_FALSE(connection.has_output());
}

TEST_F(ConnectionTest, AnswersAPeerThatHasClosedItsSide) {
    Connection connection{site_};
    connection.feed(bytes_of("GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), kNow);
    connection.on_peer_closed();
    EXPECT_EQ(only_reply(drain(connection)).body, "hello, world\n");
    EXPECT_TRUE(connection.wants_close());
}

TEST_F(ConnectionTest, EndsWhenThePeerLeavesBetweenRequests) {
    Connection connection{site_};
    EXPECT_TRUE(connection.is_idle());
    connection.on_peer_closed();
    EXPECT_TRUE(connection.wants_close());
    EXPECT_FALSE(connection.take_exchange());
}

TEST_F(ConnectionTest, TellsWhatHappened) {
    Connection connection{site_};
    talk(connection, "GET /hello.txt?q HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto exchange = connection.take_exchange();
    ASSERT_TRUE(exchange);
    EXPECT_EQ(exchange->method, "GET");
    EXPECT_EQ(exchange->target, "/hello.txt?q");
    EXPECT_EQ(exchange->status, Status::Ok);
    EXPECT_EQ(exchange->body_sent, 13u);
    EXPECT_TRUE(exchange->is_complete);
    EXPECT_FALSE(connection.take_exchange());
    talk(connection, "GET /large.bin HTTP/1.1\r\nHo");
    connection.abandon();
    EXPECT_EQ(connection.take_exchange()->status, Status::Continue);
}

TEST_F(ConnectionTest, RefusesWhatItCannotRead) {
    for (const char* request : {
             "\x16\x03\x01\r\n\r\n",
             "GET\r\n\r\n",
             "GET /\r\n\r\n",
             "GET / HTTP/1.1\n\n",
             "GET / HTTP/1.1\nHost: a\n\n",
             "GET / HTTP/1.1\r\nHost: a\r\n\n",
             "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
             " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET / http/1.1\r\nHost: a\r\n\r\n",
             "GET / HTTP/11\r\nHost: a\r\n\r\n",
             "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
             "GET / HTTP/1.1\r\n: a\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
             "GET / HTTP/1.1\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
             "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
             "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
             "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
             "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
             "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
             "Transfer-Encoding: chunked\r\n\r\n",
             "PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
             "Content-Length: 1\r\n\r\n",
             "PUT /upload/a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
         }) {
        EXPECT_EQ(refusal(request), 400) << request;
    }
}

TEST_F(ConnectionTest, NamesWhatItDoesNotSpeak) {
    EXPECT_EQ(refusal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    EXPECT_EQ(refusal("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505);
    EXPECT_EQ(refusal("GET / HTTP/0.9\r\n\r\n"), 505);
    const std::string put = "PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ";
    EXPECT_EQ(refusal(put + "gzip\r\n\r\n"), 501);
    EXPECT_EQ(refusal(put + "gzip, chunked\r\n\r\n"), 501);
    EXPECT_EQ(refusal(put + "chunked, gzip\r\n\r\n"), 501);
    EXPECT_EQ(refusal(put + "xchunked\r\n\r\n"), 501);
}

TEST_F(ConnectionTest, RefusesHeadsThatAreTooLarge) {
    EXPECT_EQ(refusal("GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
    EXPECT_EQ(refusal("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
    EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(17'000, 'x') + "\r\n\r\n"),
              431);
    std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 4'000; ++i) many += "X: y\r\n";
    EXPECT_EQ(refusal(many + "\r\n"), 431);
}

TEST_F(ConnectionTest, TakesAHeadOfJustTheLargestSize) {
    const std::string begin = "GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string end = "\r\n\r\n";
    const auto with_size = [&](std::size_t n) {
        return begin + std::string(n - begin.size() - end.size(), 'x') + end;
    };
    Connection connection{site_};
    EXPECT_EQ(only_reply(talk(connection, with_size(Parser::kMaxHead))).status, 200);
    EXPECT_EQ(refusal(with_size(Parser::kMaxHead + 1)), 431);
}

TEST_F(ConnectionTest, SaysWhichMethodsAreAllowed) {
    const auto ask = [&](const std::string& method, const std::string& target) {
        Connection connection{site_};
        return only_reply(talk(connection, method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"));
    };
    EXPECT_EQ(ask("DELETE", "/hello.txt").status, 405);
    EXPECT_EQ(ask("POST", "/hello.txt").field("Allow"), "GET, HEAD");
    EXPECT_EQ(ask("DELETE", "/upload/a").field("Allow"), "GET, HEAD, PUT");
    EXPECT_EQ(ask("OPTIONS", "*").status, 405);
    EXPECT_EQ(ask("BREW", "/").status, 501);
    EXPECT_EQ(ask("get", "/").status, 501);
    EXPECT_EQ(ask("GET", "*").status, 400);
}

TEST_F(ConnectionTest, DoesNotWaitForABodyNobodyWants) {
    EXPECT_EQ(refusal("GET /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /"), 200);
    EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 405);
}

// Everything at once: what comes out must not depend on how the bytes came in.
class Splits : public SiteTest {
protected:
    static std::string conversation() {
        return "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"
               "\r\nGET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=1000-90000\r\n\r\n"
               "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello\r\n\r\n\r\n"
               "PUT /upload/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\n3;x=y\r\n\r\n\r\r\n0\r\nTrailer: x\r\n\r\n"
               "GET /plain/b.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
               "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
               "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"
               "PUT /upload/c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\nx\r\n";
    }
    // On an empty scratch folder, so that each run meets the same, and says what it left there.
    std::string run(const std::function<std::size_t()>& next_size, std::size_t step) {
        for (const std::string& name : uploaded()) {
            std::filesystem::remove(base_ / "uploads" / name);
        }
        Connection connection{site_};
        const std::string sent = talk(connection, conversation(), next_size, step);
        return sent + content_of("uploads/a") + content_of("uploads/b");
    }
};

TEST_F(Splits, MakeNoDifference) {
    const std::string whole = run([] { return std::size_t{1} << 20; }, 1 << 20);
    const std::string_view kept = "hello\r\n\r\n\r\nhello\r\n\r";
    ASSERT_TRUE(whole.ends_with(kept));
    const auto all = replies(std::string_view{whole}.substr(0, whole.size() - kept.size()));
    ASSERT_EQ(all.size(), 8u);
    EXPECT_EQ(all[1].body, large_.substr(1000, 89'001));
    EXPECT_EQ(all[4].body, "b");
    EXPECT_EQ(all[7].status, 400);
    EXPECT_TRUE(run([] { return std::size_t{1}; }, 7) == whole) << "byte by byte";

    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    for (int i = 0; i < 200; ++i) {
        const std::size_t longest = 1 + random() % 64;
        const std::size_t step = 1 + random() % 5000;
        ASSERT_TRUE(run([&] { return 1 + random() % longest; }, step) == whole);
    }
}

}  // namespace
}  // namespace fairlead::http
