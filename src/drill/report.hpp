// drill/report.hpp — what is told of a run: packets in tcpdump's style, and why a script failed.
//
// Owns:   the last packets before a failure; the failure as values, and as text.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "drill/evaluate.hpp"
#include "drill/script.hpp"
#include "drill/seen.hpp"

namespace fairlead::drill {

using TcpOrOther = std::variant<TcpBody, UdpBody, IcmpBody>;

// "0.100000 IP 192.168.0.1.8080 > 192.0.2.1.40001: Flags [P.], seq 1:11, ack 1, win 257, length 10"
std::string dump(Duration at, const Endpoint& source, const Endpoint& target,
                 const TcpOrOther& body);

// What did not come out as scripted; empty where it does not apply.
struct Failure {
    Place place{};
    std::string message{};
    std::string event{};     // as the script has it
    std::string expected{};  // in the form of dump()
    std::string got{};
    std::vector<std::string> packets{};  // the last ones, oldest first
};

// "file:line:column: message", and below it what the rest says.
std::string to_text(std::string_view file, const Failure& failure);

class Report {
public:
    using Print = std::function<void(std::string_view)>;

    // `print` gets each packet's line as it is seen; may be empty.
    explicit Report(Print print) : print_{std::move(print)} {}

    void add_packet(std::string line);
    // What a shell line printed; it is told, and no part of a failure.
    void add_output(std::string_view text) const;

    // What was scripted and what came instead, in the form of dump(); empty: does not apply.
    struct Contrast {
        std::string expected{};
        std::string got{};
    };
    Failure failure(const Event& event, const Fault& fault, const Contrast& contrast) const;

private:
    static constexpr std::size_t kKept = 10;

    Print print_;
    std::deque<std::string> last_;
};

}  // namespace fairlead::drill
