// every_order.hpp — all orders in which the steps of two sides can happen, tried one by one.
//
// Owns:   words of a modelled memory in which a plain store lies in its side's buffer until it is flushed,
//         whenever that may be (as x86 has it), and what the kernel keeps between the two: counts on which
//         a side can wait.
// Rules:  a side is a function that touches nothing but these words and counts. It is run from its begin
//         for each of its steps; what its former steps found is told to it again. So a state is plain
//         data, and each is looked at once.
// Ends:   the first fault found: both sides wait for each other, or the end is not what it is to be.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace fairlead::host::every_order {

struct Side {
    std::vector<std::uint32_t> found{};  // by each of its steps
    std::deque<std::pair<std::size_t, std::uint32_t>> stores{};
    bool is_done = false;
};

struct State {
    std::vector<std::uint32_t> words{};
    std::vector<std::uint32_t> counts{};
    std::array<Side, 2> sides{};

    // Two states are one if this is the same.
    std::u32string text() const {
        std::u32string all(words.begin(), words.end());
        all.append(counts.begin(), counts.end());
        for (const Side& side : sides) {
            all.push_back(side.is_done ? 1 : 0);
            all.push_back(static_cast<char32_t>(side.found.size()));
            all.append(side.found.begin(), side.found.end());
            all.push_back(static_cast<char32_t>(side.stores.size()));
            for (const auto& [word, value] : side.stores) {
                all.push_back(static_cast<char32_t>(word));
                all.push_back(value);
            }
        }
        return all;
    }
};

struct Scenario {
    std::size_t words = 0;
    std::size_t counts = 0;
    bool has_fences = true;
    std::function<void(State&)> begin = [](State&) {};
    std::array<std::function<void()>, 2> sides{};
    // What is wrong where both have ended; empty: nothing.
    std::function<std::string(const State&)> fault{};
};

struct NotNow {};    // a step that would wait
struct NextStep {};  // a step after the one that was to be made

// One step of one side.
class Run {
public:
    Run(State& state, std::size_t side, bool has_fences)
        : state_{state}, side_{side}, has_fences_{has_fences} {
        current() = this;
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() { current() = nullptr; }

    static Run*& current() {
        static Run* run = nullptr;
        return run;
    }

    template <typename F>
    std::uint32_t step(F&& make) {
        auto& found = state_.sides[side_].found;
        if (at_ < found.size()) return found[at_++];
        if (is_made_) throw NextStep{};
        const std::uint32_t value = make();
        is_made_ = true;
        found.push_back(value);
        ++at_;
        return value;
    }

    State& state() { return state_; }
    std::uint32_t seen(std::size_t word) const {
        std::uint32_t value = state_.words[word];
        for (const auto& [of, stored] : state_.sides[side_].stores) {
            if (of == word) value = stored;
        }
        return value;
    }
    void store(std::size_t word, std::uint32_t value) {
        state_.sides[side_].stores.emplace_back(word, value);
    }
    void flush() {
        auto& stores = state_.sides[side_].stores;
        for (; !stores.empty(); stores.pop_front()) {
            state_.words[stores.front().first] = stores.front().second;
        }
    }
    bool has_fences() const { return has_fences_; }

private:
    State& state_;
    std::size_t side_;
    bool has_fences_;
    std::size_t at_ = 0;
    bool is_made_ = false;
};

// As std::atomic, of a word of the model.
class ModelWord {
public:
    explicit ModelWord(std::size_t number) : number_{number} {}

    std::uint32_t load(std::memory_order = std::memory_order_seq_cst) const {
        return Run::current()->step([&] { return Run::current()->seen(number_); });
    }
    void store(std::uint32_t value, std::memory_order order = std::memory_order_seq_cst) {
        if (order == std::memory_order_seq_cst) return void(exchange(value));
        Run::current()->step([&] {
            Run::current()->store(number_, value);
            return 0u;
        });
    }
    std::uint32_t exchange(std::uint32_t value) {
        return change([&](std::uint32_t) { return value; });
    }
    std::uint32_t fetch_add(std::uint32_t more) {
        return change([&](std::uint32_t was) { return was + more; });
    }
    std::uint32_t fetch_sub(std::uint32_t less) {
        return change([&](std::uint32_t was) { return was - less; });
    }
    bool compare_exchange_strong(std::uint32_t& expected, std::uint32_t value) {
        const std::uint32_t wanted = expected;
        expected = change([&](std::uint32_t was) { return was == wanted ? value : was; });
        return expected == wanted;
    }

private:
    template <typename F>
    std::uint32_t change(F&& made_of) {
        return Run::current()->step([&] {
            Run& run = *Run::current();
            run.flush();
            const std::uint32_t was = run.state().words[number_];
            run.state().words[number_] = made_of(was);
            return was;
        });
    }
    std::size_t number_;
};

inline void full_fence() {
    Run& run = *Run::current();
    if (!run.has_fences()) return;
    run.step([&] {
        run.flush();
        return 0u;
    });
}

// Counts of the kernel's: everybody sees them at once.
inline void count_up(std::size_t count) {
    Run& run = *Run::current();
    run.step([&] { return ++run.state().counts[count]; });
}
inline std::uint32_t count_of(std::size_t count) {
    Run& run = *Run::current();
    return run.step([&] { return run.state().counts[count]; });
}
// Waits until there are so many, and takes them.
inline void await(std::size_t count, std::uint32_t so_many, std::uint32_t taken) {
    Run& run = *Run::current();
    run.step([&] {
        std::uint32_t& there = run.state().counts[count];
        if (there < so_many) throw NotNow{};
        there -= taken;
        return 0u;
    });
}
inline void await_none(std::size_t count) {
    Run& run = *Run::current();
    run.step([&] {
        if (run.state().counts[count] != 0) throw NotNow{};
        return 0u;
    });
}
// Whatever else the model remembers.
inline void note(const std::function<void(State&)>& change) {
    Run& run = *Run::current();
    run.step([&] {
        change(run.state());
        return 0u;
    });
}

// False: it has to wait.
inline bool make_step(const Scenario& scenario, State& state, std::size_t side) {
    Run run{state, side, scenario.has_fences};
    try {
        scenario.sides[side]();
        state.sides[side].is_done = true;
    } catch (const NextStep&) {
    } catch (const NotNow&) {
        return false;
    }
    return true;
}

struct Verdict {
    std::string fault{};  // empty: none
    std::size_t states = 0;
};

inline Verdict try_every_order(const Scenario& scenario) {
    State first{.words = std::vector<std::uint32_t>(scenario.words),
                .counts = std::vector<std::uint32_t>(scenario.counts)};
    scenario.begin(first);
    std::unordered_set<std::u32string> known{first.text()};
    std::vector<State> open{first};
    const auto reach = [&](State&& next) {
        if (known.insert(next.text()).second) open.push_back(std::move(next));
    };
    while (!open.empty()) {
        const State state = std::move(open.back());
        open.pop_back();
        bool goes_on = false;
        for (std::size_t side = 0; side < state.sides.size(); ++side) {
            if (!state.sides[side].stores.empty()) {
                State next = state;
                auto& stores = next.sides[side].stores;
                next.words[stores.front().first] = stores.front().second;
                stores.pop_front();
                goes_on = true;
                reach(std::move(next));
            }
            State next = state;
            if (state.sides[side].is_done || !make_step(scenario, next, side)) continue;
            goes_on = true;
            reach(std::move(next));
        }
        if (goes_on) continue;
        const bool is_end = state.sides[0].is_done && state.sides[1].is_done;
        std::string fault = is_end ? scenario.fault(state) : "both wait for ever";
        if (!fault.empty()) return {.fault = std::move(fault), .states = known.size()};
    }
    return {.states = known.size()};
}

}  // namespace fairlead::host::every_order
