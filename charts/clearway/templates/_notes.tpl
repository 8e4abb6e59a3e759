{{/* What the installer should know before it goes wrong: a line for each, nothing when all is well. */}}
{{- define "clearway.warnings" -}}
{{- $v := .Values }}
{{- $operator := or $v.serviceMonitor.enabled $v.controlplane.serviceMonitor.enabled $v.dataplane.serviceMonitor.enabled $v.podMonitor.enabled }}
{{- $said := list }}
{{- if and $v.networkPolicy.enabled (not $v.networkPolicy.monitoringNamespaces) (not (($v.otelCollector).enabled)) }}
{{- $said = append $said "The NetworkPolicies let nobody outside of this namespace scrape. For a Prometheus elsewhere: networkPolicy.monitoringNamespaces=[its namespace]." }}
{{- end }}
{{- if not (or $operator (($v.otelCollector).enabled) $v.observability.metrics.scrapeAnnotations) }}
{{- $said = append $said "Nothing tells a scraper where the metrics are: serviceMonitor, podMonitor, otelCollector and the scrape annotations are all off." }}
{{- end }}
{{- if and $operator $v.observability.metrics.scrapeAnnotations }}
{{- $said = append $said "The pods have the annotations prometheus.io/scrape too: a Prometheus that follows both gets every series twice. See observability.metrics.scrapeAnnotations." }}
{{- end }}
{{- if not (include "clearway.tracesEndpoint" .) }}
{{- $said = append $said "No spans are sent: observability.otlp.tracesEndpoint is all that is needed." }}
{{- end }}
{{- if hasPrefix "https://" (include "clearway.tracesEndpoint" .) }}
{{- if not $v.observability.otlp.ca.name }}
{{- $said = append $said "The collector is reached by https, and the image has no authorities of its own: give observability.otlp.ca, or nothing arrives." }}
{{- end }}
{{- end }}
{{- if $v.otelCollector.enabled }}
{{- range $signal := list "traces" "metrics" "logs" }}
{{- if eq (include "clearway.otelCollector.exportersOf" (dict "root" $ "signal" $signal)) "[\"debug\"]" }}
{{- $said = append $said (printf "The Collector has no exporter for %s: they are counted in its log and gone. See otelCollector.exporters." $signal) }}
{{- end }}
{{- end }}
{{- if $v.otelCollector.accessLogs.enabled }}
{{- $said = append $said (printf "Agents that read access logs run as root with hostPath volumes: namespace '%s' must admit them (pod-security.kubernetes.io/enforce: privileged)." $.Release.Namespace) }}
{{- if $v.observability.otlp.logsEndpoint }}
{{- $said = append $said "Access logs go two ways, by agents and by OTLP (observability.otlp.logsEndpoint): every line comes twice." }}
{{- end }}
{{- if ne $v.observability.accessLog.output "stdout" }}
{{- $said = append $said (printf "Agents read standard output, and observability.accessLog.output is %s: they will find no lines." $v.observability.accessLog.output) }}
{{- end }}
{{- end }}
{{- end }}
{{- if not $v.observability.metrics.enabled }}
{{- $said = append $said "observability.metrics.enabled is false: most dashboards and alerts have nothing to show." }}
{{- end }}
{{- if regexMatch "debug|trace" $v.log.level }}
{{- $said = append $said (printf "log.level is %s: that is large, for short investigations only." $v.log.level) }}
{{- end }}
{{- if lt (int $v.controlplane.replicas) 2 }}
{{- $said = append $said "There is one control plane: while it is away traffic goes on and changes wait. controlplane.replicas=2 closes the gap." }}
{{- end }}
{{- if and (not $v.dataplane.autoscaling.enabled) (lt (int $v.dataplane.replicas) 2) }}
{{- $said = append $said "There is one data plane: when its node goes, nothing is served." }}
{{- end }}
{{- with $said }}

To know:
{{ range . }}
  - {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* How many series a pod has once traffic flows, by the bounds of docs/metrics.md: a histogram counts with its buckets, and of what depends on
the answers two classes of codes and three outcomes are taken to be in use. */}}
{{- define "clearway.series.dataplane" -}}
{{- $m := .Values.observability.metrics }}
{{- $codes := ternary 1 0 (and $m.enabled $m.status_code_metrics) }}
{{- $bytes := ternary 1 0 (and $m.enabled $m.bandwidth_metrics) }}
{{- $health := ternary 1 0 (and $m.enabled $m.upstream_health_metrics) }}
{{- $latency := ternary 1 0 (and $m.enabled $m.latency_metrics) }}
{{- $tcp := ternary 1 0 (and $m.enabled $m.tcp_metrics) }}
{{- $listener := add 20 (mul 107 $latency) (mul 18 $tcp) }}
{{- $rule := add (mul 6 $codes) (mul 2 $bytes) (mul 38 $latency) }}
{{- $backend := add (mul 3 $codes) (mul 19 $latency) (mul 46 $health) (mul 18 $tcp) }}
{{- $sizing := .Values.sizing }}
{{- add 200 (mul $listener (int $sizing.listeners)) (mul $rule (int $sizing.rules)) (mul $backend (int $sizing.backends)) -}}
{{- end }}

{{- define "clearway.series.controlplane" -}}
{{- add 800 (mul 3 (int .Values.sizing.listeners)) (mul 2 (int .Values.dataplane.replicas)) -}}
{{- end }}
