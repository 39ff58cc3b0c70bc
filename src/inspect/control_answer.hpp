// inspect/control_answer.hpp — what a stack answers to one request, in parts.
//
// Rules:     a part costs a bounded time, whatever was asked and however many sockets there are;
//            between two parts the stack goes on. Nothing but "set" and "kill" changes it.
// Not here:  the form of lines (control_text.hpp), who may ask (lab/control_server.hpp).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "inspect/control_text.hpp"

namespace fairlead::inspect {

struct ControlIdentity {
    std::string name{};  // of the host
    std::string what{};  // what runs on it: "serve", "up"
    std::int64_t pid = 0;
    // Null: the stack's sockets are its own process's.
    std::function<std::vector<Holder>()> holders{};
};

class ControlAnswer {
public:
    // Says at once what is wrong with a request.
    ControlAnswer(std::string_view request, const ControlIdentity& identity);

    // Appends the next part. False: that was all.
    bool next(Stack& stack, std::string& out);

private:
    bool next_sockets(Stack& stack, std::string& out);
    void set(Stack& stack, std::string& out) const;
    void kill(Stack& stack, std::string& out) const;

    ControlLine request_{};
    std::string ready_{};  // the whole answer, where it is known already
    SocketCursor cursor_{};
    std::vector<SocketRow> rows_{};
};

}  // namespace fairlead::inspect
