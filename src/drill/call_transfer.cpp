// Calls that move bytes: read, send and their families, messages, pipes, files.
#include <utility>

#include <fmt/format.h>

#include "drill/calls.hpp"
#include "drill/format.hpp"
#include "drill/structs.hpp"
#include "fairlead/error.hpp"
#include "posix/abi.hpp"

namespace fairlead::drill {
namespace {

constexpr std::size_t kMostPieces = 2048;  // twice what Linux takes
constexpr std::size_t kMostBytes = std::size_t{64} << 20;

bool is_nothing(const Expression& e) {
    return e.text == "NULL" || (e.kind == ExpressionKind::Integer && e.number == 0);
}

// The lengths of [{..., 10}, {iov_base=..., iov_len=20}].
Evaluated<std::vector<std::size_t>> pieces_of(const Expression& e) {
    std::vector<std::size_t> pieces;
    std::size_t total = 0;
    if (e.kind != ExpressionKind::Array) return fault_at(e, "expected [{..., bytes}, ...]");
    if (e.items.size() > kMostPieces) {
        return fault_at(e, fmt::format("a call has at most {} pieces", kMostPieces));
    }
    for (const Expression& piece : e.items) {
        if (piece.kind != ExpressionKind::Struct || piece.items.size() != 2) {
            return fault_at(piece, "expected {..., bytes}");
        }
        const Expression& length = piece.items[1];
        const bool is_named = length.kind == ExpressionKind::Field;
        const std::size_t bytes = FAIRLEAD_TRY(evaluate_size(is_named ? length.items[0] : length));
        total += bytes;
        if (total > kMostBytes) {
            return fault_at(e, fmt::format("a call moves at most {} bytes", kMostBytes));
        }
        pieces.push_back(bytes);
    }
    return pieces;
}

// A count that a script writes beside what it counts: the two agree.
Evaluated<void> check_count(const Expression& e, std::size_t there) {
    const std::int64_t count = FAIRLEAD_TRY(evaluate(e));
    if (count == static_cast<std::int64_t>(there)) return {};
    return fault_at(e, fmt::format("there are {} pieces, not {}", there, count));
}

// {msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0, msg_control=[...]}
Evaluated<std::vector<std::size_t>> pieces_of_message(const Expression& message) {
    for (const Expression& item : message.items) {
        if (item.kind != ExpressionKind::Field || item.text != "msg_iov") continue;
        auto pieces = FAIRLEAD_TRY(pieces_of(item.items[0]));
        const bool is_counted =
            item.items.size() == 2 && item.items[1].kind != ExpressionKind::Ellipsis;
        if (is_counted) FAIRLEAD_TRY(check_count(item.items[1], pieces.size()));
        return pieces;
    }
    return fault_at(message, "expected {msg_iov(count)=[{..., bytes}]}");
}

constexpr std::string_view kMessageFields[] = {"msg_name",      "msg_namelen", "msg_iov",
                                               "msg_iovlen",    "msg_flags",   "msg_control",
                                               "msg_controllen"};

Evaluated<void> check_fields(const Expression& message) {
    if (message.kind != ExpressionKind::Struct) return fault_at(message, "expected {msg_iov=...}");
    for (const Expression& item : message.items) {
        bool is_known = false;
        for (const std::string_view name : kMessageFields) {
            is_known = is_known || (item.kind == ExpressionKind::Field && item.text == name);
        }
        if (!is_known) return fault_at(item, fmt::format("{} is no field of msghdr", format(item)));
    }
    return {};
}

}  // namespace

Evaluated<Request> Calls::receive(const Call& call) const {
    const auto& a = call.arguments;
    const bool is_right = (call.name == "read" && a.size() == 3) ||
                          (call.name == "recv" && a.size() == 4) ||
                          (call.name == "recvfrom" && a.size() == 6);
    if (!is_right) {
        return wrong_arguments(call,
                               "read(fd, ..., n), recv(fd, ..., n, flags) or "
                               "recvfrom(fd, ..., n, flags, address, length)");
    }
    request::Receive r{.is_read = call.name == "read"};
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.pieces = {FAIRLEAD_TRY(evaluate_size(a[2]))};
    if (a.size() > 3) r.flags = FAIRLEAD_TRY(evaluate_int(a[3]));
    return r;
}

Evaluated<Request> Calls::receive_vector(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 3) return wrong_arguments(call, "readv(fd, [{..., n}], count)");
    request::Receive r{.is_read = true};
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.pieces = FAIRLEAD_TRY(pieces_of(a[1]));
    FAIRLEAD_TRY(check_count(a[2], r.pieces.size()));
    return r;
}

Evaluated<Request> Calls::receive_message(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 3) return wrong_arguments(call, "recvmsg(fd, {msg_iov=[{..., n}]}, flags)");
    FAIRLEAD_TRY(check_fields(a[1]));
    request::Receive r;
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.pieces = FAIRLEAD_TRY(pieces_of_message(a[1]));
    r.flags = FAIRLEAD_TRY(evaluate_int(a[2]));
    if (const Expression* control = field_of(a[1], "msg_control")) {
        r.control_bytes = room_for_control(*control);
    }
    return r;
}

Evaluated<Octets> Calls::target(const Expression& fd, const Expression& e) const {
    if (is_nothing(e)) return Octets{};
    return name(fd, e, {settings_.remote(), settings_.connect_port});
}

Evaluated<Request> Calls::send(const Call& call) const {
    const auto& a = call.arguments;
    const bool is_right = (call.name == "write" && a.size() == 3) ||
                          (call.name == "send" && a.size() == 4) ||
                          (call.name == "sendto" && a.size() == 6);
    if (!is_right) {
        return wrong_arguments(call,
                               "write(fd, ..., n), send(fd, ..., n, flags) or "
                               "sendto(fd, ..., n, flags, address, length)");
    }
    request::Send r{.is_write = call.name == "write"};
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.pieces = {FAIRLEAD_TRY(evaluate_size(a[2]))};
    if (a.size() > 3) r.flags = FAIRLEAD_TRY(evaluate_int(a[3]));
    if (a.size() < 6) return r;
    Octets whole = FAIRLEAD_TRY(target(a[0], a[4]));
    r.name = whole.empty() ? whole : FAIRLEAD_TRY(name_of_length(std::move(whole), a[5]));
    return r;
}

Evaluated<Request> Calls::send_vector(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 3) return wrong_arguments(call, "writev(fd, [{..., n}], count)");
    request::Send r{.is_write = true};
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.pieces = FAIRLEAD_TRY(pieces_of(a[1]));
    FAIRLEAD_TRY(check_count(a[2], r.pieces.size()));
    return r;
}

Evaluated<Request> Calls::send_message(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 3) return wrong_arguments(call, "sendmsg(fd, {msg_iov=[{..., n}]}, flags)");
    FAIRLEAD_TRY(check_fields(a[1]));
    request::Send r;
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.pieces = FAIRLEAD_TRY(pieces_of_message(a[1]));
    r.flags = FAIRLEAD_TRY(evaluate_int(a[2]));
    for (const Expression& item : a[1].items) {
        if (item.text == "msg_name") r.name = FAIRLEAD_TRY(target(a[0], item.items[0]));
    }
    const Expression* control = field_of(a[1], "msg_control");
    if (control != nullptr) r.control = FAIRLEAD_TRY(evaluate_control(*control));
    return r;
}

// pipe([5, 6])
Evaluated<Request> Calls::pipe(const Call& call) const {
    const auto& a = call.arguments;
    const bool has_flags = call.name == "pipe2";
    const bool is_right = a.size() == (has_flags ? 2u : 1u) && a[0].kind == ExpressionKind::Array &&
                          a[0].items.size() == 2;
    if (!is_right) {
        return wrong_arguments(call, has_flags ? "pipe2([fd, fd], flags)" : "pipe([fd, fd])");
    }
    request::Pipe r;
    if (has_flags) r.flags = FAIRLEAD_TRY(evaluate_int(a[1]));
    return r;
}

Evaluated<Request> Calls::splice(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 6 || !is_nothing(a[1]) || !is_nothing(a[3])) {
        return wrong_arguments(call, "splice(fd, NULL, fd, NULL, bytes, flags)");
    }
    request::Splice r;
    r.in = FAIRLEAD_TRY(descriptor(a[0]));
    r.out = FAIRLEAD_TRY(descriptor(a[2]));
    r.bytes = FAIRLEAD_TRY(evaluate_size(a[4]));
    r.flags = static_cast<unsigned>(FAIRLEAD_TRY(evaluate_int(a[5])));
    return r;
}

// sendfile(4, 5, [0], 1000): out of 5
Evaluated<Request> Calls::send_file(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 4) return wrong_arguments(call, "sendfile(out, in, [offset], bytes)");
    request::SendFile r;
    r.out = FAIRLEAD_TRY(descriptor(a[0]));
    r.in = FAIRLEAD_TRY(descriptor(a[1]));
    const bool is_given = a[2].kind == ExpressionKind::Array;
    if (is_given) r.offset = FAIRLEAD_TRY(evaluate_single(a[2]));
    if (!is_given && !is_nothing(a[2])) return fault_at(a[2], "expected [offset] or NULL");
    r.bytes = FAIRLEAD_TRY(evaluate_size(a[3]));
    return r;
}

Evaluated<Request> Calls::open(const Call& call) const {
    const auto& a = call.arguments;
    if ((a.size() != 2 && a.size() != 3) || a[0].kind != ExpressionKind::Text) {
        return wrong_arguments(call, "open(\"/tmp/NAME\", O_RDONLY)");
    }
    if (!ScratchFiles::may_name(a[0].text)) {
        return fault_at(a[0], "a script opens files of its own only: /tmp/NAME");
    }
    request::Open r{.path = a[0].text};
    r.flags = FAIRLEAD_TRY(evaluate_int(a[1]));
    if ((r.flags & ~posix::abi::kCloseOnExec) != posix::abi::kReadOnly) {
        return fault_at(a[1], "a script's files are opened for reading");
    }
    return r;
}

}  // namespace fairlead::drill
