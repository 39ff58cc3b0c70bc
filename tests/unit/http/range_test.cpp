#include "http/range.hpp"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

using Kind = RangeChoice::Kind;
constexpr RangeChoice kWhole{.kind = Kind::Whole, .offset = 0, .length = 1000};

RangeChoice part(std::uint64_t offset, std::uint64_t length) {
    return {.kind = Kind::Part, .offset = offset, .length = length};
}

TEST(Range, NamesFirstAndLast) {
    EXPECT_EQ(choose_range("bytes=0-499", 1000), part(0, 500));
    EXPECT_EQ(choose_range("bytes=500-999", 1000), part(500, 500));
    EXPECT_EQ(choose_range("bytes=7-7", 1000), part(7, 1));
    EXPECT_EQ(choose_range("Bytes= 0-1 ", 1000), part(0, 2));
}

TEST(Range, ReachesAtMostToTheEnd) {
    EXPECT_EQ(choose_range("bytes=900-", 1000), part(900, 100));
    EXPECT_EQ(choose_range("bytes=900-5000", 1000), part(900, 100));
    EXPECT_EQ(choose_range("bytes=1-99999999999999999999999999", 1000), part(1, 999));
    EXPECT_EQ(choose_range("bytes=1-18446744073709551615", 1000), part(1, 999));
}

TEST(Range, CountsASuffixFromTheEnd) {
    EXPECT_EQ(choose_range("bytes=-1", 1000), part(999, 1));
    EXPECT_EQ(choose_range("bytes=-5000", 1000), part(0, 1000));
}

TEST(Range, BeyondTheEndIsUnsatisfiable) {
    EXPECT_EQ(choose_range("bytes=1000-", 1000).kind, Kind::Unsatisfiable);
    EXPECT_EQ(choose_range("bytes=99999999999999999999-", 1000).kind, Kind::Unsatisfiable);
    EXPECT_EQ(choose_range("bytes=-0", 1000).kind, Kind::Unsatisfiable);
    EXPECT_EQ(choose_range("bytes=0-", 0).kind, Kind::Unsatisfiable);
    EXPECT_EQ(choose_range("bytes=-5", 0).kind, Kind::Unsatisfiable);
}

TEST(Range, ThatIsInvalidUnknownOrManifoldMeansTheWhole) {
    for (const char* field :
         {"", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=0x1-2", "bytes=1--2",
          "bytes=--2", "lines=0-5", "bytes=0-1,3-4", "bytes=1- 2", "bytes=+1-2"}) {
        EXPECT_EQ(choose_range(field, 1000), kWhole) << field;
    }
}

}  // namespace
}  // namespace fairlead::http
