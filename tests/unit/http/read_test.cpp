// What GET and HEAD are answered.
#include "unit/http/site.hpp"

namespace fairlead::http {
namespace {

class Read : public SiteTest {
protected:
    Reply ask(std::string_view request, bool is_head = false) {
        Connection connection{site_};
        return only_reply(talk(connection, request), is_head);
    }
    // With a Host, and the given lines after it.
    Reply get(std::string_view target, std::string_view fields = "") {
        return ask("GET " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n" + std::string{fields} +
                   "\r\n");
    }
};

TEST_F(Read, AFileComesWithAllItsFields) {
    Connection connection{site_};
    EXPECT_EQ(talk(connection, "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
              "HTTP/1.1 200 OK\r\n"
              "Server: fairlead\r\n"
              "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Accept-Ranges: bytes\r\n"
              "Last-Modified: Sun, 13 Sep 2020 12:26:40 GMT\r\n"
              "ETag: W/\"d-16345785d8a00000\"\r\n"
              "Content-Length: 13\r\n"
              "\r\n"
              "hello, world\n");
    EXPECT_TRUE(connection.is_idle());
    EXPECT_FALSE(connection.wants_close());
}

TEST_F(Read, HeadIsGetWithoutTheBody) {
    const Reply reply = ask("HEAD /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n", true);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.field("Content-Length"), "13");
    EXPECT_EQ(reply.body, "");
    const Reply missing = ask("HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n", true);
    EXPECT_EQ(missing.status, 404);
    EXPECT_EQ(missing.field("Content-Length"), "14");
    const Reply ranged =
        ask("HEAD /hello.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n", true);
    EXPECT_EQ(ranged.status, 200);
}

TEST_F(Read, ALargeFileComesInBoundedPieces) {
    Connection connection{site_};
    EXPECT_EQ(connection.feed(bytes_of("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"), kNow), 36u);
    std::vector<std::byte> scratch(1000);
    EXPECT_EQ(connection.next_output(scratch).size(), 1000u);
    // The same again until it is written.
    const std::string out = drain(connection, 1000);
    EXPECT_TRUE(only_reply(out).body == large_);
}

TEST_F(Read, PartialWritesLoseNothing) {
    Connection connection{site_};
    connection.feed(bytes_of("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"), kNow);
    std::vector<std::byte> scratch(5000);
    std::string out;
    for (std::size_t i = 1;; i = i * 7 % 4999 + 1) {
        const Bytes piece = connection.next_output(scratch);
        if (piece.empty()) break;
        const std::size_t n = std::min(i, piece.size());
        out.append(reinterpret_cast<const char*>(piece.data()), n);
        connection.wrote(n);
    }
    EXPECT_TRUE(only_reply(out).body == large_);
    EXPECT_EQ(connection.take_exchange()->body_sent, large_.size());
}

TEST_F(Read, AnEmptyFileIsNoSpecialCase) {
    const Reply reply = get("/empty.bin");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.field("Content-Length"), "0");
    EXPECT_EQ(reply.field("Content-Type"), "application/octet-stream");
}

TEST_F(Read, ADirectoryHasItsIndexOrAListing) {
    EXPECT_EQ(get("/with%20index/").body, "<p>index</p>\n");
    EXPECT_EQ(get("/with%20index/").field("Content-Type"), "text/html; charset=utf-8");
    const Reply listing = get("/plain/");
    EXPECT_EQ(listing.status, 200);
    EXPECT_NE(listing.body.find("<li><a href=\"./%3Ca%26b%3E.txt\">&lt;a&amp;b&gt;.txt</a></li>"),
              std::string::npos);
    EXPECT_NE(listing.body.find("<li><a href=\"./inner/\">inner/</a></li>"), std::string::npos);
    EXPECT_NE(listing.body.find("<a href=\"../\">"), std::string::npos);
    EXPECT_EQ(get("/").body.find("<a href=\"../\">"), std::string::npos);
    EXPECT_EQ(get("/plain/").body.find("There are more"), std::string::npos);
    site_.listing_limit = 1;
    EXPECT_NE(get("/plain/").body.find("There are more"), std::string::npos);
}

TEST_F(Read, ADirectoryWithoutItsSlashIsElsewhere) {
    const Reply reply = get("/with%20index?x=1");
    EXPECT_EQ(reply.status, 301);
    EXPECT_EQ(reply.field("Location"), "/with%20index/?x=1");
    EXPECT_EQ(get("//with%20index").field("Location"), "/with%20index/");
}

TEST_F(Read, WhatIsNotThereIsNotFound) {
    EXPECT_EQ(get("/nothing").status, 404);
    EXPECT_EQ(get("/hello.txt/").status, 404);
    EXPECT_EQ(get("/" + std::string(1000, 'x')).status, 404);
}

TEST_F(Read, NoPathLeavesTheFolder) {
    std::filesystem::create_symlink("../secret.txt", base_ / "root/link.txt");
    std::filesystem::create_symlink("/etc", base_ / "root/etc");
    for (const char* target :
         {"/../secret.txt", "/plain/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
          "/%2e%2e%2fsecret.txt", "/plain/..%2f..%2fsecret.txt", "http://a/../secret.txt",
          "//../secret.txt", "/link.txt", "/etc/passwd", "/./.././secret.txt"}) {
        const Reply reply = get(target);
        EXPECT_EQ(reply.status, 403) << target;
        EXPECT_EQ(reply.body, "403 Forbidden\n") << target;
    }
    EXPECT_EQ(get("/hello.txt%00.html").status, 400);
    EXPECT_EQ(get("/..\\secret.txt").status, 404);
    EXPECT_EQ(get("/%252e%252e/secret.txt").status, 404);
}

TEST_F(Read, ARangeIsAnsweredInPart) {
    Reply reply = get("/hello.txt", "Range: bytes=7-11\r\n");
    EXPECT_EQ(reply.status, 206);
    EXPECT_EQ(reply.body, "world");
    EXPECT_EQ(reply.field("Content-Range"), "bytes 7-11/13");
    EXPECT_EQ(reply.field("Content-Length"), "5");
    reply = get("/large.bin", "Range: bytes=-70000\r\n");
    EXPECT_EQ(reply.status, 206);
    EXPECT_EQ(reply.body, large_.substr(large_.size() - 70000));
}

TEST_F(Read, ARangeBeyondTheEndIs416) {
    const Reply reply = get("/hello.txt", "Range: bytes=13-\r\n");
    EXPECT_EQ(reply.status, 416);
    EXPECT_EQ(reply.field("Content-Range"), "bytes */13");
}

TEST_F(Read, SeveralRangesAreAnsweredWithTheWhole) {
    EXPECT_EQ(get("/hello.txt", "Range: bytes=0-1,4-5\r\n").body, "hello, world\n");
    EXPECT_EQ(get("/hello.txt", "Range: bytes=0-1\r\nRange: bytes=4-5\r\n").status, 200);
}

TEST_F(Read, AnUnchangedFileIsNotSentAgain) {
    const std::string tag = get("/hello.txt").field("ETag");
    const std::string_view at = "Sun, 13 Sep 2020 12:26:40 GMT\r\n";
    const std::string_view before = "Sun, 13 Sep 2020 12:26:39 GMT\r\n";
    for (const std::string& fields :
         {"If-None-Match: " + tag + "\r\n", "If-None-Match: \"x,y\", " + tag.substr(2) + "\r\n",
          std::string{"If-None-Match: *\r\n"}, "If-Modified-Since: " + std::string{at},
          "If-None-Match: " + tag + "\r\nIf-Modified-Since: " + std::string{before}}) {
        const Reply reply = get("/hello.txt", fields);
        EXPECT_EQ(reply.status, 304) << fields;
        EXPECT_EQ(reply.field("ETag"), tag);
        EXPECT_EQ(reply.field("Content-Length"), "");
    }
    for (const std::string& fields :
         {std::string{"If-None-Match: \"other\"\r\n"}, "If-Modified-Since: " + std::string{before},
          "If-None-Match: \"other\"\r\nIf-Modified-Since: " + std::string{at},
          std::string{"If-Modified-Since: yesterday\r\n"},
          std::string{"If-None-Match: \"unended\r\n"}}) {
        EXPECT_EQ(get("/hello.txt", fields).status, 200) << fields;
    }
}

TEST_F(Read, AFailedPreconditionIs412) {
    EXPECT_EQ(get("/hello.txt", "If-Match: *\r\n").status, 200);
    // Our tags are weak, and If-Match compares strongly (RFC 9110 §13.1.1).
    EXPECT_EQ(get("/hello.txt", "If-Match: " + get("/hello.txt").field("ETag") + "\r\n").status,
              412);
    EXPECT_EQ(get("/hello.txt", "If-Unmodified-Since: Sun, 13 Sep 2020 12:26:39 GMT\r\n").status,
              412);
    EXPECT_EQ(get("/hello.txt", "If-Unmodified-Since: Sun, 13 Sep 2020 12:26:40 GMT\r\n").status,
              200);
}

TEST_F(Read, ARangeOfAnotherVersionIsAnsweredWithTheWhole) {
    const std::string range = "Range: bytes=0-0\r\n";
    EXPECT_EQ(get("/hello.txt", range + "If-Range: Sun, 13 Sep 2020 12:26:40 GMT\r\n").status, 206);
    EXPECT_EQ(get("/hello.txt", range + "If-Range: Sun, 13 Sep 2020 12:26:41 GMT\r\n").status, 200);
    EXPECT_EQ(
        get("/hello.txt", range + "If-Range: " + get("/hello.txt").field("ETag") + "\r\n").status,
        200);
}

TEST_F(Read, AFileThatShrinksBreaksTheConnection) {
    Connection connection{site_};
    connection.feed(bytes_of("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"), kNow);
    std::vector<std::byte> scratch(1000);
    connection.wrote(connection.next_output(scratch).size());
    std::filesystem::resize_file(base_ / "root/large.bin", 10);
    EXPECT_TRUE(drain(connection).empty());
    EXPECT_TRUE(connection.is_broken());
    EXPECT_FALSE(connection.has_output());
    EXPECT_FALSE(connection.take_exchange()->is_complete);
}

TEST_F(Read, AFileThatGrowsIsSentAsItWasPromised) {
    Connection connection{site_};
    connection.feed(bytes_of("GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), kNow);
    std::ofstream{base_ / "root/hello.txt", std::ios::app} << "more";
    EXPECT_EQ(only_reply(drain(connection)).body, "hello, world\n");
    EXPECT_TRUE(connection.is_idle());
}

}  // namespace
}  // namespace fairlead::http
