// drill/code.hpp — the code blocks of a script, run as the original program runs them.
//
// Owns:   Code: the blocks with what was sampled for each; their names; what they print.
// Rules:  Values are sampled when a block's time has come. The blocks run once, in order, after the
//         last event; what one assigns the later ones see.
// Names:  tcpi_rto and all other fields of struct tcp_info, also without tcpi_ where nothing else
//         has that name; those of TCP_CC_INFO and SO_MEMINFO (samples.hpp); constants of the
//         language.
// Not here: what there is of Python (code_parser.hpp), what a sample is made of (tcp_info.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drill/code_parser.hpp"
#include "drill/evaluate.hpp"
#include "drill/samples.hpp"
#include "drill/script.hpp"

namespace fairlead::drill {

class Code {
public:
    // Reads all blocks; a fault names what is not understood in one.
    std::optional<Fault> read(const Script& script);
    // The block of this event is to run, with these values.
    void sample(const Event& event, Sampled values);
    // Runs them. `event()` is then the one whose block went wrong.
    std::optional<Fault> run();
    // The same by a real python3, where the user allows it: for blocks that are not understood.
    std::optional<Fault> run_by_python();

    const Event* event() const { return event_; }
    const std::string& output() const { return output_; }

private:
    struct Block {
        const Event* event = nullptr;
        Sampled values{};
    };
    using Value = Computed<CodeValue>;

    std::optional<Fault> run(const std::vector<CodeStatement>& statements);
    std::optional<Fault> run(const CodeStatement& statement);
    std::optional<Fault> check(const CodeStatement& statement);
    std::optional<Fault> print(const CodeStatement& statement);
    std::optional<Fault> assign(const CodeStatement& statement);

    Value evaluate(const CodeExpression& e) const;
    Value evaluate_name(const std::string& name) const;
    Value evaluate_comparison(const CodeExpression& e) const;
    Value evaluate_call(const CodeExpression& e) const;
    Computed<CodeValue::Tuple> evaluate_all(const std::vector<CodeExpression>& all) const;
    // "a is 1, b is 2": the names in an expression.
    std::string values_in(const CodeExpression& e) const;

    std::map<const Event*, std::vector<CodeStatement>> read_;
    std::vector<Block> blocks_;
    std::map<std::string, CodeValue, std::less<>> variables_;
    const Event* event_ = nullptr;
    std::string output_;
};

}  // namespace fairlead::drill
