#include "drill/suite.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "device/pcapng_writer.hpp"
#include "drill/format.hpp"
#include "drill/parser.hpp"
#include "fairlead/packet.hpp"

namespace fairlead::drill {
namespace {

std::expected<std::string, std::string> read_file(const std::string& name) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(name.c_str(), "rb"),
                                                               &std::fclose};
    if (!file) return std::unexpected{std::string{std::strerror(errno)}};
    std::string text;
    char piece[65536];
    // One byte over the limit is enough for the parser to refuse it.
    const std::size_t most = ParseLimits{}.bytes + 1;
    while (text.size() < most) {
        const std::size_t n =
            std::fread(piece, 1, std::min(sizeof piece, most - text.size()), file.get());
        if (n == 0) break;
        text.append(piece, n);
    }
    if (std::ferror(file.get()) != 0) return std::unexpected{std::string{std::strerror(errno)}};
    return text;
}

struct Capture {
    std::unique_ptr<device::PcapngFile> file{};
    std::uint32_t interface = 0;
    std::unique_ptr<PacketPool> pool{};

    void add(Duration at, bool leaves, std::span<const std::uint8_t> bytes) {
        const PacketPtr packet = pool->copy(std::as_bytes(bytes));
        if (packet == nullptr) return;
        using Direction = device::PcapngFile::Direction;
        file->write(interface, Instant{} + at, leaves ? Direction::Out : Direction::In, *packet);
    }
};

std::expected<Capture, std::string> open_capture(const std::string& path) {
    auto file = device::PcapngFile::create({.path = path});
    if (!file) return std::unexpected{file.error().text};
    Capture capture{.file = std::move(*file), .pool = std::make_unique<PacketPool>()};
    DeviceInfo info{};
    info.name = "tun0";
    info.link = LinkKind::Ip;
    capture.interface = capture.file->add_interface(info);
    return capture;
}

std::unexpected<Failure> unusable(std::string message) {
    return std::unexpected{Failure{.message = std::move(message)}};
}

Failure failure_of(const ParseError& error) {
    return {.place = error.place,
            .message = error.message,
            .expected = error.expected,
            .got = error.found};
}

// A script names only what lies beside or below it: it shall not show what else there is.
bool lies_outside(const std::filesystem::path& file) {
    return file.is_absolute() || std::ranges::find(file, "..") != file.end();
}

// What packetdrill brings along is known without its file (commands.hpp).
bool is_brought_along(const std::string& file) {
    const std::string name = std::filesystem::path{file}.filename();
    return name == "defaults.sh" || name == "set_sysctls.py";
}

// From names to text.
std::optional<Failure> read_init_scripts(Settings& settings, const std::filesystem::path& folder) {
    for (std::string& file : settings.init_scripts) {
        if (is_brought_along(file)) {
            file.insert(0, "./");
            continue;
        }
        auto text = read_file((folder / file).string());
        if (!text) {
            return Failure{.message = fmt::format("--init_scripts: {}: {}", file, text.error())};
        }
        file = std::move(*text);
    }
    return std::nullopt;
}

// The script's options first, so that those of the command line win.
std::expected<Settings, Failure> settings_for(const Script& script, const SuiteOptions& options) {
    Settings settings;
    std::filesystem::path folder = std::filesystem::path{script.file}.parent_path();
    for (const OptionLine& line : script.options) {
        if (auto applied = apply_option(settings, line.name, line.value); !applied) {
            return std::unexpected{Failure{.place = line.place, .message = applied.error()}};
        }
        if (line.name != "init_scripts") continue;
        for (const std::string& file : settings.init_scripts) {
            if (!lies_outside(file) || is_brought_along(file)) continue;
            return std::unexpected{Failure{
                .place = line.place,
                .message = fmt::format("a script names files beside and below it, not {}", file)}};
        }
    }
    for (const auto& [name, value] : options.overrides) {
        if (name == "init_scripts") folder.clear();
        if (auto applied = apply_option(settings, name, value); !applied) {
            return unusable(applied.error());
        }
    }
    settings.allows_shell = options.allows_shell;
    if (auto failure = read_init_scripts(settings, folder)) {
        return std::unexpected{std::move(*failure)};
    }
    return settings;
}

}  // namespace

std::optional<std::string> skip_mark(std::string_view text, std::string_view backend) {
    const std::string mark = fmt::format("// {}: skip, ", backend);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.starts_with(mark)) return std::string{line.substr(mark.size())};
        // A mark stands before the first event.
        if (!line.empty() && line.find_first_of("0123456789+*.") == 0) return std::nullopt;
    }
    return std::nullopt;
}

Duration shortest_run(const Script& script) {
    Duration now{};
    for (const Event& event : script.events) {
        const EventTime& time = event.time;
        const Duration base =
            time.kind == TimeKind::Relative || time.kind == TimeKind::RelativeRange ? now
                                                                                    : Duration{};
        if (time.kind != TimeKind::Any) now = std::max(now, base + time.ends.value_or(time.at));
    }
    return now;
}

std::expected<Verdict, Failure> run_text(std::string_view text, std::string_view file,
                                         const SuiteOptions& options,
                                         const MakeBackend& make_backend,
                                         const Report::Print& print) {
    const auto script = parse_script(text, file, options.definitions);
    if (!script) return std::unexpected{failure_of(script.error())};
    if (const Duration least = shortest_run(*script);
        options.real_time && least > *options.real_time) {
        const std::string why =
            fmt::format("it takes {} s: --timeout allows {} s", format_seconds(least),
                        format_seconds(*options.real_time));
        return Verdict{.kind = VerdictKind::Skipped,
                       .text = fmt::format("{}: {}\n", file, why),
                       .failure = {.message = why}};
    }
    const auto settings = settings_for(*script, options);
    if (!settings) return std::unexpected{settings.error()};
    std::optional<Capture> capture;
    if (!options.capture.empty()) {
        auto opened = open_capture(options.capture);
        if (!opened) return unusable(opened.error());
        capture = std::move(*opened);
    }
    const auto backend = make_backend(*settings);
    if (!backend) return unusable(backend.error());
    Runner runner{*script, *settings, **backend, options.is_verbose ? print : Report::Print{}};
    if (capture) {
        runner.set_capture([&](Duration at, bool leaves, std::span<const std::uint8_t> bytes) {
            capture->add(at, leaves, bytes);
        });
    }
    Verdict verdict = runner.run();
    if (capture && !capture->file->flush()) {
        return unusable(fmt::format("{}: could not be written", options.capture));
    }
    return verdict;
}

Verdict run_file(const std::string& file, const SuiteOptions& options,
                 const MakeBackend& make_backend, const Report::Print& print) {
    const auto text = read_file(file);
    if (text) {
        if (const auto reason = skip_mark(*text, options.backend)) {
            return {.kind = VerdictKind::Skipped,
                    .text = fmt::format("{}: {}\n", file, *reason),
                    .failure = {.message = *reason}};
        }
    }
    auto verdict =
        text ? run_text(*text, file, options, make_backend, print) : unusable(text.error());
    if (verdict) return std::move(*verdict);
    // What was expected is in the message already.
    const Failure& failure = verdict.error();
    return {.kind = VerdictKind::Unusable,
            .text = to_text(file, {.place = failure.place, .message = failure.message}),
            .failure = failure};
}

}  // namespace fairlead::drill
