// fairlead serve: files over HTTP, on a stack of our own at the end of a device.
#include <cstdio>
#include <cstring>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/stack_setup.hpp"
#include "cli/subcommands.hpp"
#include "device/interface.hpp"
#include "device/pcapng_writer.hpp"
#include "lab/control_server.hpp"
#include "lab/loop.hpp"
#include "lab/open_device.hpp"
#include "lab/record_file.hpp"
#include "lab/server.hpp"

namespace fairlead::cli {
namespace {

struct ServeOptions {
    std::string folder{};
    std::string device = "tap:fairlead0";
    std::vector<std::string> addresses{};
    std::vector<std::string> host_addresses{};
    std::vector<std::string> routes{};
    std::uint16_t port = 80;
    std::string uploads{};
    std::uint64_t upload_limit = std::uint64_t{4} << 30;
    std::string pcap{};
    std::string record{};
    std::string name = "serve";
    std::vector<std::string> settings{};
    bool is_quiet = false;
};

std::expected<http::Folder, std::string> open_folder(const std::string& path) {
    auto folder = http::Folder::open_root(path);
    if (folder) return std::move(*folder);
    const std::string_view advice =
        folder.error() == ENOSYS ? " (it takes Linux 5.6, for openat2)" : "";
    return because(fmt::format("cannot serve the folder {}: {}{}", path,
                               std::strerror(folder.error()), advice));
}

std::expected<http::Site, std::string> open_site(const ServeOptions& options) {
    http::Site site;
    auto files = open_folder(options.folder);
    if (!files) return because(files.error());
    site.files = std::move(*files);
    if (!options.uploads.empty()) {
        auto uploads = open_folder(options.uploads);
        if (!uploads) return because(uploads.error());
        site.uploads = std::move(*uploads);
    }
    site.upload_limit = options.upload_limit;
    return site;
}

// The device as it was asked for, with what writes its frames down around it.
struct Link {
    lab::OpenDevice open{};
    std::unique_ptr<device::PcapngFile> file{};
    std::unique_ptr<device::PcapngWriter> writer{};

    Device& device() { return writer ? *writer : *open.device; }
};

Done address_host(const Link& link, const std::vector<std::string>& addresses) {
    if (addresses.empty()) return {};
    if (!link.open.is_ours) return because("--host-address is for tap: and tun: devices");
    auto control = device::InterfaceControl::open();
    if (!control) return because(control.error().text);
    for (const std::string& text : addresses) {
        const auto address = parse_address(text);
        if (!address) return because(address.error());
        const auto added = control->add_address(link.open.device->info().name, *address);
        if (!added) return because(added.error().text);
    }
    return {};
}

std::expected<Link, std::string> open_link(const ServeOptions& options) {
    Link link;
    auto opened = lab::open_device(options.device);
    if (!opened) return because(opened.error().text);
    link.open = std::move(*opened);
    if (const auto done = address_host(link, options.host_addresses); !done) {
        return because(done.error());
    }
    if (options.pcap.empty()) return link;
    auto file =
        device::PcapngFile::create({.path = options.pcap, .epoch_ns = lab::real_epoch_ns()});
    if (!file) return because(file.error().text);
    link.file = std::move(*file);
    link.writer = std::make_unique<device::PcapngWriter>(*link.open.device, *link.file);
    return link;
}

std::string url_of(const std::string& text, std::uint16_t port) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) return text;
    const std::string name = Endpoint{prefix->address, port}.to_string();
    return fmt::format("http://{}/", port == 80 ? name.substr(0, name.rfind(':')) : name);
}

void say_hello(const Link& link, const ServeOptions& options) {
    fmt::print("serving {} on {}:", options.folder, link.open.device->info().name);
    for (const std::string& text : options.addresses) {
        fmt::print(" {}", url_of(text, options.port));
    }
    fmt::print("\n");
    if (!options.uploads.empty()) {
        fmt::print("PUT below {}upload/ writes to {}\n",
                   url_of(options.addresses.front(), options.port), options.uploads);
    }
    if (link.open.is_ours && options.host_addresses.empty()) {
        const std::string& name = link.open.device->info().name;
        fmt::print(
            "this machine reaches it once its end has an address in the same network: "
            "ip addr add ... dev {} (or --host-address)\n",
            name);
    }
}

void log_exchange(const Endpoint& peer, const http::Exchange& exchange) {
    const bool was_read = !exchange.method.empty();
    fmt::print("{} {} \"{}{}{}\" {} in {} out {}{}\n", http::write_date({lab::wall_seconds()}),
               peer.to_string(), exchange.method, was_read ? " " : "-", exchange.target,
               exchange.status == http::Status::Continue ? 0 : http::code_of(exchange.status),
               exchange.body_received, exchange.body_sent,
               exchange.is_complete ? "" : " unfinished");
}

void say_goodbye(const Stack& stack, const lab::Server& server, const Link& link) {
    const lab::ServerCounts& counts = server.counts();
    fmt::print(
        "\n{} connections (at most {} at once), {} requests, {} unfinished, {} timed out, "
        "{} bytes in, {} out\n",
        counts.accepted, counts.most_open, counts.requests, counts.unfinished, counts.timeouts,
        counts.bytes_in, counts.bytes_out);
    for (std::size_t i = 0; i < kCounterCount; ++i) {
        const auto counter = static_cast<Counter>(i);
        const std::uint64_t value = stack.counters()[counter];
        if (value != 0) fmt::print("{:32} {}\n", name_of(counter), value);
    }
    if (link.file) {
        fmt::print("{} frames in {}\n", link.file->counts().written, link.file->path());
    }
}

// What fairlead replay takes; nothing where it was not asked for.
struct Recording {
    std::optional<lab::RecordFile> file{};
    std::optional<InputRecorder> recorder{};
};

std::expected<std::unique_ptr<Recording>, std::string> open_recording(const std::string& path) {
    if (path.empty()) return nullptr;
    auto file = lab::RecordFile::create(path);
    if (!file) {
        return because(fmt::format("cannot record to {}: {}", path, std::strerror(file.error())));
    }
    auto recording = std::make_unique<Recording>();
    recording->file = std::move(*file);
    recording->recorder.emplace(recording->file->sink());
    return recording;
}

// By which fairlead ss and its like look at the stack. It serves without, where there can be none.
std::unique_ptr<lab::ControlServer> open_control(Stack& stack, const std::string& name) {
    auto control =
        lab::ControlServer::open(stack, {.name = name, .what = "serve", .pid = ::getpid()});
    if (control) return std::move(*control);
    fmt::print(stderr, "fairlead serve: no control socket, so fairlead ss cannot see it: {}\n",
               control.error());
    return nullptr;
}

Done serve(const ServeOptions& options) {
    if (options.addresses.empty()) {
        return because(
            "the stack needs an address of its own: --address 192.0.2.1/24 (and, to reach "
            "it from this machine, --host-address 192.0.2.2/24)");
    }
    const auto site = open_site(options);
    if (!site) return because(site.error());
    auto config = parse_settings(options.settings);
    if (!config) return because(config.error());
    auto link = open_link(options);
    if (!link) return because(link.error());
    const auto recording = open_recording(options.record);
    if (!recording) return because(recording.error());
    Stack stack{{.config = std::move(*config),
                 .seed = lab::entropy(),
                 .recorder = *recording ? &*(*recording)->recorder : nullptr}};
    const auto done = configure(stack, link->device(), options.addresses, options.routes);
    if (!done) return done;

    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    lab::Server server{stack,
                       *site,
                       {.port = options.port},
                       options.is_quiet ? lab::Server::AccessLog{} : log_exchange};
    if (const auto listening = server.listen(); !listening) {
        return because(fmt::format("cannot listen on port {}: {}", options.port,
                                   message_of(listening.error())));
    }
    const auto control = open_control(stack, options.name);
    const auto work = [&](Instant now) {
        const Instant next = server.work({.stack = now, .wall = {lab::wall_seconds()}});
        return control ? std::min(next, control->work(now)) : next;
    };
    lab::StopSignals signals;
    lab::Loop loop{stack};
    loop.watch(link->open.fd);
    loop.watch(signals.fd(), [&] {
        if (signals.is_raised()) loop.stop();
    });
    if (control) loop.watch(control->fd(), [&] { control->on_readable(); });
    say_hello(*link, options);
    loop.run(work);

    // A moment for the last segments, so that the peers learn of the end.
    server.close();
    loop.run(work, lab::real_now() + 200_ms);
    say_goodbye(stack, server, *link);
    if (*recording && !(*recording)->file->flush()) {
        return because(fmt::format("{}: could not be written", options.record));
    }
    return {};
}

}  // namespace

void add_serve(CLI::App& app) {
    auto options = std::make_shared<ServeOptions>();
    CLI::App* command = app.add_subcommand("serve", "Serve the files of a folder over HTTP/1.1");
    command->add_option("folder", options->folder, "What is served")->required();
    command->add_option("--device", options->device, std::string{lab::kDeviceForms})
        ->capture_default_str();
    const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* help) {
        // One value each, so that the folder may follow.
        command->add_option(name, list, help)->allow_extra_args(false);
    };
    add_list("--address", options->addresses,
             "Of the stack, with the network's length: 192.0.2.1/24; as often as needed");
    add_list("--host-address", options->host_addresses,
             "Of this machine's end of a TAP or TUN: 192.0.2.2/24");
    add_list("--route", options->routes, "0.0.0.0/0=192.0.2.254");
    command->add_option("--port", options->port, "To listen on, both families")
        ->capture_default_str();
    command->add_option("--upload", options->uploads,
                        "Scratch folder: PUT /upload/NAME writes there, GET reads it back");
    command->add_option("--upload-limit", options->upload_limit, "Bytes of one upload")
        ->transform(CLI::AsSizeValue{false})
        ->capture_default_str();
    command->add_option("--pcap", options->pcap, "Write every frame to this pcapng file");
    command->add_option("--record", options->record,
                        "Write every input of the stack to this file, for fairlead replay");
    add_list("--set", options->settings, "A sysctl: net.ipv4.tcp_sack=0");
    command->add_option("--name", options->name, "By which fairlead ss --host finds it")
        ->capture_default_str();
    command->add_flag("--quiet", options->is_quiet, "No line for each request");
    command->callback([options] {
        const auto done = serve(*options);
        if (done) return;
        fmt::print(stderr, "fairlead serve: {}\n", done.error());
        throw CLI::RuntimeError{1};
    });
}

}  // namespace fairlead::cli
