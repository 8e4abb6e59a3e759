"""The API server and the pods, asked over kept connections from inside the cluster's network.

Called by everything that measures. Always holds: an answer that is not the expected one is a `Failed` that quotes it.
"""

import base64
import http.client
import json
import os
import ssl
import subprocess
import tempfile
import urllib.parse

from race.process import Failed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KUBECTL = os.path.join(ROOT, "tests", "cluster", "kubectl")
GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"
MERGE = "application/merge-patch+json"


def kubectl(*argv: str) -> str:
    """What kubectl says on standard output."""
    done = subprocess.run([KUBECTL, *argv], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"kubectl {' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


class Access:
    """Where the API server is, and who we are: the kubeconfig's administrator. May be sent to another process."""

    def __init__(self) -> None:
        config = json.loads(kubectl("config", "view", "--raw", "-o", "json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = urllib.parse.urlsplit(cluster["server"])
        self.authority = self._pem(cluster, "certificate-authority")
        self.token = user.get("token")
        self.pair = "" if self.token else self._pem(user, "client-certificate") + self._pem(user, "client-key")

    @staticmethod
    def _pem(holder: dict, name: str) -> str:
        if name + "-data" in holder:
            return base64.b64decode(holder[name + "-data"]).decode()
        try:
            with open(holder[name], encoding="ascii") as file:
                return file.read()
        except KeyError:
            raise Failed(f"the kubeconfig has no {name}; this measures with certificates or a token") from None

    def connect(self) -> http.client.HTTPSConnection:
        """A new connection."""
        context = ssl.create_default_context(cadata=self.authority)
        if self.pair:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
                pair.write(self.pair)
                pair.flush()
                context.load_cert_chain(pair.name)
        return http.client.HTTPSConnection(self.server.hostname, self.server.port or 443, timeout=60, context=context)


class Api:
    """One connection to the API server."""

    def __init__(self, access: Access):
        self.access, self.connection = access, access.connect()
        self.headers = {"authorization": f"Bearer {access.token}"} if access.token else {}

    def call(self, method: str, path: str, body: dict | None = None, kind: str = "application/json",
             good: tuple[int, ...] = (200, 201)) -> dict:
        """One call; the answer as JSON."""
        headers = {**self.headers, "accept": "application/json"}
        data = None
        if body is not None:
            data, headers["content-type"] = json.dumps(body), kind
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in good:
            raise Failed(f"{method} {path}: the API server answered {answer.status}: {text[:500].decode('utf-8', 'replace')}")
        return json.loads(text)

    def text(self, path: str) -> str:
        """One answer as text, such as the API server's own metrics."""
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        return answer.read().decode()


class Page:
    """A pod's HTTP port, over one kept connection; it is opened anew when the pod closes it."""

    def __init__(self, address: str, port: int):
        self.address, self.port = address, port
        self.connection = http.client.HTTPConnection(address, port, timeout=10)

    def get(self, path: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (small letters) and body."""
        for last in (False, True):
            try:
                self.connection.request("GET", path, headers={"host": host} if host else {})
                answer = self.connection.getresponse()
                headers = {name.lower(): value for name, value in answer.getheaders()}
                return answer.status, headers, answer.read()
            except (http.client.HTTPException, OSError) as error:
                self.connection.close()
                if last:
                    raise Failed(f"{self.address}:{self.port} does not answer: {error}") from error
        raise AssertionError("two tries, and one of them answers or fails")


def samples(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """All series of a metric on a page of the text format, with their labels."""
    found = []
    for line in text.splitlines():
        series, _, value = line.partition(" # ")[0].rpartition(" ")
        stem, _, labels = series.partition("{")
        if stem == name:
            parts = [part.partition("=") for part in labels.rstrip("}").split(",") if part]
            found.append(({key: text.strip('"') for key, _, text in parts}, float(value)))
    return found


def total(text: str, name: str, **labels: str) -> float:
    """The sum of the series with these labels."""
    return sum(value for own, value in samples(text, name) if labels.items() <= own.items())
