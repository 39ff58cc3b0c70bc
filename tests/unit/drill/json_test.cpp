#include "drill/json.hpp"

#include <gtest/gtest.h>

namespace fairlead::drill {
namespace {

TEST(Json, TextIsQuoted) {
    EXPECT_EQ(quote_json("a\"b\\c\nd\te"), R"("a\"b\\c\nd\u0009e")");
    EXPECT_EQ(quote_json("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
              "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    for (const char* bad : {"\xff", "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                            "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
        EXPECT_EQ(quote_json(bad).substr(0, 4), "\"\xef\xbf\xbd") << quote_json(bad);
    }
}

TEST(Json, AVerdictIsOneObject) {
    EXPECT_EQ(to_json("a.pkt", {.lasted = 1500_ms}),
              R"({"file":"a.pkt","verdict":"passed","seconds":1.5})");
    const Verdict failed{.kind = VerdictKind::Failed,
                         .failure = {.place = {.line = 3, .column = 5},
                                     .message = "ack is 1, not 2",
                                     .event = "+0 > . 1:1(0) ack 2",
                                     .expected = "E",
                                     .got = "G",
                                     .packets = {"one", "two"}},
                         .output = "5\n",
                         .lasted = 2_s};
    EXPECT_EQ(to_json("a.pkt", failed),
              R"({"file":"a.pkt","verdict":"failed","seconds":2,"line":3,"column":5,)"
              R"("message":"ack is 1, not 2","event":"+0 > . 1:1(0) ack 2","expected":"E",)"
              R"("got":"G","packets":["one","two"],"output":"5\n"})");
    EXPECT_EQ(to_json("a", {.kind = VerdictKind::Skipped, .failure = {.message = "why"}}),
              R"({"file":"a","verdict":"skipped","seconds":0,"message":"why"})");
    EXPECT_EQ(name_of(VerdictKind::Unusable), "unusable");
}

}  // namespace
}  // namespace fairlead::drill
