// Control messages of sendmsg and recvmsg: cmsg(3).
#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/structs.hpp"
#include "fairlead/error.hpp"
#include "posix/abi.hpp"

namespace fairlead::drill {
namespace {

namespace abi = posix::abi;

constexpr std::size_t kHeader = 16;    // cmsg_len (8), cmsg_level (4), cmsg_type (4)
constexpr std::size_t kMostData = 64;  // of a message that a script leaves open
constexpr std::size_t kMostTotal = 4096;
constexpr int kSolUdp = 17;
constexpr int kUdpSegment = 103;  // a __u16
constexpr int kTxTime = 61;       // SCM_TXTIME, a __u64

constexpr std::size_t aligned(std::size_t n) { return (n + 7) / 8 * 8; }

// struct sock_extended_err, behind which the address of who has caused it stands.
struct ErrorField {
    std::string_view name;
    std::size_t at;
    std::size_t bytes;
};
constexpr ErrorField kErrorFields[] = {{"ee_errno", 0, 4}, {"ee_origin", 4, 1}, {"ee_type", 5, 1},
                                       {"ee_code", 6, 1},  {"ee_info", 8, 4},   {"ee_data", 12, 4}};
constexpr std::size_t kErrorBytes = 16;

bool is_error(const Expression& data) {
    return data.kind == ExpressionKind::Struct &&
           std::ranges::any_of(kErrorFields, [&](const ErrorField& field) {
               return field_of(data, field.name) != nullptr;
           });
}

// When it happened: struct timeval of SO_TIMESTAMP, timespec of SO_TIMESTAMPNS, and of
// SO_TIMESTAMPING the first of three.
constexpr std::size_t kStampBytes = 16;

bool is_stamp(int level, int type) {
    return level == abi::kSolSocket &&
           (type == abi::so::kTimestamp || type == abi::so::kTimestampNs ||
            type == abi::so::kTimestamping);
}

// Of the second number of a stamp.
std::int64_t nanoseconds_per_unit(int type) { return type == abi::so::kTimestamp ? 1000 : 1; }

const Expression* either_field(const Expression& data, std::string_view a, std::string_view b) {
    const Expression* first = field_of(data, a);
    return first != nullptr ? first : field_of(data, b);
}

// How long an int of that message is.
std::size_t size_of_number(int level, int type) {
    if (level == kSolUdp && type == kUdpSegment) return 2;
    return level == abi::kSolSocket && type == kTxTime ? 8 : 4;
}

struct Scripted {
    int level = 0;
    int type = 0;
    const Expression* data = nullptr;  // null: left open
};

Evaluated<Scripted> read_scripted(const Expression& e) {
    const Expression* level = field_of(e, "cmsg_level");
    const Expression* type = field_of(e, "cmsg_type");
    if (e.kind != ExpressionKind::Struct || level == nullptr || type == nullptr) {
        return fault_at(e, "expected {cmsg_level=, cmsg_type=, cmsg_data=}");
    }
    Scripted scripted{.data = field_of(e, "cmsg_data")};
    scripted.level = FAIRLEAD_TRY(evaluate_int(*level));
    scripted.type = FAIRLEAD_TRY(evaluate_int(*type));
    return scripted;
}

Evaluated<Octets> data_of(const Scripted& scripted) {
    if (scripted.data == nullptr) return Octets{};
    const bool is_number = scripted.data->kind != ExpressionKind::Struct &&
                           scripted.data->kind != ExpressionKind::Text;
    return evaluate_option(
        *scripted.data,
        is_number ? std::optional{size_of_number(scripted.level, scripted.type)} : std::nullopt);
}

std::int64_t number_at(const Octets& bytes, std::size_t at, std::size_t count) {
    std::int64_t value = 0;
    for (std::size_t i = std::min(count, bytes.size() - at); i-- > 0;) {
        value = value << 8 | bytes[at + i];
    }
    return value;
}

std::optional<Fault> check_error(const Expression& data, const Octets& got) {
    for (const ErrorField& field : kErrorFields) {
        const Expression* scripted = field_of(data, field.name);
        if (scripted == nullptr) continue;
        const auto wanted = evaluate(*scripted);
        if (!wanted) return wanted.error();
        const std::int64_t value = number_at(got, field.at, field.bytes);
        if (*wanted == value) continue;
        return Fault{.place = scripted->place,
                     .message = fmt::format("{} is {}, not {}", field.name, value, *wanted)};
    }
    return std::nullopt;
}

constexpr std::int64_t kSecond = 1'000'000'000;

// {scm_sec=0, scm_nsec=100000000}, {tv_sec=0, tv_usec=100000}: since the script began.
std::optional<Fault> check_stamp(const Expression& data, const ControlMessage& got,
                                 Duration tolerance) {
    const Expression* seconds = either_field(data, "scm_sec", "tv_sec");
    const Expression* rest = either_field(data, "scm_nsec", "tv_nsec");
    if (rest == nullptr) rest = field_of(data, "tv_usec");
    if (data.kind != ExpressionKind::Struct || seconds == nullptr || rest == nullptr ||
        got.data.size() < kStampBytes) {
        return Fault{.place = data.place, .message = "expected {scm_sec=, scm_nsec=}"};
    }
    const auto whole = evaluate(*seconds);
    if (!whole) return whole.error();
    const auto part = evaluate(*rest);
    if (!part) return part.error();
    const std::int64_t unit = nanoseconds_per_unit(got.type);
    const auto time = [&](std::int64_t s, std::int64_t n) {
        return Duration::from_s(s) + Duration::from_ns(n * unit);
    };
    const Duration happened = time(number_at(got.data, 0, 8), number_at(got.data, 8, 8));
    const Duration off = happened - time(*whole, *part);
    if (Duration{} - tolerance <= off && off <= tolerance) return std::nullopt;
    return Fault{.place = data.place,
                 .message = fmt::format(
                     "the time stamp is {} s, not {} s (give or take {})", format_seconds(happened),
                     format_seconds(time(*whole, *part)), format_seconds(tolerance))};
}

std::optional<Fault> check_message(const Expression& e, const ControlMessage& got,
                                   Duration tolerance) {
    const auto scripted = read_scripted(e);
    if (!scripted) return scripted.error();
    const auto differs = [&](std::string message) {
        return Fault{.place = e.place, .message = std::move(message)};
    };
    if (scripted->level != got.level || scripted->type != got.type) {
        return differs(fmt::format("the control message is of level {} and type {}, not {} and {}",
                                   got.level, got.type, scripted->level, scripted->type));
    }
    if (scripted->data == nullptr) return std::nullopt;
    if (is_stamp(got.level, got.type)) return check_stamp(*scripted->data, got, tolerance);
    if (is_error(*scripted->data)) {
        if (got.data.size() >= kErrorBytes) return check_error(*scripted->data, got.data);
        return differs("the control message is too short for an error");
    }
    const Expression& data = *scripted->data;
    const bool is_number = data.kind != ExpressionKind::Struct && data.kind != ExpressionKind::Text;
    const auto wanted =
        evaluate_option(data, is_number ? std::optional{got.data.size()} : std::nullopt);
    if (!wanted) return wanted.error();
    if (*wanted == got.data) return std::nullopt;
    return differs(fmt::format("cmsg_data is {}, not {}", number_at(got.data, 0, 8), format(data)));
}

}  // namespace

Evaluated<Octets> evaluate_control(const Expression& e) {
    if (e.kind != ExpressionKind::Array) return fault_at(e, "expected [{cmsg_level=, ...}, ...]");
    Octets control;
    for (const Expression& item : e.items) {
        const Scripted scripted = FAIRLEAD_TRY(read_scripted(item));
        const Octets data = FAIRLEAD_TRY(data_of(scripted));
        if (control.size() + aligned(kHeader + data.size()) > kMostTotal) {
            return fault_at(item,
                            fmt::format("control messages have at most {} bytes", kMostTotal));
        }
        const std::size_t at = control.size();
        const std::uint64_t length = kHeader + data.size();
        control.resize(at + aligned(length));
        std::memcpy(control.data() + at, &length, sizeof length);
        std::memcpy(control.data() + at + 8, &scripted.level, sizeof scripted.level);
        std::memcpy(control.data() + at + 12, &scripted.type, sizeof scripted.type);
        std::ranges::copy(data, control.begin() + static_cast<std::ptrdiff_t>(at + kHeader));
    }
    return control;
}

std::size_t room_for_control(const Expression& e) {
    std::size_t room = 0;
    for (const Expression& item : e.items) {
        const auto scripted = read_scripted(item);
        const auto data = scripted ? data_of(*scripted) : std::unexpected{Fault{}};
        const bool is_open = !scripted || scripted->data == nullptr || is_error(*scripted->data) ||
                             is_stamp(scripted->level, scripted->type);
        room += aligned(kHeader + (is_open || !data ? kMostData : data->size()));
        if (room > kMostTotal) return kMostTotal;
    }
    return room;
}

std::vector<ControlMessage> read_control(const Octets& control) {
    std::vector<ControlMessage> messages;
    std::size_t at = 0;
    while (control.size() - at >= kHeader) {
        std::uint64_t length = 0;
        ControlMessage message;
        std::memcpy(&length, control.data() + at, sizeof length);
        std::memcpy(&message.level, control.data() + at + 8, sizeof message.level);
        std::memcpy(&message.type, control.data() + at + 12, sizeof message.type);
        if (length < kHeader || length > control.size() - at) break;
        const auto begin = control.begin() + static_cast<std::ptrdiff_t>(at);
        message.data.assign(begin + kHeader, begin + static_cast<std::ptrdiff_t>(length));
        messages.push_back(std::move(message));
        at = std::min(at + aligned(length), control.size());
    }
    return messages;
}

void relate_stamps(Octets& control, Instant begin) {
    std::size_t at = 0;
    for (const ControlMessage& message : read_control(control)) {
        const std::size_t data = at + kHeader;
        at += aligned(kHeader + message.data.size());
        if (!is_stamp(message.level, message.type) || message.data.size() < kStampBytes) continue;
        const std::int64_t unit = nanoseconds_per_unit(message.type);
        const std::int64_t since = number_at(message.data, 0, 8) * kSecond +
                                   number_at(message.data, 8, 8) * unit - begin.ns();
        const std::array<std::int64_t, 2> related{since / kSecond, since % kSecond / unit};
        std::memcpy(control.data() + data, related.data(), kStampBytes);
    }
}

std::optional<Fault> check_control(const Expression& e, const Octets& control, Duration tolerance) {
    if (e.kind == ExpressionKind::Ellipsis) return std::nullopt;
    const std::vector<ControlMessage> got = read_control(control);
    if (got.size() != e.items.size()) {
        return Fault{.place = e.place,
                     .message = fmt::format("there are {} control messages, not {}", got.size(),
                                            e.items.size())};
    }
    for (std::size_t i = 0; i < got.size(); ++i) {
        if (auto fault = check_message(e.items[i], got[i], tolerance)) return fault;
    }
    return std::nullopt;
}

}  // namespace fairlead::drill
