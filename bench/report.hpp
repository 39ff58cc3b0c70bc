// report.hpp — what was measured, as a table and as JSON.
//
// Owns:      Samples (the runs of one row), Row (one line of the table), Report.
// Rules:     a ratio is written so that larger is better, whatever the unit; its target is its
//            floor. A row that could not be measured has no runs and a note that says why.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fairlead::bench {

class Samples {
public:
    void add(double value) { values_.push_back(value); }
    std::size_t size() const { return values_.size(); }
    bool empty() const { return values_.empty(); }
    const std::vector<double>& values() const { return values_; }
    double median() const;
    double min() const;
    double max() const;

private:
    std::vector<double> values_;  // in the order of the runs
};

struct Row {
    std::string name{};  // "what: who"
    std::string unit{};
    Samples samples{};
    std::string peer{};  // whom it is compared with
    std::optional<double> ratio{};
    std::optional<double> target{};
    std::string note{};  // why there is nothing, or what to know about it

    bool meets_target() const { return !target || (ratio && *ratio >= *target); }
};

class Report {
public:
    explicit Report(std::string machine) : machine_{std::move(machine)} {}

    void add(Row row) { rows_.push_back(std::move(row)); }
    // Where a row of this name without a peer is, or else behind the last one of this name.
    void put(Row row);
    const std::vector<Row>& rows() const { return rows_; }
    // Null if there is no such row, or nothing was measured in it.
    const Row* find(const std::string& name) const;
    std::string table() const;
    std::string json() const;

private:
    std::string machine_;
    std::vector<Row> rows_;
};

}  // namespace fairlead::bench
