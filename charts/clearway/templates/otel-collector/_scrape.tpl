{{/*
Scrape jobs of the Collector: pods found by label, both planes by one scheme, told apart by namespace, pod and node.
`$` is `$$` here, since the Collector expands variables before the receiver reads them.
*/}}

{{/* The name of a pod's label as service discovery writes it. */}}
{{- define "clearway.otelCollector.meta" -}}
{{- regexReplaceAll "[^a-zA-Z0-9_]" . "_" -}}
{{- end }}

{{- define "clearway.otelCollector.scrapeJobs" -}}
{{- $scrape := .Values.otelCollector.scrape }}
{{- if $scrape.kubernetes }}
{{- range $plane := list $scrape.dataplane $scrape.controlplane }}
{{- if $plane.enabled }}
{{- include "clearway.otelCollector.podJob" (dict "root" $ "plane" $plane) }}
{{- end }}
{{- end }}
{{- if $.Values.otelCollector.accessLogs.enabled }}
{{- include "clearway.otelCollector.agentJob" $ }}
{{- end }}
{{- end }}
{{- if $scrape.staticTargets }}
- job_name: clearway-static
  {{- include "clearway.otelCollector.scrapeSettings" $ | nindent 2 }}
  static_configs:
    - targets:
        {{- toYaml $scrape.staticTargets | nindent 8 }}
  {{- with $scrape.metricRelabelings }}
  metric_relabel_configs:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if $scrape.self }}
- job_name: {{ include "clearway.otelCollector" $ }}
  scrape_interval: {{ $scrape.interval }}
  scrape_timeout: {{ $scrape.timeout }}
  static_configs:
    - targets: ["{{ include "clearway.otelCollector.listen" $ }}:8888"]
      labels:
        namespace: ${env:POD_NAMESPACE:-}
        pod: ${env:POD_NAME:-}
        node: ${env:NODE_NAME:-}
{{- end }}
{{- end }}

{{/* What all jobs of gateways share. The gateway's own labels win over those of the target. */}}
{{- define "clearway.otelCollector.scrapeSettings" -}}
{{- $scrape := .Values.otelCollector.scrape -}}
honor_labels: true
scrape_interval: {{ $scrape.interval }}
scrape_timeout: {{ $scrape.timeout }}
{{- if $scrape.nativeHistograms }}
scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0, PrometheusText0.0.4]
scrape_native_histograms: true
always_scrape_classic_histograms: true
{{- else }}
scrape_protocols: [OpenMetricsText1.0.0, PrometheusText0.0.4]
{{- end }}
{{- end }}

{{/* A pod has a target for each of its ports; all become one, since the annotation says the port. */}}
{{- define "clearway.otelCollector.podJob" }}
- job_name: {{ .plane.jobName }}
  {{- include "clearway.otelCollector.scrapeSettings" .root | nindent 2 }}
  {{- include "clearway.otelCollector.discovery" .root.Values.otelCollector.scrape.namespaces | nindent 2 }}
  relabel_configs:
    - action: keep
      source_labels: [__meta_kubernetes_pod_label_{{ include "clearway.otelCollector.meta" .plane.label.key }}]
      regex: {{ .plane.label.value | replace "$" "$$" | quote }}
    - action: keep
      source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
      regex: "true"
    {{- include "clearway.otelCollector.podRelabelings" .root | nindent 4 }}
  {{- with .root.Values.otelCollector.scrape.metricRelabelings }}
  metric_relabel_configs:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The agents that read access logs: their own metrics. */}}
{{- define "clearway.otelCollector.agentJob" }}
- job_name: {{ include "clearway.otelCollector.agentName" . }}
  scrape_interval: {{ .Values.otelCollector.scrape.interval }}
  scrape_timeout: {{ .Values.otelCollector.scrape.timeout }}
  {{- include "clearway.otelCollector.discovery" (list .Release.Namespace) | nindent 2 }}
  relabel_configs:
    - action: keep
      source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_instance, __meta_kubernetes_pod_label_app_kubernetes_io_component]
      regex: {{ printf "%s;otel-agent" .Release.Name | quote }}
    {{- include "clearway.otelCollector.podRelabelings" . | nindent 4 }}
{{- end }}

{{- define "clearway.otelCollector.discovery" -}}
kubernetes_sd_configs:
  - role: pod
    {{- with . }}
    namespaces:
      names:
        {{- toYaml . | nindent 8 }}
    {{- end }}
{{- end }}

{{- define "clearway.otelCollector.podRelabelings" -}}
{{- $labels := .Values.otelCollector.scrape.podLabels -}}
- action: drop
  source_labels: [__meta_kubernetes_pod_phase]
  regex: Pending|Succeeded|Failed|Unknown
- action: replace
  source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
  regex: (.+)
  target_label: __metrics_path__
- action: replace
  source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port]
  regex: ([^:]+);(\d+)
  replacement: $$1:$$2
  target_label: __address__
- action: replace
  source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port]
  regex: (.*:.*);(\d+)
  replacement: "[$$1]:$$2"
  target_label: __address__
{{- if $labels.all }}
- action: labelmap
  regex: __meta_kubernetes_pod_label_(.+)
{{- else if $labels.allow }}
{{- $names := list }}
{{- range $labels.allow }}
{{- $names = append $names (include "clearway.otelCollector.meta" .) }}
{{- end }}
- action: labelmap
  regex: __meta_kubernetes_pod_label_({{ join "|" $names }})
{{- end }}
- action: replace
  source_labels: [__meta_kubernetes_namespace]
  target_label: namespace
- action: replace
  source_labels: [__meta_kubernetes_pod_name]
  target_label: pod
- action: replace
  source_labels: [__meta_kubernetes_pod_node_name]
  target_label: node
{{- end }}
