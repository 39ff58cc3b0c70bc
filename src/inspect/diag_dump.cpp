#include "inspect/diag_dump.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "inspect/proc_net.hpp"
#include "posix/tcp_info.hpp"

namespace fairlead::inspect {
namespace {

class Message {
public:
    Message(std::vector<std::byte>& out, std::uint16_t type) : out_{out}, begin_{out.size()} {
        const nlmsghdr header{.nlmsg_len = 0,
                              .nlmsg_type = type,
                              .nlmsg_flags = NLM_F_MULTI,
                              .nlmsg_seq = 0,
                              .nlmsg_pid = 0};
        put(&header, sizeof header);
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    ~Message() {
        const auto length = static_cast<std::uint32_t>(out_.size() - begin_);
        std::memcpy(out_.data() + begin_, &length, sizeof length);
    }

    void put(const void* bytes, std::size_t size) {
        const auto* from = static_cast<const std::byte*>(bytes);
        out_.insert(out_.end(), from, from + size);
        out_.resize(begin_ + NLMSG_ALIGN(out_.size() - begin_));
    }
    void attribute(std::uint16_t type, const void* bytes, std::size_t size) {
        const nlattr header{.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + size),
                            .nla_type = type};
        put(&header, sizeof header);
        put(bytes, size);
    }

private:
    std::vector<std::byte>& out_;
    std::size_t begin_;
};

void put_address(std::uint32_t (&to)[4], const IpAddress& address, Family family) {
    const bool is_no_name = family == Family::Inet6 && address.is_any();
    const auto& bytes = address.bytes();
    const std::size_t from = family == Family::Inet ? 12 : 0;
    if (!is_no_name) std::memcpy(to, bytes.data() + from, bytes.size() - from);
}

inet_diag_msg head_of(const SocketInfo& s) {
    inet_diag_msg m{};
    m.idiag_family = s.family == Family::Inet ? AF_INET : AF_INET6;
    m.idiag_state = static_cast<std::uint8_t>(s.state);
    m.idiag_timer = static_cast<std::uint8_t>(s.timer);
    const bool is_probe = s.timer == TimerKind::KeepAlive || s.timer == TimerKind::Persist;
    m.idiag_retrans = is_probe ? s.probes : s.retransmits;
    m.id.idiag_sport = htons(s.local.port);
    m.id.idiag_dport = htons(s.peer.port);
    put_address(m.id.idiag_src, s.local.address, s.family);
    put_address(m.id.idiag_dst, s.peer.address, s.family);
    m.id.idiag_if = s.interface;
    m.id.idiag_cookie[0] = static_cast<std::uint32_t>(s.identity);
    m.id.idiag_cookie[1] = static_cast<std::uint32_t>(s.identity >> 32);
    m.idiag_expires = static_cast<std::uint32_t>(std::max<std::int64_t>(s.timer_left.ms(), 0));
    m.idiag_rqueue = s.receive_queue;
    m.idiag_wqueue = s.send_queue;
    m.idiag_inode = inode_of(s);
    return m;
}

void put_memory(Message& message, const SocketMemory& m) {
    const std::array<std::uint32_t, 9> memory{
        m.receive_allocated, m.receive_buffer,    m.write_allocated,
        m.send_buffer,       m.forward_allocated, m.write_queued,
        m.option_memory,     m.backlog,           m.drops};
    message.attribute(INET_DIAG_SKMEMINFO, memory.data(), sizeof memory);
}

void put_details(Message& message, const SocketRow& row, const DiagAttributes& attributes) {
    const SocketInfo& s = row.info;
    const auto shut =
        static_cast<std::uint8_t>((s.has_shut_read ? 1 : 0) | (s.has_shut_write ? 2 : 0));
    message.attribute(INET_DIAG_SHUTDOWN, &shut, sizeof shut);
    if (s.family == Family::Inet6 && s.state == TcpState::Listen) {
        const std::uint8_t v6_only = s.is_v6_only ? 1 : 0;
        message.attribute(INET_DIAG_SKV6ONLY, &v6_only, sizeof v6_only);
    }
    if (attributes.memory) put_memory(message, row.memory);
    if (!attributes.info) return;
    const auto info = posix::write_tcp_info(*row.tcp);
    message.attribute(INET_DIAG_INFO, info.data(), info.size());
    message.attribute(INET_DIAG_CONG, row.congestion.c_str(), row.congestion.size() + 1);
    const CongestionDetails& told = row.congestion_details;
    if (told.form == CongestionDetails::Form::None) return;
    message.attribute(static_cast<std::uint16_t>(told.form), told.words.data(),
                      std::min<std::size_t>(told.bytes, sizeof told.words));
}

using Form = CongestionDetails::Form;
static_assert(static_cast<int>(Form::Vegas) == INET_DIAG_VEGASINFO &&
              static_cast<int>(Form::Dctcp) == INET_DIAG_DCTCPINFO &&
              static_cast<int>(Form::Bbr) == INET_DIAG_BBRINFO);
static_assert(sizeof(tcp_bbr_info) == 20 && sizeof(tcp_dctcp_info) == 16 &&
              sizeof(tcpvegas_info) == 16);

}  // namespace

std::vector<std::byte> diag_dump(std::span<const SocketRow* const> rows,
                                 const DiagAttributes& attributes) {
    std::vector<std::byte> out;
    for (const SocketRow* row : rows) {
        if (row->info.type != SocketType::Stream) continue;
        Message message{out, SOCK_DIAG_BY_FAMILY};
        const inet_diag_msg head = head_of(row->info);
        message.put(&head, sizeof head);
        if (row->tcp) put_details(message, *row, attributes);
    }
    Message done{out, NLMSG_DONE};
    const std::int32_t status = 0;
    done.put(&status, sizeof status);
    return out;
}

}  // namespace fairlead::inspect
