"""Joins what the suite's clients saw with access-log lines, one to one. Pure.

Always holds: a line explains one exchange and an exchange has one line; whatever is left over on either side is a difference, unless
there is a reason in `REASONS` that such an exchange has no line.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

# The clock is the same one on a cluster of this machine; a thread that has ended a request may still wait for the processor.
SLACK = 1.0

# Why an exchange without an answer has no line: the gateway never had a request. (kind, part of what the client says)
REASONS = [
    ("nobody listens there (yet, or any more)", "connection refused"),
    ("no route to the address (yet, or any more)", "no route to host"),
    ("the address does not answer (yet, or any more)", "i/o timeout"),
    ("refused in the TLS handshake", "remote error: tls: "),
    ("the client refused in the TLS handshake", "tls: failed to verify certificate"),
    ("no connection for a call (yet, or any more)", "the client says Unavailable"),
    ("the client would not send it", "https request has no "),
]


@dataclass
class Pairs:
    """The outcome of a pairing."""

    joined: list = field(default_factory=list)
    kinds: Counter = field(default_factory=Counter)
    differences: list = field(default_factory=list)


def told(exchange: dict) -> str:
    """An exchange in a sentence."""
    query = "?" + exchange["query"] if exchange.get("query") else ""
    end = exchange.get("code") or exchange.get("error", "nothing")
    return (f'{exchange["via"]} {exchange["method"]} {exchange["scheme"]}://{exchange["host"]}{exchange["path"]}{query} at '
            f'{exchange["address"]}: {end} [{exchange["test"]}]')


def told_line(line: dict) -> str:
    """A line in a sentence."""
    query = "?" + line["query"] if line.get("query") else ""
    return (f'{line["method"]} {line["scheme"]}://{line.get("host", "")}{line["path"]}{query} {line["protocol"]}: {line["code"]} '
            f'{line["flag"]}, {line["timestamp"]}, request {line.get("request_id", "without an id")} on {line["pod"]}')


def within(exchange: dict, line: dict) -> bool:
    """Whether the gateway's time of it lies in the client's. A WebSocket goes on after its dial."""
    ends = exchange["via"] == "websocket" or line["ended"] <= exchange["ended"] + SLACK
    return exchange["began"] - SLACK <= line["began"] and ends


def unlike(exchange: dict, line: dict) -> list:
    """In what an answered exchange and its line differ."""
    wrong = []

    def same(what: str, seen, said) -> None:
        if seen != said:
            wrong.append(f"{what}: the client saw {seen!r}, the line says {said!r}")

    same("method", exchange["method"], line["method"])
    same("scheme", exchange["scheme"], line["scheme"])
    same("host", exchange["host"].lower(), line.get("host", "").lower())
    same("path", exchange["path"], line["path"])
    same("query", exchange.get("query", ""), line.get("query", ""))
    same("protocol", exchange["protocol"].removesuffix(".0") if exchange["protocol"] != "HTTP/1.0" else "HTTP/1.0", line["protocol"])
    same("code", exchange["code"], line["code"])
    if exchange["via"] == "grpc":
        status = exchange["grpc_status"]
        same("gRPC status", screaming(status), line.get("grpc_status", ""))
    if exchange["via"] == "websocket":
        same("upgraded", True, line.get("upgraded", False))
    if not within(exchange, line):
        wrong.append(f'time: the client had it from {exchange["began"]:.3f} to {exchange["ended"]:.3f}, '
                     f'the line from {line["began"]:.3f} to {line["ended"]:.3f}')
    return wrong + behind(exchange, line)


def screaming(status: str) -> str:
    """`NotFound` as `NOT_FOUND`, the name in the specification of gRPC."""
    if status == "OK":
        return status
    return "".join("_" + letter if letter.isupper() and at else letter for at, letter in enumerate(status)).upper()


def behind(exchange: dict, line: dict) -> list:
    """In what the echo server behind the gateway contradicts the line."""
    wrong = []
    if exchange.get("backend_request_id") and exchange["backend_request_id"] != line.get("request_id"):
        wrong.append(f'the backend got the request id {exchange["backend_request_id"]!r}')
    if exchange.get("backend_traceparent"):
        _, trace, span, _ = exchange["backend_traceparent"].split("-")
        tries = [attempt["span_id"] for attempt in line.get("attempts", [])]
        if trace != line["trace_id"] or span not in tries[-1:]:
            wrong.append(f"the backend got trace {trace} and span {span}, the line has {line['trace_id']} and the tries {tries}")
    return wrong


def pair(exchanges: list, lines: list) -> Pairs:
    """Joins them: by the request id where the client got one, then by method, host, path and time."""
    pairs = Pairs()
    by_id = defaultdict(list)
    for at, line in enumerate(lines):
        by_id[line.get("request_id", "")].append(at)
    free = dict.fromkeys(range(len(lines)))
    rest = []
    for exchange in exchanges:
        named = [at for at in by_id.get(exchange.get("request_id", ""), []) if at in free] if exchange.get("request_id") else []
        if exchange.get("code") and named:
            join(pairs, exchange, lines[named[0]])
            del free[named[0]]
        else:
            rest.append(exchange)
    # Answered exchanges first: one without an answer may have a line, these must.
    for exchange in sorted(rest, key=lambda one: (not one.get("code"), one["began"])):
        at = next((at for at in free if fits(exchange, lines[at])), None)
        if at is not None:
            join(pairs, exchange, lines[at])
            del free[at]
        else:
            without_line(pairs, exchange)
    pairs.differences += [f"no exchange of the suite for the line {told_line(lines[at])}: {guess(lines[at])}" for at in free]
    return pairs


def fits(exchange: dict, line: dict) -> bool:
    """Whether a line may be that of an exchange without a request id."""
    same = (exchange["method"], exchange["host"].lower(), exchange["path"]) == (
        line["method"], line.get("host", "").lower(), line["path"])
    return same and within(exchange, line) and exchange.get("code") in (None, line["code"])


def join(pairs: Pairs, exchange: dict, line: dict) -> None:
    pairs.joined.append((exchange, line))
    if exchange.get("code"):
        pairs.kinds[f'{exchange["via"]}, answered'] += 1
        wrong = unlike(exchange, line)
    else:
        pairs.kinds[f'{exchange["via"]}, the client gave up on it'] += 1
        gave_up = line["flag"] == "client_gone"
        wrong = behind(exchange, line) + ([] if gave_up else ["the client saw no answer, the line does not say that it left"])
    pairs.differences += [f"{told(exchange)}: {one}; line {told_line(line)}" for one in wrong]


def without_line(pairs: Pairs, exchange: dict) -> None:
    if exchange.get("code"):
        pairs.differences.append(f"no line for {told(exchange)}: lost, or logged with another method, host or path")
        return
    error = exchange.get("error", "")
    reason = next((reason for reason, part in REASONS if part in error), None)
    if reason is None:
        pairs.differences.append(f"no line for {told(exchange)}, and no reason known why there should be none")
    else:
        pairs.kinds[f'{exchange["via"]}, no request: {reason}'] += 1


def guess(line: dict) -> str:
    if line.get("upgraded"):
        return "somebody else's WebSocket, or one dialled past the suite's dialer"
    if line.get("grpc_status"):
        return "a call past the suite's gRPC client, or one that its library sent again"
    return "sent past the suite's round tripper, a redirect that its client followed, or a line written twice"
