#include "http/conditions.hpp"

#include "http/text.hpp"

namespace fairlead::http {

namespace {

// The opaque part: weak comparison (RFC 9110 §8.8.3.2) looks at nothing else.
std::string_view opaque(std::string_view tag) {
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    return tag;
}

bool any_matches_weakly(std::string_view list, std::string_view tag) {
    while (!list.empty()) {
        // A tag is quoted and may hold a comma: the next quote ends it.
        const std::size_t open = list.find('"');
        if (open == std::string_view::npos) return false;
        const std::size_t close = list.find('"', open + 1);
        if (close == std::string_view::npos) return false;
        if (list.substr(open, close - open + 1) == opaque(tag)) return true;
        list.remove_prefix(close + 1);
    }
    return false;
}

bool is_read(const Request& request) {
    return request.method == Method::Get || request.method == Method::Head;
}

// If-Match, or else If-Unmodified-Since.
bool is_what_is_meant(const Request& request, const std::optional<Validators>& current,
                      UnixTime now) {
    // Strong comparison, which a weak tag never passes: only "*" can hold.
    if (!request.if_match.empty()) return current && trimmed(request.if_match) == "*";
    if (!current || request.if_unmodified_since.empty()) return true;
    const auto since = parse_date(request.if_unmodified_since, now);
    return !since || current->modified <= *since;
}

// If-None-Match, or else, for a read, If-Modified-Since.
bool is_known_already(const Request& request, const std::optional<Validators>& current,
                      UnixTime now) {
    if (!current) return false;
    if (!request.if_none_match.empty()) {
        return trimmed(request.if_none_match) == "*" ||
               any_matches_weakly(request.if_none_match, current->entity_tag);
    }
    if (!is_read(request) || request.if_modified_since.empty()) return false;
    const auto since = parse_date(request.if_modified_since, now);
    return since && current->modified <= *since;
}

}  // namespace

Precondition evaluate(const Request& request, const std::optional<Validators>& current,
                      UnixTime now) {
    if (!is_what_is_meant(request, current, now)) return Precondition::Failed;
    if (!is_known_already(request, current, now)) return Precondition::Holds;
    return is_read(request) ? Precondition::NotModified : Precondition::Failed;
}

bool if_range_holds(const Request& request, const Validators& current, UnixTime now) {
    if (request.if_range.empty()) return true;
    // A tag would have to match strongly. A date counts where the file is older than the second
    // we are in: it may have changed twice within one (RFC 9110 §8.8.2.2).
    const auto date = parse_date(request.if_range, now);
    return date && *date == current.modified && current.modified < now;
}

}  // namespace fairlead::http
