#include "bench/harness.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>

#include <fmt/format.h>

namespace fairlead::bench {

void Harness::measure(const std::string& what, const std::string& unit,
                      std::vector<Contender> contenders) {
    std::erase_if(contenders, [this](const Contender& c) {
        return c.who.find(options_.who) == std::string::npos;
    });
    std::vector<Row> rows;
    for (const Contender& c : contenders) {
        rows.push_back({.name = what + ": " + c.who, .unit = unit});
    }
    for (std::size_t run = 0; run < options_.runs; ++run) {
        for (std::size_t i = 0; i < contenders.size(); ++i) {
            if (!rows[i].note.empty() || run >= contenders[i].most_runs) continue;
            fmt::print(stderr, "[{}/{}] {}\n", run + 1, options_.runs, rows[i].name);
            try {
                rows[i].samples.add(contenders[i].run());
            } catch (const std::exception& e) {
                rows[i].note = fmt::format("not measured: {}", e.what());
                rows[i].samples = {};
                fmt::print(stderr, "      {}\n", rows[i].note);
            }
        }
    }
    for (Row& row : rows) report_.add(std::move(row));
}

void Harness::derive(const std::string& from, const std::string& to, const std::string& unit,
                     const std::function<double(double)>& f) {
    std::vector<Row> derived;
    for (const Row& row : report_.rows()) {
        if (!row.name.starts_with(from + ": ") || row.samples.empty()) continue;
        Row next{.name = to + row.name.substr(from.size()), .unit = unit};
        for (const double value : row.samples.values()) next.samples.add(f(value));
        derived.push_back(std::move(next));
    }
    for (Row& row : derived) report_.add(std::move(row));
}

void Harness::conclude(const std::string& name, const std::string& unit,
                       const std::vector<std::string>& from,
                       const std::function<double(const std::vector<double>&)>& f) {
    std::vector<const Row*> rows;
    std::size_t runs = options_.runs;
    for (const std::string& source : from) {
        rows.push_back(report_.find(source));
        if (rows.back() == nullptr) return;
        runs = std::min(runs, rows.back()->samples.size());
    }
    Row row{.name = name, .unit = unit};
    for (std::size_t run = 0; run < runs; ++run) {
        std::vector<double> values;
        for (const Row* source : rows) values.push_back(source->samples.values()[run]);
        row.samples.add(f(values));
    }
    report_.add(std::move(row));
}

void Harness::compare(const std::string& ours, const std::string& peer, double target,
                      Better better) {
    if (const Row* theirs = report_.find(peer); theirs != nullptr) {
        compare_to_figure(ours, peer, theirs->samples.median(), target, better);
    }
}

void Harness::compare_to_figure(const std::string& ours, const std::string& called, double figure,
                                double target, Better better) {
    const Row* row = report_.find(ours);
    if (row == nullptr) return;
    const double mine = row->samples.median();
    Row compared = *row;
    compared.peer = called;
    compared.ratio = better == Better::Larger ? mine / figure : figure / mine;
    compared.target.reset();
    if (target > 0) compared.target = target;
    report_.put(std::move(compared));
}

Peer& KeptPeer::get() {
    if (!failure_.empty()) throw std::runtime_error{failure_};
    if (!peer_) {
        try {
            peer_ = kind_.make();
            if (idle_connections_ != 0) peer_->open_idle(idle_connections_);
        } catch (const std::exception& e) {
            failure_ = e.what();
            peer_.reset();
            throw;
        }
    }
    return *peer_;
}

double Rate::operator()() {
    while (!calibrated_) {
        const double took = timed_(count_);
        const double wanted = seconds_ / std::max(took, 1e-6);
        calibrated_ = wanted < 20;
        const double factor = calibrated_ ? std::max(wanted, 0.1) : 10;
        count_ = std::max<std::uint64_t>(
            1, static_cast<std::uint64_t>(static_cast<double>(count_) * factor));
    }
    return static_cast<double>(count_) / timed_(count_);
}

}  // namespace fairlead::bench
