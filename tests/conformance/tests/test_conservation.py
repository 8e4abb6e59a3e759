"""The comparison of the suite's traffic with the telemetry: what agrees passes, every loss and every lie is found. Run: `tests/conformance/test`."""

import json
import tempfile
import unittest
from datetime import datetime, timezone
from pathlib import Path

from conservation import evidence, pairing, verdict

START = 1_800_000_000.0
GATEWAY = {"gateway_namespace": "infra", "gateway_name": "gw", "listener": "http"}
RULE = {"route_kind": "HTTPRoute", "route_namespace": "infra", "route_name": "shop", "route_rule": "0"}
BACKEND = {"backend_kind": "Service", "backend_namespace": "infra", "backend_name": "v1", "backend_port": 8080}


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def attributes(values: dict) -> list:
    return [{"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
            for key, value in values.items() if value is not None]


class Site:
    """A gateway in order and a suite before it: files as a run leaves them, to be spoilt by tests."""

    def __init__(self):
        self.exchanges, self.lines, self.spans, self.series = [], [], [], {}
        self.number = 0

    def add(self, name: str, labels: dict) -> None:
        key = name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"
        self.series[key] = self.series.get(key, 0) + 1

    def request(self, path="/", code=200, tries=(200,), flag="none", **more) -> None:
        """One request: what the client notes, and what the gateway says of it everywhere."""
        self.number += 1
        n, at = self.number, START + self.number
        via = more.get("via", "http")
        method = {"http": "GET", "grpc": "POST", "websocket": "GET"}[via]
        attempts = [{"span_id": f"c{n:011d}{i:04d}", **BACKEND, **({"code": one} if one else {}), "flag": "none"}
                    for i, one in enumerate(tries)]
        line = {
            "timestamp": stamp(at + 0.2), "event": "gateway.http.access", "trace_id": f"{n:032x}", "span_id": f"s{n:015d}",
            "request_id": f"id-{n}", **GATEWAY, **(RULE if tries else {}), "method": method, "scheme": "http", "host": "shop.example",
            "path": path, "protocol": "HTTP/1.1", "code": code, "flag": flag, "answered_by": "upstream" if tries else "gateway",
            "duration_seconds": 0.1, **({"attempts": attempts} if attempts else {}), **more.get("line", {}),
        }
        exchange = {
            "via": via, "test": "TestConformance/Some", "began": stamp(at), "ended": stamp(at + 0.3), "address": "10.250.0.1",
            "scheme": "http", "method": method, "host": "shop.example", "path": path, "protocol": "HTTP/1.1", "code": code,
            "request_id": f"id-{n}", **more.get("exchange", {}),
        }
        if attempts and via == "http":
            exchange |= {"backend_request_id": f"id-{n}", "backend_traceparent": f"00-{n:032x}-{attempts[-1]['span_id']}-01"}
        self.exchanges.append({key: value for key, value in exchange.items() if value is not None})
        self.lines.append(line)
        names = ("protocol", "answered_by", "grpc_status", *GATEWAY, *RULE)
        self.add(evidence.REQUESTS, {name: line[name] for name in names if name in line} | {
            "code": line["code"], "code_class": f"{line['code'] // 100}xx", "method": method, "reason": flag})
        self.span(2, line, line, "")
        for i, attempt in enumerate(attempts):
            self.add(evidence.ATTEMPTS, RULE | BACKEND | {
                "code": attempt.get("code", "none"), "reason": "none", "retry": "true" if i else "false"})
            self.span(3, line, attempt, line["span_id"])
        self.add(evidence.RECORDS, {"signal": "access_log", "outcome": "produced"})
        self.add(evidence.RECORDS, {"signal": "access_log", "outcome": "exported"})

    def span(self, kind: int, line: dict, said: dict, parent: str) -> None:
        has = {"http.request.method": line["method"], "http.response.status_code": said.get("code"), "clearway.flag": said["flag"]}
        if kind == 2:
            has |= {"url.path": line["path"], "clearway.answered_by": line["answered_by"]}
            has |= {"clearway." + name.replace("_", "."): line.get(name) for name in (*GATEWAY, *RULE)}
        else:
            has |= {"clearway." + name.replace("_", ".", 1): value for name, value in BACKEND.items()}
        ended = str(int((START + self.number) * 1e9))
        self.spans.append({"traceId": line["trace_id"], "spanId": said["span_id"], "parentSpanId": parent, "kind": kind,
                           "endTimeUnixNano": ended, "attributes": attributes(has)})
        self.add(evidence.RECORDS, {"signal": "spans", "outcome": "produced"})
        self.add(evidence.RECORDS, {"signal": "spans", "outcome": "exported"})

    def scrape(self) -> dict:
        page = "# TYPE clearway_requests counter\n" + "".join(f"{key} {value}\n" for key, value in self.series.items())
        return {"samples": evidence.samples(page + "clearway_requests_in_flight 0\n")}

    def judge(self, scrapes=None) -> verdict.Verdict:
        return verdict.judge(self.evidence(scrapes))

    def evidence(self, scrapes=None) -> evidence.Evidence:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            jsonl = {
                "exchanges.jsonl": self.exchanges, "lines-pod": self.lines, "scrapes-pod.jsonl": scrapes or [{"samples": []}, self.scrape()],
                "spans.jsonl": [{"resourceSpans": [{"scopeSpans": [{"spans": self.spans}]}]}],
            }
            for file, values in jsonl.items():
                text = "".join(json.dumps(value, separators=(",", ":")) + "\n" for value in values)
                (folder / file).write_text("2026 INFO not a line of requests\n" + text if file == "lines-pod" else text, encoding="utf-8")
            about = {"began": START, "pods": ["pod"], "problems": []}
            (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
            return evidence.read(folder)


def busy() -> Site:
    site = Site()
    site.request("/")
    site.request("/")
    site.request("/none", code=404, tries=(), flag="no_route")
    site.request("/retry", tries=(503, 200))
    site.request("/ws", code=101, tries=(101,), via="websocket", line={"upgraded": True}, exchange={"request_id": None})
    site.request("/Echo", tries=(200,), via="grpc", line={"grpc_status": "NOT_FOUND", "protocol": "HTTP/2"},
                 exchange={"grpc_status": "NotFound", "protocol": "HTTP/2.0"})
    site.request("/late", code=499, tries=(None,), flag="client_gone",
                 exchange={"code": None, "request_id": None, "error": "context deadline exceeded"})
    site.exchanges.append(site.exchanges[0] | {"code": 0, "request_id": "", "error": "dial tcp: connect: connection refused"})
    return site


class Agreement(unittest.TestCase):
    def test_what_agrees_passes_by_kind_and_to_the_unit(self):
        judged = busy().judge()
        self.assertEqual(judged.differences, [])
        self.assertEqual(judged.kinds, {
            "http, answered": 4, "websocket, answered": 1, "grpc, answered": 1, "http, the client gave up on it": 1,
            "http, no request: nobody listens there (yet, or any more)": 1,
        })
        numbers = judged.numbers
        self.assertEqual((numbers["lines"], numbers["requests counted"], numbers["SERVER spans"]), (7, 7, 7))
        self.assertEqual((numbers["attempts"], numbers["attempts counted"], numbers["CLIENT spans"]), (7, 7, 7))

    def test_one_missing_thing_of_each_kind_is_found(self):
        self.assertEqual(verdict.unseen(busy().evidence()), [])

    def test_nothing_at_all_is_no_agreement(self):
        self.assertIn("nothing was compared", "".join(Site().judge().differences))

    def test_series_that_die_and_come_back_keep_what_they_gained(self):
        site = Site()
        empty = {"samples": []}
        site.request("/")
        first = site.scrape()
        forever = [sample for sample in first["samples"] if sample[0] == evidence.RECORDS]
        site.series = {key: value for key, value in site.series.items() if key.startswith(evidence.RECORDS)}
        site.request("/")
        site.request("/")
        judged = site.judge([empty, first, first, {"samples": forever}, site.scrape()])
        self.assertEqual(judged.differences, [])
        # One that falls without having been away was reset: a process began anew.
        reset = {"samples": [[name, labels, 0.0] for name, labels, _ in first["samples"]]}
        self.assertIn("a counter fell from 1.0 to 0.0", str(site.judge([empty, first, reset]).differences))

    def test_what_was_there_before_does_not_count(self):
        site = Site()
        site.request("/before")
        before = site.scrape()
        site.exchanges, site.lines, site.spans = [], [], []
        site.request("/")
        self.assertEqual(site.judge([before, site.scrape()]).differences, [])

    def test_counted_drops_are_accounted_for_and_others_are_not(self):
        site = busy()
        site.spans.pop()
        self.assertTrue(site.judge().differences)
        exported = next(key for key in site.series if "spans" in key and "exported" in key)
        site.series[exported] -= 1
        site.add(evidence.RECORDS, {"signal": "spans", "outcome": "dropped", "reason": "queue_full"})
        self.assertEqual(site.judge().differences, [])


class Disagreement(unittest.TestCase):
    def differs(self, site: Site, sentence: str) -> None:
        self.assertIn(sentence, "\n".join(site.judge().differences))

    def test_a_line_that_nobody_asked_for(self):
        site = busy()
        site.exchanges.pop(0)
        self.differs(site, "no exchange of the suite for the line GET http://shop.example/ ")

    def test_a_line_written_twice(self):
        site = busy()
        site.lines.append(site.lines[0])
        self.differs(site, "a line written twice")
        self.differs(site, "two lines or tries have the span")

    def test_an_exchange_without_a_line(self):
        site = busy()
        site.lines.pop(2)
        self.differs(site, "no line for http GET http://shop.example/none")

    def test_an_error_without_a_known_reason(self):
        site = busy()
        site.exchanges.append(site.exchanges[0] | {"path": "/x", "code": 0, "request_id": "", "error": "EOF"})
        self.differs(site, "no reason known why there should be none")

    def test_a_client_that_gave_up_while_the_line_says_all_is_well(self):
        site = busy()
        site.lines[6]["flag"] = "none"
        self.differs(site, "the line does not say that it left")

    def test_another_code_host_or_time(self):
        for name, value, sentence in [
            ("code", 201, "code: the client saw 200, the line says 201"),
            ("host", "other.example", "host: the client saw 'shop.example'"),
            ("timestamp", stamp(START + 60), "time: the client had it"),
        ]:
            with self.subTest(name):
                site = busy()
                site.lines[0][name] = value
                self.differs(site, sentence)

    def test_another_grpc_status(self):
        site = busy()
        site.lines[5]["grpc_status"] = "OK"
        self.differs(site, "gRPC status: the client saw 'NOT_FOUND', the line says 'OK'")

    def test_a_backend_that_got_other_ids(self):
        site = busy()
        site.exchanges[0]["backend_request_id"] = "other"
        site.exchanges[3]["backend_traceparent"] = site.exchanges[3]["backend_traceparent"].replace("0001-01", "0000-01")
        self.differs(site, "the backend got the request id 'other'")
        self.differs(site, "the backend got trace")

    def test_counts_under_another_label(self):
        site = busy()
        site.series = {key.replace('code="404"', 'code="403"'): value for key, value in site.series.items()}
        self.differs(site, "1 in the log, 0 counted")
        self.differs(site, "0 in the log, 1 counted")

    def test_a_try_that_is_counted_and_not_logged(self):
        site = busy()
        site.lines[3]["attempts"].pop()
        self.differs(site, "tries of")

    def test_a_span_that_says_something_else(self):
        for name, sentence in [("http.response.status_code", "status_code is 1"), ("url.path", "url.path is '1'")]:
            with self.subTest(name):
                site = busy()
                one = next(one for one in site.spans[0]["attributes"] if one["key"] == name)
                one["value"] = {kind: "1" for kind in one["value"]}
                self.differs(site, sentence)

    def test_a_span_twice_and_a_stray_one(self):
        site = busy()
        site.spans.append(site.spans[0])
        self.differs(site, "1 spans came twice")
        site = busy()
        site.spans.append(site.spans[0] | {"spanId": "f" * 16})
        self.differs(site, "that no line has")

    def test_half_a_file(self):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "lines-pod"
            path.write_text('{"event":"gateway.http.access",\n', encoding="utf-8")
            with self.assertRaises(evidence.Unreadable):
                evidence.access_lines(path, START)


class Words(unittest.TestCase):
    def test_times(self):
        self.assertAlmostEqual(evidence.seconds("2027-01-15T08:00:00.25Z"), 1_800_000_000.25, 3)
        self.assertAlmostEqual(evidence.seconds("2027-01-15T10:00:00+02:00"), 1_800_000_000.0, 3)

    def test_grpc_names(self):
        self.assertEqual([pairing.screaming(name) for name in ("OK", "NotFound", "Unimplemented")], ["OK", "NOT_FOUND", "UNIMPLEMENTED"])

    def test_samples(self):
        page = '# HELP clearway_requests_total x\nclearway_requests_total{a="x\\"y",b=""} 3\nclearway_requests_total_more 1\nother 2\n'
        self.assertEqual(evidence.samples(page), [["clearway_requests_total", {"a": 'x\\"y', "b": ""}, 3.0]])


if __name__ == "__main__":
    unittest.main()
