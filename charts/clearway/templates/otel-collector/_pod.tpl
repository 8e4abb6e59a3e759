{{/*
What the pods of the Collector and of its agents have in common.
*/}}

{{/* Arguments, variables, ports and probes of a container. */}}
{{- define "clearway.otelCollector.container" -}}
image: {{ include "clearway.otelCollector.image" .root }}
imagePullPolicy: {{ .root.Values.otelCollector.image.pullPolicy }}
args: [--config=/etc/otelcol/config.yaml]
env:
  - name: POD_IP
    valueFrom: {fieldRef: {fieldPath: status.podIP}}
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  - name: POD_NAMESPACE
    valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
  - name: NODE_NAME
    valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
  {{- with include "clearway.otelCollector.goMemoryLimit" .resources }}
  - name: GOMEMLIMIT
    value: {{ . }}
  {{- end }}
  {{- with .root.Values.otelCollector.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.otelCollector.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
startupProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 10
readinessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 5
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end }}

{{- define "clearway.otelCollector.podAnnotations" -}}
checksum/config: {{ .config | sha256sum }}
prometheus.io/scrape: "true"
prometheus.io/port: "8888"
prometheus.io/path: /metrics
{{- with .root.Values.otelCollector.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
