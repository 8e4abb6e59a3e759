{{/*
Exporters of the Collector. Each has its queue, on disk when the values say so, with the batching inside it: a record is taken out of the
queue only when the backend has taken it. No batch processor, which would say yes to the sender before anything is sent.
*/}}

{{/* The exporters of a signal, as a list. */}}
{{- define "clearway.otelCollector.exportersOf" -}}
{{- $exporters := .root.Values.otelCollector.exporters -}}
{{- $names := list -}}
{{- if and $exporters.otlp.enabled (has .signal $exporters.otlp.signals) -}}
{{- $names = append $names (printf "otlp_%s" $exporters.otlp.protocol) -}}
{{- end -}}
{{- if and (eq .signal "metrics") $exporters.prometheus.enabled -}}
{{- $names = append $names (eq $exporters.prometheus.mode "otlp" | ternary "otlp_http/prometheus" "prometheus_remote_write") -}}
{{- end -}}
{{- if and (eq .signal "logs") $exporters.loki.enabled -}}
{{- $names = append $names "otlp_http/loki" -}}
{{- end -}}
{{- $names | default (list "debug") | toJson -}}
{{- end }}

{{- define "clearway.otelCollector.exporters" -}}
{{- $exporters := .Values.otelCollector.exporters -}}
{{- if has "debug" (concat (include "clearway.otelCollector.exportersOf" (dict "root" . "signal" "traces") | fromJsonArray)
  (include "clearway.otelCollector.exportersOf" (dict "root" . "signal" "metrics") | fromJsonArray)
  (include "clearway.otelCollector.exportersOf" (dict "root" . "signal" "logs") | fromJsonArray)) }}
# A signal that no exporter takes: counted in the Collector's log, and gone.
debug:
  verbosity: basic
{{- end }}
{{- with $exporters.otlp }}
{{- if .enabled }}
otlp_{{ .protocol }}:
  endpoint: {{ required "otelCollector.exporters.otlp.endpoint is empty: name where OTLP goes, host:port for grpc, a URL for http" .endpoint | quote }}
  compression: {{ .compression }}
  {{- include "clearway.otelCollector.client" . | nindent 2 }}
  {{- include "clearway.otelCollector.queue" (dict "queue" $.Values.otelCollector.queue "consumers" $.Values.otelCollector.queue.consumers) | nindent 2 }}
{{- end }}
{{- end }}
{{- with $exporters.prometheus }}
{{- if .enabled }}
{{- $endpoint := required "otelCollector.exporters.prometheus.endpoint is empty: name Prometheus, such as http://prometheus:9090/api/v1/otlp (mode otlp) or http://prometheus:9090/api/v1/write (mode remoteWrite)" .endpoint }}
{{- if eq .mode "otlp" }}
otlp_http/prometheus:
  endpoint: {{ $endpoint | quote }}
  {{- include "clearway.otelCollector.client" . | nindent 2 }}
  # One at a time: Prometheus wants the samples of a series in their order.
  {{- include "clearway.otelCollector.queue" (dict "queue" $.Values.otelCollector.queue "consumers" 1) | nindent 2 }}
{{- else }}
# It knows no sending_queue: what waits is in memory.
prometheus_remote_write:
  endpoint: {{ $endpoint | quote }}
  {{- include "clearway.otelCollector.client" . | nindent 2 }}
  max_batch_request_parallelism: 1
  disable_scope_info: true
  remote_write_queue:
    enabled: true
    queue_size: 10000
    num_consumers: 1
  retry_on_failure:
    enabled: true
    max_elapsed_time: 0s
{{- end }}
{{- end }}
{{- end }}
{{- with $exporters.loki }}
{{- if .enabled }}
otlp_http/loki:
  endpoint: {{ required "otelCollector.exporters.loki.endpoint is empty: name Loki, such as http://loki:3100/otlp" .endpoint | quote }}
  {{- include "clearway.otelCollector.client" . | nindent 2 }}
  {{- include "clearway.otelCollector.queue" (dict "queue" $.Values.otelCollector.queue "consumers" $.Values.otelCollector.queue.consumers) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "clearway.otelCollector.client" -}}
{{- with .headers }}
headers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tls }}
tls:
  {{- if hasKey . "insecure" }}
  insecure: {{ .insecure }}
  {{- end }}
  insecure_skip_verify: {{ .insecureSkipVerify }}
  {{- with .caFile }}
  ca_file: {{ . | quote }}
  {{- end }}
  {{- with .certFile }}
  cert_file: {{ . | quote }}
  {{- end }}
  {{- with .keyFile }}
  key_file: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Bytes, since receivers of gRPC refuse what is larger than 4 MiB, and a disk has so many. */}}
{{- define "clearway.otelCollector.queue" -}}
sending_queue:
  enabled: true
  sizer: bytes
  queue_size: {{ int64 .queue.bytes }}
  num_consumers: {{ .consumers }}
  {{- if .queue.disk }}
  storage: file_storage
  {{- end }}
  batch:
    sizer: bytes
    flush_timeout: {{ .queue.batch.flushTimeout }}
    min_size: {{ int64 .queue.batch.minBytes }}
    max_size: {{ int64 .queue.batch.maxBytes }}
retry_on_failure:
  enabled: true
  initial_interval: 1s
  max_interval: 30s
  # Never given up: the queue's size is the only limit.
  max_elapsed_time: 0s
{{- end }}
