#include "http/date.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

namespace fairlead::http {

namespace {

using namespace std::string_view_literals;
constexpr std::array kDays{"Sun"sv, "Mon"sv, "Tue"sv, "Wed"sv, "Thu"sv, "Fri"sv, "Sat"sv};
constexpr std::array kLongDays{"Sunday"sv,   "Monday"sv, "Tuesday"sv, "Wednesday"sv,
                               "Thursday"sv, "Friday"sv, "Saturday"sv};
constexpr std::array kMonths{"Jan"sv, "Feb"sv, "Mar"sv, "Apr"sv, "May"sv, "Jun"sv,
                             "Jul"sv, "Aug"sv, "Sep"sv, "Oct"sv, "Nov"sv, "Dec"sv};

// Takes pieces off the front; the first that does not fit spoils the whole.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_{text} {}

    void literal(std::string_view expected) {
        if (!rest_.starts_with(expected)) return fail();
        rest_.remove_prefix(expected.size());
    }
    bool accept(std::string_view expected) {
        if (!rest_.starts_with(expected)) return false;
        rest_.remove_prefix(expected.size());
        return true;
    }
    int digits(std::size_t count) {
        const std::string_view text = rest_.substr(0, count);
        const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
        if (text.size() < count || !std::ranges::all_of(text, is_digit)) {
            fail();
            return 0;
        }
        int value = 0;
        for (const char c : text) value = value * 10 + (c - '0');
        rest_.remove_prefix(count);
        return value;
    }
    template <std::size_t N>
    int one_of(const std::array<std::string_view, N>& names) {
        for (std::size_t i = 0; i < N; ++i) {
            if (accept(names[i])) return static_cast<int>(i);
        }
        fail();
        return 0;
    }
    bool is_whole() const { return good_ && rest_.empty(); }

private:
    void fail() {
        good_ = false;
        rest_ = {};
    }

    std::string_view rest_;
    bool good_ = true;
};

struct Fields {
    int year = 0;
    int month = 0;  // 0 to 11
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
};

void read_clock(Reader& in, Fields& f) {
    f.hour = in.digits(2);
    in.literal(":");
    f.minute = in.digits(2);
    in.literal(":");
    f.second = in.digits(2);
}

std::optional<UnixTime> to_time(const Fields& f) {
    const std::chrono::year_month_day date{std::chrono::year{f.year},
                                           std::chrono::month{static_cast<unsigned>(f.month + 1)},
                                           std::chrono::day{static_cast<unsigned>(f.day)}};
    // 60 is a leap second, which the grammar allows.
    if (!date.ok() || f.hour > 23 || f.minute > 59 || f.second > 60) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
    const std::int64_t minutes = (days * 24 + f.hour) * 60 + f.minute;
    return UnixTime{minutes * 60 + f.second};
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<UnixTime> parse_fixdate(std::string_view text) {
    Reader in{text};
    Fields f;
    in.one_of(kDays);
    in.literal(", ");
    f.day = in.digits(2);
    in.literal(" ");
    f.month = in.one_of(kMonths);
    in.literal(" ");
    f.year = in.digits(4);
    in.literal(" ");
    read_clock(in, f);
    in.literal(" GMT");
    return in.is_whole() ? to_time(f) : std::nullopt;
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
std::optional<UnixTime> parse_rfc850(std::string_view text, UnixTime now) {
    Reader in{text};
    Fields f;
    in.one_of(kLongDays);
    in.literal(", ");
    f.day = in.digits(2);
    in.literal("-");
    f.month = in.one_of(kMonths);
    in.literal("-");
    const int short_year = in.digits(2);
    in.literal(" ");
    read_clock(in, f);
    in.literal(" GMT");
    if (!in.is_whole()) return std::nullopt;
    const std::chrono::sys_days today{std::chrono::days{now.seconds / 86'400}};
    const int this_year = static_cast<int>(std::chrono::year_month_day{today}.year());
    f.year = this_year - this_year % 100 + short_year;
    if (f.year > this_year + 50) f.year -= 100;
    return to_time(f);
}

// "Sun Nov  6 08:49:37 1994"
std::optional<UnixTime> parse_asctime(std::string_view text) {
    Reader in{text};
    Fields f;
    in.one_of(kDays);
    in.literal(" ");
    f.month = in.one_of(kMonths);
    in.literal(" ");
    f.day = in.digits(in.accept(" ") ? 1 : 2);
    in.literal(" ");
    read_clock(in, f);
    in.literal(" ");
    f.year = in.digits(4);
    return in.is_whole() ? to_time(f) : std::nullopt;
}

}  // namespace

std::string write_date(UnixTime t) {
    const std::chrono::sys_seconds moment{std::chrono::seconds{t.seconds}};
    const auto day = std::chrono::floor<std::chrono::days>(moment);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{moment - day};
    return fmt::format(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday{day}.c_encoding()],
        static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
        static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
        clock.seconds().count());
}

std::optional<UnixTime> parse_date(std::string_view text, UnixTime now) {
    if (const auto t = parse_fixdate(text)) return t;
    if (const auto t = parse_rfc850(text, now)) return t;
    return parse_asctime(text);
}

}  // namespace fairlead::http
