"""What reads the telemetry during a run: a scraper like Prometheus and an OTLP/HTTP trace sink.

Both are threads of the race itself, which is pinned to the load core. They count what arrives, so
that "telemetry on" is proved by its products and not by a flag.
"""

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .process import get

# What Prometheus 3 sends with its default scrape_protocols.
SCRAPE_HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/3",
    "X-Prometheus-Scrape-Timeout-Seconds": "1",
}


class Scraper:
    """GETs `url` every second on a fixed beat from `start` to `stop`."""

    def __init__(self, url: str):
        self.url = url
        self.count = self.bytes = 0
        self.seconds = 0.0
        self.failures: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scraper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> dict:
        self._ended.set()
        self._thread.join(30)
        count = max(self.count, 1)
        return {
            "scrapes": self.count,
            "scrape_bytes": self.bytes // count,
            "scrape_ms": round(1000 * self.seconds / count, 2),
            "scrape_failures": self.failures,
        }

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due += 1.0
            began = time.monotonic()
            try:
                status, body = get(self.url, SCRAPE_HEADERS)
            except OSError as error:
                self.failures.append(str(error))
                continue
            if status != 200 or not body:
                self.failures.append(f"status {status}, {len(body)} bytes")
                continue
            self.count += 1
            self.bytes += len(body)
            self.seconds += time.monotonic() - began


def fields(message: bytes):
    """(number, value) of every field of a protobuf message; a length-delimited value is bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            if kind != 2:
                raise ValueError(f"protobuf wire type {kind}")
            size = varint()
        yield key >> 3, message[at:at + size]
        at += size


SPAN_KINDS = {2: "server", 3: "client"}


def count_spans(export: bytes) -> dict[str, int]:
    """Spans by kind in an ExportTraceServiceRequest (resource_spans 1 > scope_spans 2 > spans 2 > kind 6)."""
    counts = {"server": 0, "client": 0, "other": 0}
    for number, resource in fields(export):
        for inner, scope in fields(resource) if number == 1 else ():
            for leaf, span in fields(scope) if inner == 2 else ():
                if leaf == 2:
                    kind = next((value for key, value in fields(span) if key == 6), 0)
                    counts[SPAN_KINDS.get(kind, "other")] += 1
    return counts


class Sink:
    """OTLP/HTTP (protobuf) on 127.0.0.1; answers 200 to POST /v1/traces and counts posts and spans."""

    def __init__(self, port: int):
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        self.reset()
        threading.Thread(target=self.server.serve_forever, name="otlp-sink", daemon=True).start()

    def reset(self) -> None:
        with self.lock:
            self.posts = 0
            self.spans = {"server": 0, "client": 0, "other": 0}
            self.refused: list[str] = []

    def totals(self) -> dict:
        with self.lock:
            return {"posts": self.posts, "spans": dict(self.spans), "refused": list(self.refused)}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def take(self, path: str, body: bytes) -> int:
        """Counts one export; the status to answer."""
        try:
            if path != "/v1/traces":
                raise ValueError(f"path {path}")
            counts = count_spans(body)
        except (ValueError, IndexError, TypeError) as error:
            with self.lock:
                self.refused.append(str(error))
            return 400
        with self.lock:
            self.posts += 1
            for kind, count in counts.items():
                self.spans[kind] += count
        return 200

    def _handler(self):
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802, the name is http.server's
                if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                    body = self._chunked()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                self.send_response(sink.take(self.path, body))
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _chunked(self) -> bytes:
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(parts)

            def log_message(self, *_):
                pass

        return Handler
