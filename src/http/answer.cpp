#include "http/answer.hpp"

#include <fmt/format.h>

#include "http/conditions.hpp"
#include "http/content_type.hpp"
#include "http/range.hpp"
#include "http/target.hpp"
#include "http/text.hpp"

namespace fairlead::http {

namespace {

struct Place {
    const Folder* folder = nullptr;
    std::string path{};  // below that folder
    bool is_upload = false;
};

Place place_of(const Target& target, const Site& site) {
    constexpr std::string_view kMount = Site::kUploadPath;
    const std::string_view path = target.path;
    const bool is_below =
        path.starts_with(kMount) && (path.size() == kMount.size() || path[kMount.size()] == '/');
    if (!site.uploads || !is_below) return {.folder = &site.files, .path = target.path};
    return {.folder = &*site.uploads,
            .path = std::string{path.substr(std::min(path.size(), kMount.size() + 1))},
            .is_upload = true};
}

Validators validators_of(const File& file) {
    const std::int64_t ns = file.modified_ns();
    const std::int64_t seconds = ns / 1'000'000'000 - (ns % 1'000'000'000 < 0 ? 1 : 0);
    return {.entity_tag = fmt::format("W/\"{:x}-{:x}\"", file.size(), ns),
            .modified = UnixTime{seconds}};
}

std::string validator_fields(const Validators& v) {
    return fmt::format("Last-Modified: {}\r\nETag: {}\r\n", write_date(v.modified), v.entity_tag);
}

// Where a PUT has a name to write to.
bool takes_uploads(const Target& target, const Place& place) {
    return place.is_upload && !place.path.empty() && !target.names_directory;
}

Answer answer_not_allowed(bool can_put) {
    Answer answer = plain_answer(Status::MethodNotAllowed);
    answer.fields += can_put ? "Allow: GET, HEAD, PUT\r\n" : "Allow: GET, HEAD\r\n";
    return answer;
}

Answer answer_target_fault(TargetFault fault) {
    return plain_answer(fault == TargetFault::Outside ? Status::Forbidden : Status::BadRequest);
}

Answer answer_file(const Request& request, File file, std::string_view name, UnixTime now) {
    const Validators current = validators_of(file);
    switch (evaluate(request, current, now)) {
        case Precondition::Failed: return plain_answer(Status::PreconditionFailed);
        case Precondition::NotModified:
            return {.status = Status::NotModified, .fields = validator_fields(current)};
        case Precondition::Holds: break;
    }
    Answer answer;
    answer.fields = fmt::format("Content-Type: {}\r\nAccept-Ranges: bytes\r\n{}",
                                content_type_of(name), validator_fields(current));
    answer.length = file.size();
    // RFC 9110 §14.2: a range is asked of GET only.
    if (request.method == Method::Get && if_range_holds(request, current, now)) {
        const RangeChoice range = choose_range(request.range, file.size());
        if (range.kind == RangeChoice::Kind::Unsatisfiable) {
            Answer refusal = plain_answer(Status::RangeNotSatisfiable);
            refusal.fields += fmt::format("Content-Range: bytes */{}\r\n", file.size());
            return refusal;
        }
        if (range.kind == RangeChoice::Kind::Part) {
            answer.status = Status::PartialContent;
            answer.offset = range.offset;
            answer.length = range.length;
            answer.fields += fmt::format("Content-Range: bytes {}-{}/{}\r\n", range.offset,
                                         range.offset + range.length - 1, file.size());
        }
    }
    answer.file = std::move(file);
    return answer;
}

Answer answer_listing(const File& directory, const Target& target, const Site& site) {
    const auto listing = directory.list(site.listing_limit);
    if (!listing) return answer_fault(listing.error());
    const std::string title = escape_html("/" + target.path);
    Answer answer;
    answer.fields = "Content-Type: text/html; charset=utf-8\r\n";
    answer.text = fmt::format(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{0}</title></head>\n"
        "<body><h1>{0}</h1>\n<ul>\n",
        title);
    if (!target.path.empty()) answer.text += "<li><a href=\"../\">../</a></li>\n";
    for (const File::Name& name : listing->names) {
        const std::string_view slash = name.is_directory ? "/" : "";
        // "./" keeps a name with a colon from being taken for a scheme.
        answer.text += fmt::format("<li><a href=\"./{}{}\">{}{}</a></li>\n", encode_path(name.text),
                                   slash, escape_html(name.text), slash);
    }
    answer.text += listing->is_cut ? "</ul>\n<p>There are more.</p>\n" : "</ul>\n";
    answer.text += "</body></html>\n";
    answer.length = answer.text.size();
    return answer;
}

Answer redirect_to_directory(const Target& target) {
    Answer answer = plain_answer(Status::MovedPermanently);
    answer.fields += fmt::format("Location: /{}/{}{}\r\n", encode_path(target.path),
                                 target.query.empty() ? "" : "?", target.query);
    return answer;
}

}  // namespace

Answer plain_answer(Status status) {
    Answer answer;
    answer.status = status;
    if (status == Status::NoContent) return answer;
    answer.fields = "Content-Type: text/plain; charset=utf-8\r\n";
    answer.text = fmt::format("{} {}\n", code_of(status), reason_of(status));
    answer.length = answer.text.size();
    return answer;
}

Answer answer_fault(FileFault fault) {
    switch (fault) {
        case FileFault::NotFound: return plain_answer(Status::NotFound);
        case FileFault::Outside:
        case FileFault::Forbidden: return plain_answer(Status::Forbidden);
        case FileFault::IsDirectory: return plain_answer(Status::Conflict);
        case FileFault::NoSpace: return plain_answer(Status::InsufficientStorage);
        case FileFault::Busy: return plain_answer(Status::ServiceUnavailable);
        case FileFault::Failed: break;
    }
    return plain_answer(Status::InternalServerError);
}

Answer answer_read(const Request& request, const Site& site, UnixTime now) {
    const auto target = parse_target(request.target);
    if (!target) return answer_target_fault(target.error());
    const Place place = place_of(*target, site);
    auto file = place.folder->open(place.path);
    if (!file) return answer_fault(file.error());
    if (!file->is_directory()) {
        if (target->names_directory) return plain_answer(Status::NotFound);
        return answer_file(request, std::move(*file), target->path, now);
    }
    if (!target->names_directory) return redirect_to_directory(*target);
    auto index = place.folder->open(place.path.empty() ? "index.html" : place.path + "/index.html");
    if (index && !index->is_directory()) {
        return answer_file(request, std::move(*index), "index.html", now);
    }
    return answer_listing(*file, *target, site);
}

std::expected<Upload, Answer> begin_upload(const Request& request, const Site& site, UnixTime now) {
    const auto target = parse_target(request.target);
    if (!target) return std::unexpected{answer_target_fault(target.error())};
    const Place place = place_of(*target, site);
    if (!takes_uploads(*target, place)) return std::unexpected{answer_not_allowed(false)};
    if (!request.is_chunked && !request.content_length) {
        return std::unexpected{plain_answer(Status::LengthRequired)};
    }
    std::optional<Validators> current;
    if (const auto file = place.folder->open(place.path); file && !file->is_directory()) {
        current = validators_of(*file);
    }
    if (evaluate(request, current, now) != Precondition::Holds) {
        return std::unexpected{plain_answer(Status::PreconditionFailed)};
    }
    auto upload = place.folder->create(place.path);
    if (!upload) return std::unexpected{answer_fault(upload.error())};
    return std::move(*upload);
}

Answer finish_upload(Upload upload, const Request& request) {
    const auto replaced = upload.commit();
    if (!replaced) return answer_fault(replaced.error());
    if (*replaced) return plain_answer(Status::NoContent);
    Answer answer = plain_answer(Status::Created);
    if (const auto target = parse_target(request.target)) {
        answer.fields += fmt::format("Location: /{}\r\n", encode_path(target->path));
    }
    return answer;
}

Answer answer_other_method(const Request& request, const Site& site) {
    if (request.method == Method::Unknown) return plain_answer(Status::NotImplemented);
    const auto target = parse_target(request.target);
    return answer_not_allowed(target && takes_uploads(*target, place_of(*target, site)));
}

std::string write_head(const Answer& answer, const Framing& framing, UnixTime now) {
    std::string head =
        fmt::format("HTTP/1.1 {} {}\r\nServer: fairlead\r\nDate: {}\r\n{}", code_of(answer.status),
                    reason_of(answer.status), write_date(now), answer.fields);
    // RFC 9110 §8.6: 204 has no Content-Length; 304 would name that of the 200 it stands for.
    if (answer.status != Status::NoContent && answer.status != Status::NotModified) {
        head += fmt::format("Content-Length: {}\r\n", answer.length);
    }
    if (!framing.keeps_open) {
        head += "Connection: close\r\n";
    } else if (!framing.is_http11) {
        head += "Connection: keep-alive\r\n";
    }
    head += "\r\n";
    return head;
}

}  // namespace fairlead::http
