#include "device/xdp_program.hpp"

#include <array>
#include <cerrno>
#include <cstddef>

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fairlead::device {
namespace {

constexpr std::string_view kPrivileges = "needs CAP_BPF and CAP_NET_ADMIN: run as root";

int bpf(bpf_cmd command, bpf_attr& attributes) {
    return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

std::string_view advice_for(int code) {
    if (code == EPERM || code == EACCES) return kPrivileges;
    if (code == ENOSYS) return "this kernel is built without CONFIG_BPF_SYSCALL";
    return {};
}

std::string_view advice_for_link(int code) {
    if (code == EBUSY || code == EEXIST) {
        return "an XDP program is there already; `ip link` shows it, `ip link set dev ... xdp off` "
               "takes it away";
    }
    if (code == EINVAL) return "needs Linux 5.9";
    return advice_for(code);
}

}  // namespace

Opened<XdpProgram> XdpProgram::load(std::uint32_t queues) {
    XdpProgram program;
    if (auto done = program.make_map(queues); !done) return std::unexpected{done.error()};
    if (auto done = program.make_program(); !done) return std::unexpected{done.error()};
    return program;
}

Opened<void> XdpProgram::make_map(std::uint32_t queues) {
    bpf_attr make{};
    make.map_type = BPF_MAP_TYPE_XSKMAP;
    make.key_size = sizeof(std::uint32_t);
    make.value_size = sizeof(int);
    make.max_entries = queues;
    map_ = FileDescriptor{bpf(BPF_MAP_CREATE, make)};
    if (!map_.is_open()) return cannot("make a map for XDP", errno, advice_for(errno));
    return {};
}

Opened<void> XdpProgram::redirect(std::uint32_t queue, int socket) {
    bpf_attr set{};
    set.map_fd = static_cast<std::uint32_t>(map_.get());
    set.key = reinterpret_cast<std::uintptr_t>(&queue);
    set.value = reinterpret_cast<std::uintptr_t>(&socket);
    if (bpf(BPF_MAP_UPDATE_ELEM, set) != 0) {
        return cannot(fmt::format("redirect queue {} to its socket", queue), errno);
    }
    return {};
}

Opened<void> XdpProgram::make_program() {
    constexpr auto kQueueAt = static_cast<std::int16_t>(offsetof(xdp_md, rx_queue_index));
    // return bpf_redirect_map(&map, context->rx_queue_index, XDP_PASS);
    // The last argument is what it returns for a queue that has no socket.
    const std::array<bpf_insn, 6> code{{
        {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = kQueueAt, .imm = 0},
        {.code = BPF_LD | BPF_IMM | BPF_DW,
         .dst_reg = 1,
         .src_reg = BPF_PSEUDO_MAP_FD,
         .off = 0,
         .imm = map_.get()},
        {.code = 0, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},  // its second half
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = 3,
         .src_reg = 0,
         .off = 0,
         .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_CALL,
         .dst_reg = 0,
         .src_reg = 0,
         .off = 0,
         .imm = BPF_FUNC_redirect_map},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    }};
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_XDP;
    load.insns = reinterpret_cast<std::uintptr_t>(code.data());
    load.insn_cnt = static_cast<std::uint32_t>(code.size());
    load.license = reinterpret_cast<std::uintptr_t>("Apache-2.0");
    program_ = FileDescriptor{bpf(BPF_PROG_LOAD, load)};
    if (!program_.is_open()) return cannot("load the XDP program", errno, advice_for(errno));
    return {};
}

Opened<void> XdpProgram::attach_to(const std::string& interface, InterfaceIndex index) {
    int error = 0;
    // In the driver if that can (0: the kernel's choice); else before the kernel's stack.
    for (const std::uint32_t mode : {std::uint32_t{0}, std::uint32_t{XDP_FLAGS_SKB_MODE}}) {
        bpf_attr link{};
        link.link_create.prog_fd = static_cast<std::uint32_t>(program_.get());
        link.link_create.target_ifindex = index;
        link.link_create.attach_type = BPF_XDP;
        link.link_create.flags = mode;
        link_ = FileDescriptor{bpf(BPF_LINK_CREATE, link)};
        if (link_.is_open()) return {};
        // What the driver says; that the other way fails too adds nothing.
        if (error == 0) error = errno;
        if (error == EPERM || error == EBUSY || error == EEXIST) break;
    }
    return cannot(fmt::format("attach an XDP program to {}", interface), error,
                  advice_for_link(error));
}

}  // namespace fairlead::device
