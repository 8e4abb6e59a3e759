{{/*
Names, labels and addresses of the optional Collector. Its config is in _config.tpl, _scrape.tpl, _exporters.tpl, _processors.tpl and _access_logs.tpl.
*/}}

{{- define "clearway.otelCollector.agentName" -}}
{{- printf "%s-otel-agent" .Release.Name -}}
{{- end }}

{{/* Where planes and agents send OTLP by gRPC: host and port. */}}
{{- define "clearway.otelCollector.address" -}}
{{- printf "%s.%s.svc:4317" (include "clearway.otelCollector" .) .Release.Namespace -}}
{{- end }}

{{- define "clearway.otelCollector.serviceAccount" -}}
{{- .Values.otelCollector.serviceAccount.name | default (include "clearway.otelCollector" .) -}}
{{- end }}

{{- define "clearway.otelCollector.image" -}}
{{- $image := .Values.otelCollector.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository $image.tag -}}
{{- end -}}
{{- end }}

{{/* Go's own limit: four fifths of the container's, as MiB; nothing when there is none or its unit is unusual. */}}
{{- define "clearway.otelCollector.goMemoryLimit" -}}
{{- $limit := dig "limits" "memory" "" . | toString -}}
{{- if regexMatch "^[0-9]+Gi$" $limit -}}
{{- printf "%dMiB" (div (mul (trimSuffix "Gi" $limit | int64) 1024 8) 10) -}}
{{- else if regexMatch "^[0-9]+Mi$" $limit -}}
{{- printf "%dMiB" (div (mul (trimSuffix "Mi" $limit | int64) 8) 10) -}}
{{- end -}}
{{- end }}

{{/*
Lays the second map over the first, in place: maps are merged, all else replaces what was there (lists too), null removes it.
*/}}
{{- define "clearway.otelCollector.overlay" -}}
{{- $base := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $base $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $base $key)) -}}
{{- include "clearway.otelCollector.overlay" (list (get $base $key) $value) -}}
{{- else -}}
{{- $_ := set $base $key $value -}}
{{- end -}}
{{- end -}}
{{- end }}
