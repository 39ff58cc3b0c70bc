#include "inspect/control_text.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <type_traits>

#include <fmt/format.h>

namespace fairlead::inspect {
namespace {

constexpr bool is_plain(char c) { return c > ' ' && c < '\x7f' && c != '%' && c != '='; }
constexpr bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (is_plain(c)) {
            text += c;
        } else {
            text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return text;
}

std::optional<std::string> unescaped(std::string_view text) {
    std::string value;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            if (!is_plain(text[at])) return std::nullopt;
            value += text[at];
            continue;
        }
        unsigned code = 0;
        if (text.size() - at < 3) return std::nullopt;
        const char* end = text.data() + at + 3;
        const auto [stop, fault] = std::from_chars(text.data() + at + 1, end, code, 16);
        if (fault != std::errc{} || stop != end) return std::nullopt;
        value += static_cast<char>(code);
        at += 2;
    }
    return value;
}

// --- a value as the text of a word, and back ---

template <typename T>
constexpr bool kIsNumber = std::integral<T> || std::is_enum_v<T>;

template <typename T>
std::string to_text(const T& value) {
    if constexpr (std::is_enum_v<T>) {
        return std::to_string(static_cast<unsigned>(value));
    } else if constexpr (std::same_as<T, bool>) {
        return value ? "1" : "0";
    } else if constexpr (std::integral<T>) {
        return std::to_string(value);
    } else if constexpr (std::same_as<T, Duration>) {
        return std::to_string(value.ns());
    } else if constexpr (std::same_as<T, std::string>) {
        return value;
    } else {
        return value.to_string();
    }
}

template <std::integral T>
bool from_text(std::string_view text, T& value, T most) {
    const char* end = text.data() + text.size();
    T read{};
    const auto [stop, fault] = std::from_chars(text.data(), end, read);
    if (fault != std::errc{} || stop != end || read > most) return false;
    value = read;
    return true;
}

// The numbers that an enumeration has.
template <typename T>
constexpr std::uint8_t kLeastOf = std::same_as<T, TcpState> ? 1 : 0;
template <typename T>
constexpr std::uint8_t kMostOf =
    std::same_as<T, TcpState>                                        ? 11
    : std::same_as<T, TimerKind> || std::same_as<T, CongestionState> ? 4
    : std::same_as<T, CongestionDetails::Form>                       ? 16
                                                                     : 1;

template <typename T>
bool enumeration_from_text(std::string_view text, T& value) {
    std::uint8_t number = 0;
    if (!from_text(text, number, kMostOf<T>) || number < kLeastOf<T>) return false;
    value = static_cast<T>(number);
    return true;
}

template <typename T>
bool from_text(std::string_view text, T& value) {
    if constexpr (std::is_enum_v<T>) {
        return enumeration_from_text(text, value);
    } else if constexpr (std::same_as<T, bool>) {
        value = text == "1";
        return text == "1" || text == "0";
    } else if constexpr (std::integral<T>) {
        return from_text(text, value, std::numeric_limits<T>::max());
    } else if constexpr (std::same_as<T, Duration>) {
        std::int64_t ns = 0;
        if (!from_text(text, ns, INT64_MAX)) return false;
        value = Duration::from_ns(ns);
        return true;
    } else if constexpr (std::same_as<T, std::string>) {
        value = text;
        return true;
    } else {
        const auto read = T::parse(text);
        if (read) value = *read;
        return read.has_value();
    }
}

// --- the fields of each thing, by name, once for both directions ---

template <typename F>
void for_each_field(SocketRow& r, F&& f) {
    SocketInfo& s = r.info;
    f("index", s.socket.index), f("generation", s.socket.generation), f("type", s.type);
    f("family", s.family), f("state", s.state), f("local", s.local), f("peer", s.peer);
    f("interface", s.interface), f("receive_queue", s.receive_queue);
    f("send_queue", s.send_queue), f("timer", s.timer), f("timer_left", s.timer_left);
    f("ack_left", s.ack_left);
    f("retransmits", s.retransmits), f("probes", s.probes), f("shut_read", s.has_shut_read);
    f("shut_write", s.has_shut_write), f("v6_only", s.is_v6_only), f("orphan", s.is_orphan);
    f("tos", s.tos), f("identity", s.identity), f("congestion", r.congestion);
    CongestionDetails& d = r.congestion_details;
    f("congestion_form", d.form), f("congestion_bytes", d.bytes);
    f("congestion_word0", d.words[0]), f("congestion_word1", d.words[1]);
    f("congestion_word2", d.words[2]), f("congestion_word3", d.words[3]);
    f("congestion_word4", d.words[4]);
    SocketMemory& m = r.memory;
    f("receive_allocated", m.receive_allocated), f("receive_buffer", m.receive_buffer);
    f("write_allocated", m.write_allocated), f("send_buffer", m.send_buffer);
    f("forward_allocated", m.forward_allocated), f("write_queued", m.write_queued);
    f("option_memory", m.option_memory), f("backlog", m.backlog), f("drops", m.drops);
}

template <typename F>
void for_each_state_field(TcpInfo& t, F&& f) {
    f("tcp_state", t.state), f("tcp_congestion_state", t.congestion_state);
    f("tcp_retransmits", t.retransmits), f("tcp_probes", t.probes), f("tcp_backoff", t.backoff);
    f("tcp_timestamps", t.has_timestamps), f("tcp_sack", t.has_sack);
    f("tcp_window_scale", t.has_window_scale), f("tcp_ecn", t.has_ecn);
    f("tcp_accurate_ecn", t.has_accurate_ecn), f("tcp_ecn_seen", t.has_seen_ecn);
    f("tcp_syn_data", t.has_syn_data);
    f("tcp_fast_open", t.is_fast_open);
    f("tcp_rate_limited_by_application", t.is_rate_limited_by_application);
    f("tcp_fast_open_failure", t.fast_open_failure);
    f("tcp_send_window_scale", t.send_window_scale);
    f("tcp_receive_window_scale", t.receive_window_scale), f("tcp_rto", t.rto);
    f("tcp_ack_timeout", t.ack_timeout), f("tcp_send_mss", t.send_mss);
    f("tcp_receive_mss", t.receive_mss), f("tcp_advertised_mss", t.advertised_mss);
    f("tcp_path_mtu", t.path_mtu), f("tcp_unacked", t.unacked_segments);
    f("tcp_sacked", t.sacked_segments), f("tcp_lost", t.lost_segments);
    f("tcp_retransmitted", t.retransmitted_segments);
    f("tcp_total_retransmitted", t.total_retransmitted), f("tcp_rtt", t.rtt);
    f("tcp_rtt_variation", t.rtt_variation), f("tcp_minimum_rtt", t.minimum_rtt);
    f("tcp_receive_rtt", t.receive_rtt);
    f("tcp_slow_start_threshold", t.slow_start_threshold_segments);
    f("tcp_congestion_window", t.congestion_window_segments);
    f("tcp_reordering", t.reordering_segments);
}

template <typename F>
void for_each_count_field(TcpInfo& t, F&& f) {
    f("tcp_receive_slow_start_threshold", t.receive_slow_start_threshold);
    f("tcp_receive_space", t.receive_space), f("tcp_pacing_rate", t.pacing_rate);
    f("tcp_most_pacing_rate", t.most_pacing_rate), f("tcp_delivery_rate", t.delivery_rate);
    f("tcp_send_window", t.send_window), f("tcp_receive_window", t.receive_window);
    f("tcp_not_sent", t.not_sent), f("tcp_bytes_acked", t.bytes_acked);
    f("tcp_bytes_received", t.bytes_received), f("tcp_bytes_sent", t.bytes_sent);
    f("tcp_bytes_retransmitted", t.bytes_retransmitted), f("tcp_segments_out", t.segments_out);
    f("tcp_segments_in", t.segments_in), f("tcp_data_segments_out", t.data_segments_out);
    f("tcp_data_segments_in", t.data_segments_in), f("tcp_out_of_order", t.out_of_order);
    f("tcp_dsack_duplicates", t.dsack_duplicates), f("tcp_reorder_seen", t.reorder_seen);
    f("tcp_delivered", t.delivered_segments), f("tcp_delivered_marked", t.delivered_marked);
    f("tcp_received_marked", t.received_marked);
    f("tcp_delivered_ect1", t.ect1_bytes.delivered), f("tcp_received_ect1", t.ect1_bytes.received);
    f("tcp_delivered_ect0", t.ect0_bytes.delivered), f("tcp_received_ect0", t.ect0_bytes.received);
    f("tcp_delivered_ce", t.marked_bytes.delivered), f("tcp_received_ce", t.marked_bytes.received);
    f("tcp_accurate_ecn_failures", t.accurate_ecn_failures);
    f("tcp_accurate_ecn_option_seen", t.accurate_ecn_option_seen);
    f("tcp_rehashes", t.rehashes), f("tcp_total_timeouts", t.total_timeouts);
    f("tcp_timeout_recoveries", t.timeout_recoveries);
    f("tcp_time_in_timeouts", t.time_in_timeouts), f("tcp_busy", t.busy);
    f("tcp_limited_by_window", t.limited_by_window);
    f("tcp_limited_by_send_buffer", t.limited_by_send_buffer);
    f("tcp_last_data_sent", t.last_data_sent), f("tcp_last_data_received", t.last_data_received);
    f("tcp_last_ack_received", t.last_ack_received);
}

template <typename F>
void for_each_field(TcpInfo& t, F&& f) {
    for_each_state_field(t, f);
    for_each_count_field(t, f);
}

template <typename F>
void for_each_field(InterfaceInfo& i, F&& f) {
    f("name", i.name), f("index", i.index), f("mtu", i.mtu), f("up", i.is_up);
    f("loopback", i.is_loopback), f("broadcast", i.has_broadcast);
    f("received_packets", i.received_packets), f("received_bytes", i.received_bytes);
    f("receive_errors", i.receive_errors), f("receive_drops", i.receive_drops);
    f("sent_packets", i.sent_packets), f("sent_bytes", i.sent_bytes);
    f("send_drops", i.send_drops);
}

template <typename F>
void for_each_field(Route& r, F&& f) {
    f("destination", r.destination), f("gateway", r.gateway), f("interface", r.interface);
    f("metric", r.metric), f("mtu", r.mtu), f("source", r.source);
}

template <typename T>
void put(std::string& text, const T& value) {
    T ours = value;
    // The default of each field, in the order in which they come.
    T defaults{};
    std::vector<std::string> usual;
    for_each_field(defaults, [&](const char*, auto& field) { usual.push_back(to_text(field)); });
    std::size_t at = 0;
    for_each_field(ours, [&](const char* name, auto& field) {
        const std::string word = to_text(field);
        if (word != usual[at++]) text += fmt::format(" {}={}", name, escaped(word));
    });
}

template <typename T>
bool get(const ControlLine& line, T& value) {
    bool is_good = true;
    for_each_field(value, [&](const char* name, auto& field) {
        const std::string* word = line.find(name);
        if (word != nullptr && !from_text(*word, field)) is_good = false;
    });
    return is_good;
}

template <typename T>
std::optional<T> read(const ControlLine& line) {
    T value;
    if (!get(line, value)) return std::nullopt;
    return value;
}

}  // namespace

const std::string* ControlLine::find(std::string_view name) const {
    const auto found = std::ranges::find(words, name, &std::pair<std::string, std::string>::first);
    return found == words.end() ? nullptr : &found->second;
}

std::optional<ControlLine> parse_line(std::string_view line) {
    if (line.size() > kMostLineBytes) return std::nullopt;
    ControlLine parsed;
    std::size_t at = std::min(line.find(' '), line.size());
    parsed.verb = line.substr(0, at);
    if (parsed.verb.empty() || !std::ranges::all_of(parsed.verb, is_name)) return std::nullopt;
    while (at < line.size()) {
        const std::size_t begin = at + 1;
        at = std::min(line.find(' ', begin), line.size());
        const std::string_view word = line.substr(begin, at - begin);
        const std::size_t equals = word.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const std::string_view name = word.substr(0, equals);
        auto value = unescaped(word.substr(equals + 1));
        if (name.empty() || !std::ranges::all_of(name, is_name) || !value) return std::nullopt;
        parsed.words.emplace_back(name, std::move(*value));
    }
    return parsed;
}

std::string write_line(const ControlLine& line) {
    std::string text = line.verb;
    for (const auto& [name, value] : line.words) {
        text += fmt::format(" {}={}", name, escaped(value));
    }
    return text + "\n";
}

std::string write_socket(const SocketRow& row) {
    std::string text = "socket";
    put(text, row);
    if (row.tcp) {
        text += " tcp=1";
        put(text, *row.tcp);
    }
    return text + "\n";
}

std::optional<SocketRow> read_socket(const ControlLine& line) {
    SocketRow row;
    if (!get(line, row)) return std::nullopt;
    const std::string* tcp = line.find("tcp");
    if (tcp != nullptr && *tcp == "1" && !get(line, row.tcp.emplace())) return std::nullopt;
    return row;
}

std::string write_interface(const InterfaceInfo& interface) {
    std::string text = "interface";
    put(text, interface);
    return text + "\n";
}
std::optional<InterfaceInfo> read_interface(const ControlLine& line) {
    return read<InterfaceInfo>(line);
}

std::string write_route(const Route& route) {
    std::string text = "route";
    put(text, route);
    return text + "\n";
}
std::optional<Route> read_route(const ControlLine& line) { return read<Route>(line); }

bool SnapshotReader::fail(std::string why) {
    fault_ = std::move(why);
    return false;
}

std::string write_holder(const Holder& holder) {
    return write_line({"holder",
                       {{"index", std::to_string(holder.socket.index)},
                        {"generation", std::to_string(holder.socket.generation)},
                        {"inode", std::to_string(holder.inode)}}});
}

std::optional<Holder> read_holder(const ControlLine& line) {
    Holder holder;
    const auto read = [&](std::string_view name, auto& into) {
        const std::string* text = line.find(name);
        return text != nullptr && from_text(*text, into);
    };
    const bool is_good = read("index", holder.socket.index) &&
                         read("generation", holder.socket.generation) &&
                         read("inode", holder.inode);
    return is_good ? std::optional{holder} : std::nullopt;
}

bool SnapshotReader::take(std::string_view text) {
    const auto line = parse_line(text);
    if (!line) return fail("the stack's answer cannot be read");
    if (line->verb == "end") return false;
    const std::string* name = line->find("name");
    const std::string* value = line->find("value");
    if (line->verb == "error") {
        const std::string* why = line->find("text");
        return fail(why == nullptr ? "the stack refused" : *why);
    }
    if (line->verb == "socket") {
        auto row = read_socket(*line);
        if (!row) return fail("a socket's line cannot be read");
        snapshot.sockets.push_back(std::move(*row));
    } else if (line->verb == "counter" && name != nullptr && value != nullptr) {
        std::uint64_t count = 0;
        if (!from_text(*value, count)) return fail("a counter's line cannot be read");
        // A newer stack may count what we do not know.
        if (const auto counter = counter_by_name(*name)) snapshot.counters.add(*counter, count);
    } else if (line->verb == "setting" && name != nullptr && value != nullptr) {
        (void)snapshot.config.set(*name, *value);
    } else if (line->verb == "interface") {
        auto interface = read_interface(*line);
        if (!interface) return fail("an interface's line cannot be read");
        snapshot.interfaces.push_back(std::move(*interface));
    } else if (line->verb == "holder") {
        const auto holder = read_holder(*line);
        if (!holder) return fail("a holder's line cannot be read");
        snapshot.holders.push_back(*holder);
    } else if (line->verb == "route") {
        const auto route = read_route(*line);
        if (!route) return fail("a route's line cannot be read");
        snapshot.routes.push_back(*route);
    }
    return true;
}

}  // namespace fairlead::inspect
