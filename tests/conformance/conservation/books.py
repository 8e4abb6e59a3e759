"""Adds up lines, series and spans, to the unit. Pure.

Always holds: two sides of a sum come from two different places (the log's text, the metrics page, the collector's file), and what is
dropped counts only as far as a counter says so.
"""

from collections import Counter

from .evidence import ATTEMPTS, RECORDS, REQUESTS, Evidence, total

IDENTITY = ("gateway_namespace", "gateway_name", "listener", "route_kind", "route_namespace", "route_name", "route_rule")
ROUTE = IDENTITY[3:]
BACKEND = ("backend_kind", "backend_namespace", "backend_name", "backend_port")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY")


def labels(of: dict, names: tuple) -> dict:
    return {name: str(of[name]) for name in names if name in of}


def of_line(line: dict) -> frozenset:
    """The labels that a line's request has in `clearway_requests_total`."""
    method = line["method"] if line["method"] in METHODS else "_OTHER"
    more = {"code": str(line["code"]), "method": method, "reason": line["flag"]}
    return frozenset((labels(line, IDENTITY + ("protocol", "answered_by", "grpc_status")) | more).items())


def of_attempts(line: dict) -> list:
    """The labels that a line's tries have in `clearway_upstream_attempts_total`."""
    return [
        frozenset((labels(line, ROUTE) | labels(attempt, BACKEND) | {
            "code": str(attempt.get("code", "none")), "reason": attempt["flag"], "retry": "true" if number else "false",
        }).items())
        for number, attempt in enumerate(line.get("attempts", []))
    ]


def counted(counts: list, name: str, without: tuple = ()) -> Counter:
    """What each series of a family gained; an empty label is an absent one."""
    found = Counter()
    for one in counts:
        for (family, having), gain in one.gained.items():
            if family == name:
                found[frozenset((key, value) for key, value in having if key not in without and value)] += gain
    return found


def unequal(what: str, said: Counter, counts: Counter) -> list:
    """Series whose number of lines is another one."""
    return [
        f"{what} {dict(sorted(key))}: {said[key]} in the log, {counts[key]} counted"
        for key in sorted(said.keys() | counts.keys(), key=sorted) if said[key] != counts[key]
    ]


def sums(evidence: Evidence) -> tuple:
    """(numbers, differences) of the sums over everything."""
    lines, spans, counts = evidence.lines, evidence.spans, evidence.counts
    kinds = Counter(span["kind"] for span in spans)
    numbers = {
        "lines": len(lines), "attempts": sum(len(line.get("attempts", [])) for line in lines),
        "requests counted": total(counts, REQUESTS), "attempts counted": total(counts, ATTEMPTS),
        "SERVER spans": kinds["SERVER"], "CLIENT spans": kinds["CLIENT"],
    }
    for signal in ("access_log", "spans"):
        for outcome in ("produced", "exported", "dropped"):
            numbers[f"{signal} {outcome}"] = total(counts, RECORDS, signal=signal, outcome=outcome)
    wrong = []

    def equal(what: str, left: int, right: int) -> None:
        if left != right:
            wrong.append(f"{what}: {left} and {right}")

    equal("requests counted, and lines with the counted drops", numbers["requests counted"],
          numbers["lines"] + numbers["access_log dropped"])
    equal("lines produced, and requests counted", numbers["access_log produced"], numbers["requests counted"])
    equal("lines exported, and lines read", numbers["access_log exported"], numbers["lines"])
    equal("spans produced, and requests and tries counted", numbers["spans produced"],
          numbers["requests counted"] + numbers["attempts counted"])
    equal("spans produced, and spans received with the counted drops", numbers["spans produced"],
          len(spans) + numbers["spans dropped"])
    if not numbers["access_log dropped"]:
        said = Counter(of_line(line) for line in lines)
        wrong += unequal("requests of", said, counted(counts, REQUESTS, ("code_class",)))
        said = Counter(labels for line in lines for labels in of_attempts(line))
        wrong += unequal("tries of", said, counted(counts, ATTEMPTS))
    for one in counts:
        wrong += [f"a counter fell from {before} to {value}: {key}" for key, before, value in one.fallen]
    return numbers, wrong + by_id(evidence, numbers["spans dropped"], numbers["access_log dropped"])


def by_id(evidence: Evidence, spans_dropped: int, lines_dropped: int) -> list:
    """Differences between the ids in lines and the ids of spans, and between what both say of one request."""
    wrong = []
    spans = {(span["kind"], span["id"]): span for span in evidence.spans}
    if len(spans) != len(evidence.spans):
        wrong.append(f"{len(evidence.spans) - len(spans)} spans came twice")
    missing, met = [], set()
    for line in evidence.lines:
        server = ("SERVER", line["span_id"])
        wanted = [(server, line)] + [(("CLIENT", attempt["span_id"]), attempt) for attempt in line.get("attempts", [])]
        for key, said in wanted:
            if key in met:
                wrong.append(f"two lines or tries have the span {key[1]}")
            met.add(key)
            if key not in spans:
                missing.append(f"no {key[0]} span {key[1]} for {line['method']} {line['path']} of {line['timestamp']}")
                continue
            wrong += contradictions(line, said, spans[key], "" if key == server else line["span_id"])
    if len(missing) > spans_dropped:
        wrong += missing + [f"{len(missing)} spans are missing, {spans_dropped} were counted as dropped"]
    stray = [key for key in spans if key not in met]
    if stray and not lines_dropped:
        wrong += [f"a {kind} span {name} that no line has" for kind, name in stray]
    return wrong


def contradictions(line: dict, said: dict, span: dict, parent: str) -> list:
    """In what a span says something else than its line, or its try."""
    has, wrong = span["has"], []

    def same(what: str, in_line, in_span) -> None:
        if in_line != in_span:
            wrong.append(f"{span['kind']} span {span['id']} of {line['method']} {line['path']}: {what} is {in_span!r}, "
                         f"the line says {in_line!r}")

    same("trace", line["trace_id"], span["trace"])
    same("clearway.flag", said["flag"], has.get("clearway.flag"))
    same("http.request.method", line["method"], has.get("http.request.method_original", has.get("http.request.method")))
    if span["kind"] == "CLIENT":
        same("parent", parent, span["parent"])
        same("http.response.status_code", said.get("code"), has.get("http.response.status_code"))
        for name in ("namespace", "name", "port"):
            same(f"clearway.backend.{name}", said[f"backend_{name}"], has.get(f"clearway.backend.{name}"))
        return wrong
    if line["flag"] != "client_gone":
        same("http.response.status_code", line["code"], has.get("http.response.status_code"))
    same("url.path", line["path"], has.get("url.path"))
    same("clearway.answered_by", line["answered_by"], has.get("clearway.answered_by"))
    for label in IDENTITY:
        name = "clearway." + label.replace("_", ".")
        same(name, line.get(label), has.get(name))
    return wrong
