// site.hpp — a folder with known files, and what it takes to talk to a connection about them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "http/connection.hpp"

namespace fairlead::http {

constexpr UnixTime kNow{1'700'000'000};       // Tue, 14 Nov 2023 22:13:20 GMT
constexpr UnixTime kModified{1'600'000'000};  // Sun, 13 Sep 2020 12:26:40 GMT

// A private folder that is gone at the end of the test.
class SiteTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "fairlead-http-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        base_ = pattern;
        put("secret.txt", "not below the root");
        put("root/hello.txt", "hello, world\n");
        put("root/empty.bin", "");
        put("root/with index/index.html", "<p>index</p>\n");
        put("root/plain/b.txt", "b");
        put("root/plain/<a&b>.txt", "a");
        std::filesystem::create_directories(base_ / "root/plain/inner");
        std::filesystem::create_directories(base_ / "uploads/inner");
        std::string large;
        for (int i = 0; large.size() < 300'000; ++i) large += std::to_string(i) + ",";
        large_ = large;
        put("root/large.bin", large_);
        auto files = Folder::open_root((base_ / "root").string());
        auto uploads = Folder::open_root((base_ / "uploads").string());
        ASSERT_TRUE(files && uploads);
        site_.files = std::move(*files);
        site_.uploads = std::move(*uploads);
        site_.upload_limit = 1 << 20;
    }
    void TearDown() override { std::filesystem::remove_all(base_); }

    void put(const std::string& name, std::string_view content) {
        const auto path = base_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path, std::ios::binary} << content;
        const timespec times[2] = {{kModified.seconds, 0}, {kModified.seconds, 0}};
        ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    }
    std::string content_of(const std::string& name) const {
        std::ifstream in{base_ / name, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    std::vector<std::string> uploaded() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator{base_ / "uploads"}) {
            if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
        }
        std::ranges::sort(names);
        return names;
    }

    std::filesystem::path base_{};
    std::string large_{};
    Site site_{};
};

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

// All that the connection wants to send now, taken in steps of at most `step`.
inline std::string drain(Connection& connection, std::size_t step = 4096) {
    std::string out;
    std::vector<std::byte> scratch(step);
    while (true) {
        const Bytes piece = connection.next_output(scratch);
        if (piece.empty()) return out;
        out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        connection.wrote(piece.size());
    }
}

// Feeds `input` in pieces whose sizes next_size() gives, sends whatever can be sent in between, and
// returns all that came out.
inline std::string talk(Connection& connection, std::string_view input,
                        const std::function<std::size_t()>& next_size, std::size_t step = 4096) {
    std::string out;
    std::size_t offered = 0;
    std::size_t taken = 0;
    while (offered < input.size()) {
        offered = std::min(input.size(), offered + std::max<std::size_t>(next_size(), 1));
        bool moved = true;
        while (moved) {
            const std::size_t n =
                connection.feed(bytes_of(input.substr(taken, offered - taken)), kNow);
            taken += n;
            const std::string piece = drain(connection, step);
            out += piece;
            moved = n != 0 || !piece.empty();
        }
    }
    EXPECT_EQ(taken, input.size());
    return out;
}

inline std::string talk(Connection& connection, std::string_view input) {
    return talk(connection, input, [&] { return input.size(); });
}

struct Reply {
    int status = 0;
    std::string head{};
    std::string body{};

    // The value of the field, "" where there is none.
    std::string field(const std::string& name) const {
        const std::size_t at = head.find("\r\n" + name + ": ");
        if (at == std::string::npos) return "";
        const std::size_t begin = at + name.size() + 4;
        return head.substr(begin, head.find("\r\n", begin) - begin);
    }
};

// Splits what a connection sent into replies. `head_only` says which of them have a length and no
// body, as the answer to HEAD has.
inline std::vector<Reply> replies(std::string_view sent, bool head_only = false) {
    std::vector<Reply> all;
    while (!sent.empty()) {
        const std::size_t end = sent.find("\r\n\r\n");
        if (!sent.starts_with("HTTP/1.1 ") || end == std::string_view::npos) {
            ADD_FAILURE() << "not a response: " << sent.substr(0, 80);
            return all;
        }
        Reply reply;
        reply.status = std::stoi(std::string{sent.substr(9, 3)});
        reply.head = sent.substr(0, end + 2);
        sent.remove_prefix(end + 4);
        const std::string length = reply.field("Content-Length");
        if (!length.empty() && !head_only) {
            const std::size_t n = std::stoul(length);
            EXPECT_LE(n, sent.size());
            reply.body = sent.substr(0, n);
            sent.remove_prefix(std::min(n, sent.size()));
        }
        all.push_back(reply);
    }
    return all;
}

inline Reply only_reply(std::string_view sent, bool head_only = false) {
    const auto all = replies(sent, head_only);
    EXPECT_EQ(all.size(), 1u) << sent;
    return all.empty() ? Reply{} : all.front();
}

}  // namespace fairlead::http
