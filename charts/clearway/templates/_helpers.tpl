{{/* Names, labels, and what both planes have in common. Every name begins with the release: the operator surface. */}}

{{- define "clearway.controlplane" -}}{{ .Release.Name }}-controlplane{{- end }}
{{- define "clearway.dataplane" -}}{{ .Release.Name }}-dataplane{{- end }}
{{/* The chart's own Collector: its Service, where spans go when it is enabled and no other endpoint is given. */}}
{{- define "clearway.otelCollector" -}}{{ .Release.Name }}-otel-collector{{- end }}

{{- define "clearway.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* Labels of an object: (dict "context" $ "component" "controlplane"); without a component for what belongs to the whole release. */}}
{{- define "clearway.labels" -}}
app.kubernetes.io/name: clearway
app.kubernetes.io/instance: {{ .context.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
helm.sh/chart: {{ .context.Chart.Name }}-{{ .context.Chart.Version }}
{{- with .context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that select the pods of a component, as the control plane selects its fleet. They never change: Deployments refuse it. */}}
{{- define "clearway.selector" -}}
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "clearway.podLabels" -}}
app.kubernetes.io/name: clearway
{{ include "clearway.selector" . }}
{{- with .context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Annotations that tell an annotation-driven scraper where to go: (dict "context" $ "port" 19080). */}}
{{- define "clearway.scrapeAnnotations" -}}
{{- if .context.Values.observability.metrics.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- end }}

{{- define "clearway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "clearway.containerSecurity" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end }}

{{/* Variables of the downward API that both planes read, the collector's headers, and what the user adds. */}}
{{- define "clearway.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{- with .context.Values.observability.otlp }}
{{- if .headersSecret.name }}
- name: CLEARWAY_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ .headersSecret.name }}, key: {{ .headersSecret.key }}}}
{{- else if .headers }}
- name: CLEARWAY_OTLP_HEADERS
  value: {{ include "clearway.pairs" .headers | quote }}
{{- end }}
{{- if .resourceAttributes }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ include "clearway.pairs" .resourceAttributes | quote }}
{{- end }}
{{- end }}
{{- with .plane.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A map as name=value with commas between. */}}
{{- define "clearway.pairs" -}}
{{- $pairs := list -}}
{{- range $name, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $name $value) }}{{ end -}}
{{- join "," $pairs -}}
{{- end }}

{{/* Where spans go: as configured, else to the chart's own Collector, else nowhere. */}}
{{- define "clearway.tracesEndpoint" -}}
{{- if .Values.observability.otlp.tracesEndpoint -}}
{{ .Values.observability.otlp.tracesEndpoint }}
{{- else if (.Values.otelCollector).enabled -}}
http://{{ include "clearway.otelCollector" . }}.{{ .Release.Namespace }}.svc:4317
{{- end -}}
{{- end }}

{{/* Flags that both planes have: log, trust, the admin token, the way to the collector. */}}
{{- define "clearway.args" -}}
- --release={{ .context.Release.Name }}
- --log-level={{ .context.Values.log.level }}
- --log-format={{ .context.Values.log.format }}
- --forwarded-trust={{ .context.Values.trust.forwarded }}
- --trace-trust={{ .context.Values.trust.trace }}
{{- if .context.Values.admin.tokenSecret.name }}
- --admin-token-file=/var/run/clearway/admin/{{ .context.Values.admin.tokenSecret.key }}
{{- end }}
{{- with .context.Values.observability.otlp }}
{{- $endpoint := include "clearway.tracesEndpoint" $.context }}
{{- if $endpoint }}
- --otlp-traces-endpoint={{ $endpoint }}
- --otlp-traces-protocol={{ if .tracesEndpoint }}{{ .tracesProtocol }}{{ else }}grpc{{ end }}
- --trace-sample-ratio={{ $.ratio }}
{{- end }}
{{- if or $endpoint (and .logsEndpoint (eq $.component "dataplane")) }}
- --otlp-timeout={{ .timeout }}
- --otlp-queue={{ int64 .queue }}
{{- if .ca.name }}
- --otlp-ca-file=/var/run/clearway/otlp-ca/{{ .ca.key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Flags as the user names them; whole numbers stay whole. */}}
{{- define "clearway.settings" -}}
{{- range $name, $value := . }}
- {{ printf "--%s=%s" $name (include "clearway.scalar" $value) | quote }}
{{- end }}
{{- end }}

{{/* A number, text or truth as text: 1209600 and not 1.2096e+06. */}}
{{- define "clearway.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{- define "clearway.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: {{ .startupProbe.periodSeconds }}
  failureThreshold: {{ .startupProbe.failureThreshold }}
livenessProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 1
{{- end }}

{{/* What both planes have mounted, and what they may have. */}}
{{- define "clearway.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.admin.tokenSecret.name }}
- {name: admin-token, mountPath: /var/run/clearway/admin, readOnly: true}
{{- end }}
{{- if .Values.observability.otlp.ca.name }}
- {name: otlp-ca, mountPath: /var/run/clearway/otlp-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "clearway.volumes" -}}
# The CPU profiler writes its samples there: the root file system is read-only.
- name: tmp
  emptyDir: {}
{{- if .Values.admin.tokenSecret.name }}
- name: admin-token
  secret: {secretName: {{ .Values.admin.tokenSecret.name }}, defaultMode: 0440}
{{- end }}
{{- with .Values.observability.otlp.ca }}
{{- if .name }}
- name: otlp-ca
  {{- if eq .kind "Secret" }}
  secret: {secretName: {{ .name }}, defaultMode: 0440}
  {{- else }}
  configMap: {name: {{ .name }}}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where a plane's pods may run. */}}
{{- define "clearway.scheduling" -}}
{{- with .context.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .plane.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .plane.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .plane.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .plane.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .plane.topologySpreadConstraints }}
topologySpreadConstraints:
{{- range .plane.topologySpreadConstraints }}
{{- $selector := dict "matchLabels" (include "clearway.selector" $ | fromYaml) }}
  - {{ toYaml (merge (deepCopy .) (dict "labelSelector" $selector)) | nindent 4 | trim }}
{{- end }}
{{- end }}
{{- end }}

{{- define "clearway.xdsClientSecret" -}}
{{- if eq .Values.xds.certificates "provided" }}{{ .Values.xds.clientSecret }}{{ else }}{{ .Release.Name }}-xds-client{{ end -}}
{{- end }}

{{- define "clearway.cache" -}}
{{- $volume := dict -}}
{{- with .medium }}{{ $_ := set $volume "medium" . }}{{ end -}}
{{- with .sizeLimit }}{{ $_ := set $volume "sizeLimit" . }}{{ end -}}
{{ toJson $volume }}
{{- end }}

{{/* A Service of the operator surface: (dict "context" $ "component" ... "endpoint" "metrics" "name" ... "port" 18082 "target" "metrics"). */}}
{{- define "clearway.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ .context.Release.Namespace }}
  labels:
    {{- include "clearway.labels" . | nindent 4 }}
    clearway.dev/endpoint: {{ .endpoint }}
spec:
  selector: {{- include "clearway.selector" . | nindent 4 }}
  ports:
    - {name: {{ .endpoint }}, port: {{ .port }}, targetPort: {{ .target }}{{ with .protocol }}, appProtocol: {{ . }}{{ end }}}
{{- end }}

{{/* Peers of a NetworkPolicy: every pod of these namespaces. */}}
{{- define "clearway.namespaces" -}}
namespaceSelector:
  matchExpressions:
    - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
{{- end }}

{{/* What the containers of `helm test` have in common. */}}
{{- define "clearway.testContainer" -}}
image: {{ include "clearway.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 256Mi}}
securityContext: {{- include "clearway.containerSecurity" . | nindent 2 }}
{{- end }}
