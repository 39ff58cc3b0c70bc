// drill/calls.hpp — a scripted call becomes a request, and its outcome is held against the script.
//
// Owns:   the names of the calls, what their arguments mean, which live descriptor a scripted one
//         stands for.
// Not here: doing it (the backends), when (runner.hpp).
#pragma once

#include <map>
#include <optional>

#include "drill/backend.hpp"
#include "drill/evaluate.hpp"
#include "drill/script.hpp"
#include "drill/settings.hpp"

namespace fairlead::drill {

class Calls {
public:
    explicit Calls(const Settings& settings) : settings_{settings} {}

    Evaluated<Request> to_request(const Call& call) const;
    // What differs, if anything does; a descriptor that was made or closed is remembered.
    std::optional<Fault> check(const Call& call, const Request& request, const Outcome& outcome);

private:
    Evaluated<int> descriptor(const Expression& e) const;
    Evaluated<Request> socket(const Call& call) const;
    Evaluated<Request> bind(const Call& call) const;
    Evaluated<Request> listen(const Call& call) const;
    Evaluated<Request> connect(const Call& call) const;
    Evaluated<Request> accept(const Call& call) const;
    Evaluated<Request> receive(const Call& call) const;
    Evaluated<Request> receive_vector(const Call& call) const;
    Evaluated<Request> send(const Call& call) const;
    Evaluated<Request> send_vector(const Call& call) const;
    Evaluated<Request> shutdown(const Call& call) const;
    Evaluated<Request> close(const Call& call) const;
    Evaluated<Request> file_control(const Call& call) const;
    Evaluated<Request> io_control(const Call& call) const;
    Evaluated<Request> set_option(const Call& call) const;
    Evaluated<Request> get_option(const Call& call) const;
    Evaluated<Request> poll(const Call& call) const;
    Evaluated<Endpoint> endpoint(const Expression& e, const IpAddress& address,
                                 std::uint16_t port) const;

    std::optional<Fault> check_result(const Call& call, const Outcome& outcome) const;
    std::optional<Fault> check_answers(const Call& call, const Request& request,
                                       const Outcome& outcome) const;
    std::optional<Fault> remember(const Call& call, const Request& request, const Outcome& outcome);

    const Settings& settings_;
    std::map<std::int64_t, int> live_;  // scripted descriptor -> the backend's
};

}  // namespace fairlead::drill
