{{/*
Access logs: the receiver that reads Clearway's JSON lines, from the files of containers or from a file, and the config of the agent.
The body of a record stays the whole line; time, severity and trace come from it, and the fields that the values name.
*/}}

{{- define "clearway.otelCollector.fileLog" -}}
{{- $logs := .root.Values.otelCollector.accessLogs -}}
file_log:
  include:
    {{- toYaml .include | nindent 4 }}
  # From the beginning: offsets are kept, so nothing is read twice, and the first lines of a new pod are not missed.
  start_at: beginning
  include_file_name: false
  include_file_path: {{ .containers }}
  storage: file_storage
  # The file waits when the pipeline cannot take more.
  retry_on_failure:
    enabled: true
    max_elapsed_time: 0s
  operators:
    {{- if .containers }}
    - id: container
      type: container
    {{- if not $logs.processLogs }}
    # The process's own log is on standard error.
    - id: only_stdout
      type: filter
      expr: 'attributes["log.iostream"] == "stderr"'
    {{- end }}
    {{- end }}
    - id: line
      type: json_parser
      if: 'body matches "^\\{.*\"event\":\"gateway\\.http\\.access\""'
      parse_ints: true
      timestamp:
        parse_from: attributes.timestamp
        layout_type: gotime
        layout: "2006-01-02T15:04:05.999999999Z07:00"
      severity:
        parse_from: attributes.level
      trace:
        trace_id: {parse_from: attributes.trace_id}
        span_id: {parse_from: attributes.span_id}
        trace_flags: {parse_from: attributes.trace_flags}
    - id: fields
      type: retain
      fields:
        {{- range prepend $logs.attributes "event" | uniq }}
        - attributes.{{ . }}
        {{- end }}
{{- end }}

{{/* The config of an agent: files of containers in, OTLP to the Collector out. */}}
{{- define "clearway.otelCollector.agentConfig" -}}
{{- $values := .Values.otelCollector -}}
{{- $logs := $values.accessLogs -}}
{{- $include := $logs.include | default (list (printf "/var/log/pods/%s_%s-dataplane-*/dataplane/*.log" .Release.Namespace .Release.Name)) -}}
extensions:
  {{- include "clearway.otelCollector.extensions" . | nindent 2 }}
receivers:
  {{- include "clearway.otelCollector.fileLog" (dict "root" . "include" $include "containers" true) | nindent 2 }}
processors:
  {{- include "clearway.otelCollector.memoryLimiter" $values.memoryLimiter | nindent 2 }}
exporters:
  otlp_grpc:
    endpoint: {{ include "clearway.otelCollector.address" . }}
    tls:
      insecure: true
    {{- include "clearway.otelCollector.queue" (dict "queue" (merge (dict "disk" true "bytes" $logs.queueBytes) $values.queue) "consumers" $values.queue.consumers) | nindent 4 }}
service:
  extensions: [health_check, file_storage]
  {{- include "clearway.otelCollector.telemetry" . | nindent 2 }}
  pipelines:
    logs:
      receivers: [file_log]
      processors: [memory_limiter]
      exporters: [otlp_grpc]
{{- end }}
