#include "bench/report.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace fairlead::bench {

double Samples::median() const {
    if (values_.empty()) return 0;
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t middle = sorted.size() / 2;
    if (sorted.size() % 2 == 1) return sorted[middle];
    return (sorted[middle - 1] + sorted[middle]) / 2;
}

double Samples::min() const {
    return values_.empty() ? 0 : *std::min_element(values_.begin(), values_.end());
}

double Samples::max() const {
    return values_.empty() ? 0 : *std::max_element(values_.begin(), values_.end());
}

const Row* Report::find(const std::string& name) const {
    const auto at = std::find_if(rows_.begin(), rows_.end(), [&](const Row& r) {
        return r.name == name && !r.samples.empty();
    });
    return at == rows_.end() ? nullptr : &*at;
}

void Report::put(Row row) {
    const auto last = std::find_if(rows_.rbegin(), rows_.rend(),
                                   [&](const Row& r) { return r.name == row.name; });
    if (last != rows_.rend() && last->peer.empty()) {
        *last = std::move(row);
    } else {
        rows_.insert(last.base(), std::move(row));
    }
}

namespace {

// Three or four digits that count; a thousands separator where there are more.
std::string figure(double value) {
    if (value >= 10'000) {
        std::string digits = fmt::format("{:.0f}", value);
        for (std::size_t at = digits.size(); at > 3;) {
            at -= 3;
            digits.insert(at, 1, ',');
        }
        return digits;
    }
    if (value >= 100) return fmt::format("{:.0f}", value);
    if (value >= 10) return fmt::format("{:.1f}", value);
    return fmt::format("{:.2f}", value);
}

std::string compared(const Row& row) {
    if (!row.ratio) return row.note;
    std::string text = fmt::format("{:.2f}x {}", *row.ratio, row.peer);
    if (row.target) {
        text += fmt::format(", floor {:.2f}: {}", *row.target, row.meets_target() ? "yes" : "NO");
    }
    return text;
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + '"';
}

}  // namespace

std::string Report::table() const {
    std::size_t width = 4;
    for (const Row& row : rows_) width = std::max(width, row.name.size());
    std::string out = fmt::format("{}\n\n{:<{}} {:>12} {:>12} {:>12} {:>3}  {:<9} {}\n", machine_,
                                  "name", width, "median", "min", "max", "n", "unit", "ratio");
    for (const Row& row : rows_) {
        const Samples& s = row.samples;
        const auto cell = [&](double value) {
            return s.empty() ? std::string{"-"} : figure(value);
        };
        fmt::format_to(std::back_inserter(out), "{:<{}} {:>12} {:>12} {:>12} {:>3}  {:<9} {}\n",
                       row.name, width, cell(s.median()), cell(s.min()), cell(s.max()), s.size(),
                       row.unit, compared(row));
    }
    return out;
}

std::string Report::json() const {
    std::string out = "[\n";
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        const Row& row = rows_[i];
        const Samples& s = row.samples;
        fmt::format_to(std::back_inserter(out), R"(  {{"name": {}, "unit": {}, )", quoted(row.name),
                       quoted(row.unit));
        if (s.empty()) {
            out += R"("median": null, "min": null, "max": null, )";
        } else {
            fmt::format_to(std::back_inserter(out), R"("median": {}, "min": {}, "max": {}, )",
                           s.median(), s.min(), s.max());
        }
        fmt::format_to(std::back_inserter(out), R"("n": {})", s.size());
        if (!row.peer.empty()) out += R"(, "peer": )" + quoted(row.peer);
        if (row.ratio) out += fmt::format(R"(, "ratio": {:.4g})", *row.ratio);
        if (row.target) out += fmt::format(R"(, "target": {:.4g})", *row.target);
        if (!row.note.empty()) out += R"(, "note": )" + quoted(row.note);
        out += i + 1 == rows_.size() ? "}\n" : "},\n";
    }
    return out + "]\n";
}

}  // namespace fairlead::bench
