// inspect/control_text.hpp — what goes over a control socket: lines of words.
//
// Form:      a line is a verb and words NAME=VALUE, one blank between them, and ends in a newline.
//            In a value, blanks, '%', '=' and what is not printable ASCII is %XX. An unknown name is
//            passed over, so that older and newer programs understand each other.
// Requests:  hello · sockets · counters · settings · interfaces · routes · holders ·
//            set name=NET.IPV4.X value=V · kill index=I generation=G
// Answers:   one line for each thing (hello, socket, counter, setting, interface, route,
//            holder), and at
//            last "end", or "error code=ERRNO text=WHY".
// Bounds:    a request has at most kMostRequestBytes, any line kMostLineBytes.
// Not here:  sockets (lab/control_server.hpp), what is answered (control_answer.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inspect/snapshot.hpp"

namespace fairlead::inspect {

inline constexpr std::size_t kMostRequestBytes = 1024;
inline constexpr std::size_t kMostLineBytes = 16384;

struct ControlLine {
    std::string verb{};
    std::vector<std::pair<std::string, std::string>> words{};

    // The first of that name; null: there is none.
    const std::string* find(std::string_view name) const;
};

// Without its newline. Nothing: it is no such line.
std::optional<ControlLine> parse_line(std::string_view line);
std::string write_line(const ControlLine& line);  // with its newline

// What has its default is not written.
std::string write_socket(const SocketRow& row);
std::optional<SocketRow> read_socket(const ControlLine& line);
std::string write_interface(const InterfaceInfo& interface);
std::optional<InterfaceInfo> read_interface(const ControlLine& line);
std::string write_holder(const Holder& holder);
std::optional<Holder> read_holder(const ControlLine& line);
std::string write_route(const Route& route);
std::optional<Route> read_route(const ControlLine& line);

// Takes the lines of an answer; what is not understood, and "error", is told as text.
class SnapshotReader {
public:
    // False: it was the last one.
    bool take(std::string_view line);
    const std::optional<std::string>& fault() const { return fault_; }
    Snapshot snapshot{};

private:
    bool fail(std::string why);
    std::optional<std::string> fault_{};
};

}  // namespace fairlead::inspect
