// lab/demo_screen.hpp — what the person before the demonstration sees.
//
// Owns:   DemoScreen: one line for each step, with a bar that fills while it works where standard
//         output is a terminal, and only its result where it is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fairlead/time.hpp"

namespace fairlead::lab {

class DemoScreen {
public:
    DemoScreen();
    DemoScreen(const DemoScreen&) = delete;
    DemoScreen& operator=(const DemoScreen&) = delete;
    ~DemoScreen() { clear(); }

    void heading(std::string_view text);
    void begin(std::string title);
    // How much of `all` is done; draws on a terminal alone.
    void progress(std::uint64_t done, std::uint64_t all, Duration elapsed);
    // Ends the line of the step.
    void end(bool is_good, std::string_view result);
    // A text of its own, between steps.
    void print(std::string_view text);

private:
    void clear();

    bool is_terminal_;
    bool has_bar_ = false;
    std::string title_{};
};

}  // namespace fairlead::lab
