{{/*
Processors of the Collector: the limit of memory first, so that what is too much is refused and sent again; then what names the pod, which needs
the connection; then what hides secrets; tail sampling last.
*/}}

{{- define "clearway.otelCollector.processorsOf" -}}
{{- $values := .root.Values.otelCollector -}}
{{- $names := list "memory_limiter" -}}
{{- if eq .signal "metrics" -}}
{{- if $values.scrape.enabled -}}{{- $names = append $names "transform/names" -}}{{- end -}}
{{- else -}}
{{- if $values.k8sAttributes.enabled -}}{{- $names = append $names "k8s_attributes" -}}{{- end -}}
{{- if and $values.redaction.enabled (or $values.redaction.deleteKeys $values.redaction.valuePatterns) -}}{{- $names = append $names "transform/redact" -}}{{- end -}}
{{- end -}}
{{- if and (eq .signal "traces") $values.tailSampling.enabled -}}{{- $names = append $names "tail_sampling" -}}{{- end -}}
{{- $names | toJson -}}
{{- end }}

{{- define "clearway.otelCollector.memoryLimiter" -}}
memory_limiter:
  check_interval: 1s
  limit_percentage: {{ .limitPercentage }}
  spike_limit_percentage: {{ .spikeLimitPercentage }}
{{- end }}

{{- define "clearway.otelCollector.processors" -}}
{{- $values := .Values.otelCollector -}}
{{ include "clearway.otelCollector.memoryLimiter" $values.memoryLimiter }}
{{- if $values.k8sAttributes.enabled }}
k8s_attributes:
  auth_type: serviceAccount
  extract:
    metadata: [k8s.namespace.name, k8s.pod.name, k8s.pod.uid, k8s.node.name, k8s.deployment.name]
    {{- if or $values.k8sAttributes.podLabels $values.k8sAttributes.namespaceLabels }}
    labels:
      {{- range $attribute, $label := $values.k8sAttributes.podLabels }}
      - {tag_name: {{ $attribute | quote }}, key: {{ $label | quote }}, from: pod}
      {{- end }}
      {{- range $attribute, $label := $values.k8sAttributes.namespaceLabels }}
      - {tag_name: {{ $attribute | quote }}, key: {{ $label | quote }}, from: namespace}
      {{- end }}
    {{- end }}
  pod_association:
    - sources: [{from: resource_attribute, name: k8s.pod.uid}]
    - sources: [{from: resource_attribute, name: k8s.pod.ip}]
    - sources: [{from: connection}]
  # Agents bring the lines of others, and name their pods themselves.
  exclude:
    pods:
      - name: ^{{ include "clearway.otelCollector.agentName" . }}-[a-z0-9]+$
{{- end }}
{{- if $values.scrape.enabled }}
# The scraper takes OpenMetrics' `_info` off the names; rules and dashboards ask for it.
transform/names:
  error_mode: ignore
  metric_statements:
    - set(metric.name, Concat([metric.name, "info"], "_")) where metric.metadata["prometheus.type"] == "info" and not IsMatch(metric.name, "_info$$")
{{- end }}
{{- if and $values.redaction.enabled (or $values.redaction.deleteKeys $values.redaction.valuePatterns) }}
{{ include "clearway.otelCollector.redaction" $values.redaction }}
{{- end }}
{{- if $values.tailSampling.enabled }}
{{ include "clearway.otelCollector.tailSampling" $values.tailSampling }}
{{- end }}
{{- end }}

{{/* A text as a string of the transformation language, in a configuration where `$` begins a variable. */}}
{{- define "clearway.otelCollector.ottl" -}}
{{- . | replace "\\" "\\\\" | replace "\"" "\\\"" | replace "$" "$$" | printf "\"%s\"" -}}
{{- end }}

{{/* Clearway hides secrets itself; this is for what others send, and for what was switched on by mistake. */}}
{{- define "clearway.otelCollector.redaction" -}}
{{- $keys := include "clearway.otelCollector.ottl" .deleteKeys -}}
{{- $spans := list -}}
{{- $events := list -}}
{{- $logs := list -}}
{{- if .deleteKeys -}}
{{- range $place := list "resource" "span" -}}
{{- $spans = append $spans (printf "delete_matching_keys(%s.attributes, %s)" $place $keys) -}}
{{- end -}}
{{- $events = append $events (printf "delete_matching_keys(spanevent.attributes, %s)" $keys) -}}
{{- range $place := list "resource" "log" -}}
{{- $logs = append $logs (printf "delete_matching_keys(%s.attributes, %s)" $place $keys) -}}
{{- end -}}
{{- end -}}
{{- range .valuePatterns -}}
{{- $pattern := include "clearway.otelCollector.ottl" . -}}
{{- $spans = append $spans (printf "replace_all_patterns(span.attributes, \"value\", %s, \"REDACTED\")" $pattern) -}}
{{- $events = append $events (printf "replace_all_patterns(spanevent.attributes, \"value\", %s, \"REDACTED\")" $pattern) -}}
{{- $logs = append $logs (printf "replace_all_patterns(log.attributes, \"value\", %s, \"REDACTED\")" $pattern) -}}
{{- $logs = append $logs (printf "replace_pattern(log.body, %s, \"REDACTED\") where IsString(log.body)" $pattern) -}}
{{- end -}}
transform/redact:
  error_mode: ignore
  # Two groups: what stands with statements on events runs for each event, and not for spans that have none.
  trace_statements:
    - statements:
        {{- toYaml $spans | nindent 8 }}
    - statements:
        {{- toYaml $events | nindent 8 }}
  log_statements:
    {{- toYaml $logs | nindent 4 }}
{{- end }}

{{- define "clearway.otelCollector.tailSampling" -}}
tail_sampling:
  decision_wait: {{ .decisionWait }}
  num_traces: {{ int64 .traces }}
  # Spans that come after their trace was decided follow that decision.
  decision_cache:
    sampled_cache_size: {{ mul 4 (int64 .traces) }}
    non_sampled_cache_size: {{ mul 4 (int64 .traces) }}
  policies:
    {{- if .keepErrors }}
    - name: errors
      type: status_code
      status_code: {status_codes: [ERROR]}
    {{- end }}
    {{- if .keepSlowerThanMs }}
    - name: slow
      type: latency
      latency: {threshold_ms: {{ int64 .keepSlowerThanMs }}}
    {{- end }}
    - name: share
      type: probabilistic
      probabilistic: {sampling_percentage: {{ .percentage }}}
    {{- with .policies }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
