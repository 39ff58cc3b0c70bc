#include "lab/demo_screen.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "lab/report_text.hpp"

namespace fairlead::lab {
namespace {

constexpr std::uint64_t kBar = 24;

// A reader that has gone is no reason to stop, nor to throw as fmt::print does.
void write(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

}  // namespace

DemoScreen::DemoScreen() : is_terminal_{::isatty(STDOUT_FILENO) == 1} {}

void DemoScreen::clear() {
    if (has_bar_) write("\r\x1b[K");
    has_bar_ = false;
}

void DemoScreen::heading(std::string_view text) { print(fmt::format("\n{}\n", text)); }

void DemoScreen::print(std::string_view text) {
    clear();
    write(std::string{text});
}

void DemoScreen::begin(std::string title) {
    title_ = std::move(title);
    progress(0, 0, {});
}

void DemoScreen::progress(std::uint64_t done, std::uint64_t all, Duration elapsed) {
    if (!is_terminal_) return;
    clear();
    if (all == 0) {
        write(fmt::format("  {:<34} ...", title_));
    } else {
        const std::uint64_t shown = std::min(done, all);
        const auto full = static_cast<std::size_t>(shown * kBar / all);
        write(fmt::format("  {:<34} [{:-<{}}] {:>3} %  {}", title_, std::string(full, '#'), kBar,
                          shown * 100 / all, rate_text(shown, elapsed)));
    }
    has_bar_ = true;
}

void DemoScreen::end(bool is_good, std::string_view result) {
    clear();
    write(fmt::format("  {:<34} {} {}\n", title_, is_good ? "ok    " : "FAILED", result));
}

}  // namespace fairlead::lab
