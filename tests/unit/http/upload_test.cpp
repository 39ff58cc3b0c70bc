// What becomes of PUT.
#include "unit/http/site.hpp"

namespace fairlead::http {
namespace {

class UploadTest : public SiteTest {
protected:
    Reply ask(std::string_view request) {
        Connection connection{site_};
        return only_reply(talk(connection, request));
    }
};

TEST_F(UploadTest, ANewFileIsCreated) {
    const Reply reply =
        ask("PUT /upload/a%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(reply.status, 201);
    EXPECT_EQ(reply.field("Location"), "/upload/a%20b");
    EXPECT_EQ(content_of("uploads/a b"), "hello");
    EXPECT_EQ(ask("GET /upload/a%20b HTTP/1.1\r\nHost: a\r\n\r\n").body, "hello");
}

TEST_F(UploadTest, AnOldFileIsReplaced) {
    put("uploads/a", "old");
    const Reply reply = ask("PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nnew");
    EXPECT_EQ(reply.status, 204);
    EXPECT_EQ(reply.field("Content-Length"), "");
    EXPECT_EQ(content_of("uploads/a"), "new");
}

TEST_F(UploadTest, AnEmptyFileIsAFile) {
    EXPECT_EQ(ask("PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").status, 201);
    EXPECT_EQ(ask("PUT /upload/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "0\r\n\r\n")
                  .status,
              201);
    EXPECT_EQ(uploaded(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(UploadTest, ChunksAreJoined) {
    const Reply reply =
        ask("PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
            "5\r\nhello\r\nA;name=\"v\"\r\n0123456789\r\n0;last\r\nTrailer: x\r\nHost: b\r\n\r\n");
    EXPECT_EQ(reply.status, 201);
    EXPECT_EQ(content_of("uploads/a"), "hello0123456789");
}

TEST_F(UploadTest, TheConnectionGoesOnAfterwards) {
    Connection connection{site_};
    const auto all =
        replies(talk(connection,
                     "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                     "PUT /upload/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "2\r\nho\r\n0\r\n\r\n"
                     "GET /upload/a HTTP/1.1\r\nHost: a\r\n\r\n"));
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[2].body, "hi");
    EXPECT_EQ(content_of("uploads/b"), "ho");
}

TEST_F(UploadTest, TheGoAheadIsGivenToThoseWhoWaitForIt) {
    Connection connection{site_};
    EXPECT_EQ(talk(connection,
                   "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                   "Expect: 100-Continue\r\n\r\n"),
              "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_FALSE(connection.is_idle());
    EXPECT_EQ(only_reply(talk(connection, "hi")).status, 201);
    EXPECT_EQ(connection.take_exchange()->status, Status::Created);
}

TEST_F(UploadTest, ARefusalComesInsteadOfTheGoAhead) {
    Connection connection{site_};
    const Reply reply = only_reply(talk(
        connection,
        "PUT /hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    EXPECT_EQ(reply.status, 405);
    EXPECT_EQ(reply.field("Connection"), "close");
    EXPECT_TRUE(connection.wants_close());
    EXPECT_EQ(
        ask("PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: a miracle\r\n\r\n")
            .status,
        417);
}

TEST_F(UploadTest, AnswersBeforeTheGoAheadIsSentCountTheirBodyOnly) {
    Connection connection{site_};
    const std::string_view request =
        "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi";
    EXPECT_EQ(connection.feed(bytes_of(request), kNow), request.size());
    const auto all = replies(drain(connection, 10));
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].status, 100);
    EXPECT_EQ(all[1].status, 201);
    const auto exchange = connection.take_exchange();
    EXPECT_EQ(exchange->body_sent, all[1].body.size());
    EXPECT_EQ(exchange->body_received, 2u);
}

TEST_F(UploadTest, AnAbortedUploadLeavesNothing) {
    const std::string_view begun =
        "PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello";
    {
        Connection connection{site_};
        EXPECT_EQ(talk(connection, begun), "");
        EXPECT_EQ(uploaded().size(), 1u);
        connection.on_peer_closed();
        EXPECT_TRUE(uploaded().empty());
        EXPECT_TRUE(connection.wants_close());
        const auto exchange = connection.take_exchange();
        EXPECT_EQ(exchange->body_received, 5u);
        EXPECT_FALSE(exchange->is_complete);
    }
    {
        Connection connection{site_};
        talk(connection, begun);
    }
    EXPECT_TRUE(uploaded().empty());
    put("uploads/a", "old");
    {
        Connection connection{site_};
        talk(connection, begun);
        connection.abandon();
    }
    EXPECT_EQ(content_of("uploads/a"), "old");
    EXPECT_EQ(uploaded(), std::vector<std::string>{"a"});
}

TEST_F(UploadTest, ABrokenChunkDropsTheUpload) {
    for (const char* body :
         {"x\r\nhello\r\n0\r\n\r\n", "5\r\nhelloo\r\n0\r\n\r\n", "5\nhello\r\n\r\n",
          "-1\r\nhello\r\n", "fffffffffffffffff\r\nhello\r\n", "\r\n\r\n"}) {
        Connection connection{site_};
        const Reply reply = only_reply(talk(
            connection, "PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            std::string{body}));
        EXPECT_EQ(reply.status, 400) << body;
        EXPECT_TRUE(connection.wants_close());
        EXPECT_TRUE(uploaded().empty());
    }
}

TEST_F(UploadTest, TooMuchIsRefused) {
    site_.upload_limit = 10;
    for (const char* request :
         {"PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890",
          "PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "6\r\n012345\r\n5\r\n01234\r\n0\r\n\r\n",
          "PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "ffffffffffffffff\r\n012345"}) {
        Connection connection{site_};
        const Reply reply = only_reply(talk(connection, request));
        EXPECT_EQ(reply.status, 413);
        EXPECT_EQ(reply.field("Connection"), "close");
        EXPECT_TRUE(uploaded().empty());
    }
    EXPECT_EQ(
        ask("PUT /upload/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789").status,
        201);
}

TEST_F(UploadTest, ATrailerWithoutEndIsRefused) {
    Connection connection{site_};
    const Reply reply = only_reply(talk(
        connection, "PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" +
                        std::string(20'000, 'x')));
    EXPECT_EQ(reply.status, 431);
    EXPECT_TRUE(uploaded().empty());
}

TEST_F(UploadTest, ATrailerOfManyLinesIsRefused) {
    // Ends with a line just where the limit is.
    std::string trailer = "0\r\nX: yz\r\n";
    while (trailer.size() < Parser::kMaxHead) trailer += "X: y\r\n";
    ASSERT_EQ(trailer.size(), Parser::kMaxHead);
    Connection connection{site_};
    const Reply reply = only_reply(
        talk(connection, "PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                             trailer + "X: y\r\n\r\n"));
    EXPECT_EQ(reply.status, 431);
    EXPECT_TRUE(uploaded().empty());
}

TEST_F(UploadTest, AQuoteLeftOpenInAChunkExtensionIsJudgedAlikeHoweverItComes) {
    site_.upload_limit = 100;
    const std::string_view request =
        "PUT /upload/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "40;a=\"\r\nhello\r\nhello\r\nhello\"\r\n";
    Connection whole{site_};
    Connection cut{site_};
    const int status = only_reply(talk(whole, request)).status;
    EXPECT_EQ(only_reply(talk(cut, request, [] { return std::size_t{1}; })).status, status);
    EXPECT_GE(status, 400);
    EXPECT_TRUE(uploaded().empty());
}

TEST_F(UploadTest, OnlyTheScratchFolderIsWritten) {
    const std::string rest = " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    const auto status_of = [&](const std::string& target) {
        return ask("PUT " + target + rest).status;
    };
    EXPECT_EQ(status_of("/hello.txt"), 405);
    EXPECT_EQ(status_of("/uploads"), 405);
    EXPECT_EQ(status_of("/upload"), 405);
    EXPECT_EQ(status_of("/upload/"), 405);
    EXPECT_EQ(status_of("/upload/a/"), 405);
    EXPECT_EQ(status_of("/upload/../hello.txt"), 405);
    EXPECT_EQ(status_of("/upload/../../secret.txt"), 403);
    EXPECT_EQ(status_of("/upload/%2e%2e/%2e%2e/secret.txt"), 403);
    EXPECT_EQ(status_of("/upload/nothing/a"), 404);
    EXPECT_EQ(status_of("/upload/inner"), 409);
    EXPECT_EQ(status_of("/upload/inner/a"), 201);
    EXPECT_EQ(content_of("root/hello.txt"), "hello, world\n");
    EXPECT_EQ(content_of("secret.txt"), "not below the root");
    EXPECT_EQ(content_of("uploads/inner/a"), "hi");
    EXPECT_TRUE(uploaded().empty());
    site_.uploads.reset();
    const Reply reply = ask("PUT /upload/a" + rest);
    EXPECT_EQ(reply.status, 405);
    EXPECT_EQ(reply.field("Allow"), "GET, HEAD");
}

TEST_F(UploadTest, ALengthIsNeeded) {
    const Reply reply = ask("PUT /upload/a HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(reply.status, 411);
    EXPECT_EQ(reply.field("Connection"), "");
}

TEST_F(UploadTest, IfNoneMatchProtectsWhatIsThere) {
    put("uploads/a", "old");
    const std::string rest = "If-None-Match: *\r\nContent-Length: 3\r\n\r\nnew";
    EXPECT_EQ(ask("PUT /upload/a HTTP/1.1\r\nHost: a\r\n" + rest).status, 412);
    EXPECT_EQ(content_of("uploads/a"), "old");
    EXPECT_EQ(ask("PUT /upload/b HTTP/1.1\r\nHost: a\r\n" + rest).status, 201);
}

}  // namespace
}  // namespace fairlead::http
