"""The peers' configurations: nginx, HAProxy, Envoy; and the backend, which is nginx too.

Each has one worker or thread, keep-alive on both sides, and no limit on requests per connection, as
Clearway has none. Beyond that they run with their defaults.
"""

import json

from .site import BODY, Launch, Site

NGINX = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  keepalive_requests 1000000000;
{http}
}}
"""

NGINX_PROXY = """\
  {log}
  upstream backend {{
    server 127.0.0.1:{backend};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{listen};
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Request-ID $request_id;
    }}
  }}
"""

NGINX_JSON = """\
log_format json escape=json '{{"time":"$time_iso8601","method":"$request_method","host":"$host","path":"$uri",'
    '"protocol":"$server_protocol","status":$status,"request_bytes":$request_length,"response_bytes":$bytes_sent,'
    '"duration":$request_time,"client":"$remote_addr","upstream":"$upstream_addr","upstream_status":"$upstream_status",'
    '"upstream_connect":"$upstream_connect_time","upstream_header":"$upstream_header_time",'
    '"upstream_response":"$upstream_response_time","user_agent":"$http_user_agent","request_id":"$request_id"}}';
  access_log {path} json;"""

BACKEND = """\
  access_log off;
  default_type text/plain;
  server {{
    listen 127.0.0.1:{backend};
    location / {{ return 200 "{body}"; }}
    location = /_status {{ stub_status; }}
  }}
"""

HAPROXY = """\
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend bench
  bind 127.0.0.1:{listen}
  default_backend backend
backend backend
  option forwardfor
  server one 127.0.0.1:{backend}
"""


def backend(site: Site) -> Launch:
    """The one backend of every contender: 128 bytes from memory, and its own counters."""
    http = BACKEND.format(backend=site.backend, body=BODY)
    conf = site.write("backend.conf", NGINX.format(dir=site.dir, http=http))
    argv = [site.programs["nginx"], "-p", site.dir, "-e", site.path("error.log"), "-c", conf]
    return Launch(argv, ready=f"http://127.0.0.1:{site.backend}/_status")


def nginx(site: Site, telemetry: bool) -> Launch:
    """Without a log, or with a JSON log to a file."""
    path = site.path("access.log") if telemetry else None
    log = NGINX_JSON.format(path=path) if telemetry else "access_log off;"
    http = NGINX_PROXY.format(log=log, backend=site.backend, listen=site.listen)
    conf = site.write("nginx.conf", NGINX.format(dir=site.dir, http=http))
    argv = [site.programs["nginx"], "-p", site.dir, "-e", site.path("error.log"), "-c", conf]
    return Launch(argv, log=path)


def haproxy(site: Site) -> Launch:
    """Without a log."""
    conf = site.write("haproxy.cfg", HAPROXY.format(backend=site.backend, listen=site.listen))
    return Launch([site.programs["haproxy"], "-db", "-f", conf])


def socket_address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def envoy_cluster(name: str, port: int) -> dict:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(port)}}]}],
        },
    }


ENVOY_LOG = {
    "time": "%START_TIME%", "method": "%REQ(:METHOD)%", "host": "%REQ(:AUTHORITY)%", "path": "%REQ(:PATH)%",
    "protocol": "%PROTOCOL%", "status": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%",
    "request_bytes": "%BYTES_RECEIVED%", "response_bytes": "%BYTES_SENT%", "duration": "%DURATION%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS%", "upstream": "%UPSTREAM_HOST%", "route": "%ROUTE_NAME%",
    "upstream_response": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%", "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%", "trace_id": "%TRACE_ID%",
}


def envoy_telemetry(site: Site, log: str) -> dict:
    """JSON access log to a file and OpenTelemetry tracing of 1 % over OTLP/HTTP."""
    kinds = "type.googleapis.com/envoy."
    return {
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": f"{kinds}extensions.access_loggers.file.v3.FileAccessLog",
                "path": log,
                "log_format": {"json_format": ENVOY_LOG},
            },
        }],
        "tracing": {
            "random_sampling": {"value": 1.0},
            "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": {
                    "@type": f"{kinds}config.trace.v3.OpenTelemetryConfig",
                    "service_name": "bench",
                    "http_service": {"http_uri": {
                        "uri": f"http://127.0.0.1:{site.sink}/v1/traces", "cluster": "sink", "timeout": "5s",
                    }},
                },
            },
        },
    }


COUNTER = 'envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="bench"}'


def envoy(site: Site, telemetry: bool) -> Launch:
    """Bare, or with its log, its tracing and its statistics scraped."""
    log = site.path("access.log") if telemetry else None
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {"virtual_hosts": [{
            "name": "bench", "domains": ["*"],
            "routes": [{"name": "bench", "match": {"prefix": "/"}, "route": {"cluster": "backend"}}],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
        **(envoy_telemetry(site, log) if log else {}),
    }
    config = {
        "admin": {"address": socket_address(site.admin)},
        "static_resources": {
            "listeners": [{
                "name": "bench", "address": socket_address(site.listen),
                "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
                }]}],
            }],
            "clusters": [envoy_cluster("backend", site.backend), envoy_cluster("sink", site.sink)],
        },
    }
    conf = site.write("envoy.json", json.dumps(config, indent=1))
    admin = f"http://127.0.0.1:{site.admin}"
    argv = [site.programs["envoy"], "-c", conf, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"]
    return Launch(
        argv, ready=f"{admin}/ready", scrape=f"{admin}/stats/prometheus" if telemetry else None,
        log=log, traces=telemetry, counter=COUNTER if telemetry else None,
    )
