{{/*
The Collector's config: what is received, what is done with it, where it goes. One text for the cluster and, with other values, for the configs
in otel-collector/: addresses come from variables that the pod sets, with those of one machine as their defaults.
*/}}

{{- define "clearway.otelCollector.listen" -}}
{{- .Values.otelCollector.listenAddress | default "${env:POD_IP:-127.0.0.1}" -}}
{{- end }}

{{- define "clearway.otelCollector.storage" -}}
${env:STORAGE_DIRECTORY:-/var/lib/otelcol}
{{- end }}

{{- define "clearway.otelCollector.extensions" -}}
health_check:
  endpoint: "{{ include "clearway.otelCollector.listen" . }}:13133"
file_storage:
  directory: {{ include "clearway.otelCollector.storage" . }}
  create_directory: true
  fsync: {{ .Values.otelCollector.queue.fsync }}
  # A file that a crash has broken is put aside, and the Collector starts.
  recreate: true
  compaction:
    on_start: true
    on_rebound: true
    cleanup_on_start: true
    directory: {{ include "clearway.otelCollector.storage" . }}
{{- end }}

{{/* Names of its own metrics end in _total and _seconds_total, as the alerts ask for them. */}}
{{- define "clearway.otelCollector.telemetry" -}}
telemetry:
  logs:
    level: {{ .Values.otelCollector.logLevel }}
    encoding: json
  metrics:
    level: detailed
    readers:
      - pull:
          exporter:
            prometheus:
              host: "{{ include "clearway.otelCollector.listen" . }}"
              port: 8888
              without_type_suffix: false
              without_units: false
              without_scope_info: true
{{- end }}

{{- define "clearway.otelCollector.baseConfig" -}}
{{- $values := .Values.otelCollector -}}
{{- $otlp := or $values.otlp.grpc $values.otlp.http -}}
{{- $listen := include "clearway.otelCollector.listen" . -}}
extensions:
  {{- include "clearway.otelCollector.extensions" . | nindent 2 }}
receivers:
  {{- if $otlp }}
  otlp:
    protocols:
      {{- if $values.otlp.grpc }}
      grpc:
        endpoint: "{{ $listen }}:4317"
        max_recv_msg_size_mib: 16
      {{- end }}
      {{- if $values.otlp.http }}
      http:
        endpoint: "{{ $listen }}:4318"
      {{- end }}
  {{- end }}
  {{- if $values.scrape.enabled }}
  prometheus:
    config:
      scrape_configs:
        {{- include "clearway.otelCollector.scrapeJobs" . | nindent 8 }}
  {{- end }}
  {{- with $values.accessLogs.files }}
  {{- include "clearway.otelCollector.fileLog" (dict "root" $ "include" . "containers" false) | nindent 2 }}
  {{- end }}
processors:
  {{- include "clearway.otelCollector.processors" . | nindent 2 }}
exporters:
  {{- include "clearway.otelCollector.exporters" . | nindent 2 }}
service:
  extensions: [health_check, file_storage]
  {{- include "clearway.otelCollector.telemetry" . | nindent 2 }}
  pipelines:
    {{- range $signal := list "traces" "metrics" "logs" }}
    {{- $receivers := list }}
    {{- if $otlp }}{{ $receivers = append $receivers "otlp" }}{{ end }}
    {{- if and (eq $signal "metrics") $values.scrape.enabled }}{{ $receivers = append $receivers "prometheus" }}{{ end }}
    {{- if and (eq $signal "logs") $values.accessLogs.files }}{{ $receivers = append $receivers "file_log" }}{{ end }}
    {{- if $receivers }}
    {{ $signal }}:
      receivers: {{ toJson $receivers }}
      processors: {{ include "clearway.otelCollector.processorsOf" (dict "root" $ "signal" $signal) }}
      exporters: {{ include "clearway.otelCollector.exportersOf" (dict "root" $ "signal" $signal) }}
    {{- end }}
    {{- end }}
{{- end }}

{{/* The config with the user's over it, as YAML. */}}
{{- define "clearway.otelCollector.config" -}}
{{- $config := include "clearway.otelCollector.baseConfig" . | fromYaml -}}
{{- with $config.Error }}{{ fail (printf "the Collector's config cannot be read: %s" .) }}{{ end -}}
{{- include "clearway.otelCollector.overlay" (list $config .Values.otelCollector.config) -}}
{{- toYaml $config -}}
{{- end }}

{{- define "clearway.otelCollector.agentConfigMerged" -}}
{{- $config := include "clearway.otelCollector.agentConfig" . | fromYaml -}}
{{- with $config.Error }}{{ fail (printf "the agent's config cannot be read: %s" .) }}{{ end -}}
{{- include "clearway.otelCollector.overlay" (list $config .Values.otelCollector.accessLogs.config) -}}
{{- toYaml $config -}}
{{- end }}
