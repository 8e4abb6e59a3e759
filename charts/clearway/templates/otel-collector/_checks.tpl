{{/* What a schema cannot say about the Collector; each failure says what to do. */}}
{{- define "clearway.otelCollector.checks" -}}
{{- $values := .Values.otelCollector -}}
{{- $scrape := $values.scrape -}}
{{- if gt (int (include "clearway.milliseconds" $scrape.timeout)) (int (include "clearway.milliseconds" $scrape.interval)) }}
{{- fail (printf "otelCollector.scrape.timeout (%s) is longer than otelCollector.scrape.interval (%s): the Collector refuses such a job." $scrape.timeout $scrape.interval) }}
{{- end }}
{{- if and $scrape.kubernetes $scrape.dataplane.enabled $scrape.controlplane.enabled (eq $scrape.dataplane.jobName $scrape.controlplane.jobName) }}
{{- fail (printf "otelCollector.scrape.dataplane and controlplane have the same jobName '%s': give each its own." $scrape.dataplane.jobName) }}
{{- end }}
{{- if and $scrape.enabled (not (or $scrape.self $scrape.staticTargets (and $scrape.kubernetes (or $scrape.dataplane.enabled $scrape.controlplane.enabled)))) }}
{{- fail "otelCollector.scrape.enabled is true and there is no job: enable one of them, or disable scraping." }}
{{- end }}
{{- if not (or $scrape.enabled $values.otlp.grpc $values.otlp.http $values.accessLogs.files) }}
{{- fail "The Collector would receive nothing: enable otelCollector.otlp.grpc, otelCollector.otlp.http or otelCollector.scrape." }}
{{- end }}
{{- if and $values.accessLogs.enabled (not $values.otlp.grpc) }}
{{- fail "otelCollector.accessLogs.enabled needs otelCollector.otlp.grpc: agents send their lines there." }}
{{- end }}
{{- if gt (int64 $values.queue.batch.minBytes) (int64 $values.queue.batch.maxBytes) }}
{{- fail "otelCollector.queue.batch.minBytes is more than maxBytes." }}
{{- end }}
{{- if gt (int64 $values.queue.batch.maxBytes) (int64 $values.queue.bytes) }}
{{- fail "otelCollector.queue.batch.maxBytes is more than queue.bytes: a batch would never fit into the queue." }}
{{- end }}
{{- if and $values.persistence.enabled (not $values.queue.disk) }}
{{- fail "otelCollector.persistence is enabled and otelCollector.queue.disk is false: nothing would be written to the volume. Enable queue.disk." }}
{{- end }}
{{- with $values.exporters }}
{{- range $name, $exporter := . }}
{{- $url := regexMatch "^(https?://|\\$\\{env:)" $exporter.endpoint }}
{{- $grpc := and (eq $name "otlp") (eq $exporter.protocol "grpc") }}
{{- if and $exporter.enabled $exporter.endpoint (not $url) (not $grpc) }}
{{- fail (printf "otelCollector.exporters.%s.endpoint is '%s', which is no URL: begin it with http:// or https://." $name $exporter.endpoint) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
