#include "http/date.hpp"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

constexpr UnixTime kExample{784'111'777};  // the example of RFC 9110 §5.6.7
constexpr UnixTime kNow{1'700'000'000};

TEST(Date, IsWrittenAsFixdate) {
    EXPECT_EQ(write_date(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(write_date({0}), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(write_date({951'782'400}), "Tue, 29 Feb 2000 00:00:00 GMT");
    EXPECT_EQ(write_date({-1}), "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST(Date, IsReadInItsThreeForms) {
    EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), kExample);
    EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), kExample);
    EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", kNow), kExample);
    EXPECT_EQ(parse_date("Sun Nov 16 08:49:37 1994", kNow), UnixTime{kExample.seconds + 864'000});
}

TEST(Date, OfTwoDigitsLiesAtMostFiftyYearsAhead) {
    EXPECT_EQ(write_date(*parse_date("Monday, 01-Jan-73 00:00:00 GMT", kNow)).substr(12, 4),
              "2073");
    EXPECT_EQ(write_date(*parse_date("Monday, 01-Jan-74 00:00:00 GMT", kNow)).substr(12, 4),
              "1974");
}

TEST(Date, ThatIsNoneIsRefused) {
    for (const char* text :
         {"", "yesterday", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
          "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994",
          "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 +0100",
          "Sun, 06 Nov -994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT"}) {
        EXPECT_FALSE(parse_date(text, kNow)) << text;
    }
}

TEST(Date, ThatEndsEarlyIsRefused) {
    for (const std::string_view text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
          "Sun Nov  6 08:49:37 1994"}) {
        for (std::size_t n = 0; n < text.size(); ++n) {
            EXPECT_FALSE(parse_date(text.substr(0, n), kNow)) << n;
        }
    }
}

TEST(Date, SurvivesTheWayThereAndBack) {
    for (std::int64_t t = 0; t < 4'000'000'000; t += 12'345'678) {
        EXPECT_EQ(parse_date(write_date({t}), kNow), UnixTime{t});
    }
}

}  // namespace
}  // namespace fairlead::http
