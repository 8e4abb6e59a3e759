{{/* What a schema cannot say, and what the cluster must have. `validate.yaml` calls it; each failure says what to do. */}}

{{/* A cluster answers, and not only `helm template`: its discovery has an API that Helm's built-in list lacks. */}}
{{- define "clearway.hasCluster" -}}
{{- if .Capabilities.APIVersions.Has "apiregistration.k8s.io/v1/APIService" }}yes{{ end -}}
{{- end }}

{{- define "clearway.checks" -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$" .Release.Name) }}
{{- fail (printf "The release '%s' cannot be the beginning of names: small letters, digits and '-', at most 40, a letter first." .Release.Name) }}
{{- end }}
{{- include "clearway.checkValues" . }}
{{- if (.Values.otelCollector).enabled }}{{ include "clearway.otelCollector.checks" . }}{{ end }}
{{- if include "clearway.hasCluster" . }}{{ include "clearway.checkCluster" . }}{{ end }}
{{- end }}

{{- define "clearway.checkValues" -}}
{{- $v := .Values }}
{{- if eq $v.xds.certificates "provided" }}
{{- if or (not $v.xds.serverSecret) (not $v.xds.clientSecret) }}
{{- fail "xds.certificates is 'provided': give xds.serverSecret and xds.clientSecret, or set it to 'generated'." }}
{{- end }}
{{- else if or $v.xds.serverSecret $v.xds.clientSecret }}
{{- fail "xds.serverSecret and xds.clientSecret are read only with xds.certificates: provided." }}
{{- end }}
{{- $drain := add (int $v.dataplane.drain.delaySeconds) (int $v.dataplane.drain.timeoutSeconds) 5 }}
{{- if lt (int $v.dataplane.terminationGracePeriodSeconds) (int $drain) }}
{{- fail (printf "dataplane.terminationGracePeriodSeconds is %d: the kubelet would kill a pod that still drains. Give at least %d: drain.delaySeconds + drain.timeoutSeconds + 5." (int $v.dataplane.terminationGracePeriodSeconds) $drain) }}
{{- end }}
{{- if gt (int $v.dataplane.autoscaling.minReplicas) (int $v.dataplane.autoscaling.maxReplicas) }}
{{- fail "dataplane.autoscaling.minReplicas is more than maxReplicas." }}
{{- end }}
{{- if and $v.observability.otlp.headers $v.observability.otlp.headersSecret.name }}
{{- fail "observability.otlp has headers and headersSecret: put all of them into the Secret, or none." }}
{{- end }}
{{- range $name, $value := $v.observability.otlp.headers }}
{{- if contains "," $value }}{{ fail (printf "observability.otlp.headers.%s has a comma, which divides headers: a comma cannot be sent." $name) }}{{ end }}
{{- end }}
{{- range $kind := list "serviceMonitor" "podMonitor" }}
{{- $monitor := get $v $kind }}
{{- if gt (int (include "clearway.milliseconds" $monitor.scrapeTimeout)) (int (include "clearway.milliseconds" $monitor.interval)) }}
{{- fail (printf "%s.scrapeTimeout (%s) is longer than %s.interval (%s): Prometheus refuses such a job." $kind $monitor.scrapeTimeout $kind $monitor.interval) }}
{{- end }}
{{- end }}
{{- if and $v.podMonitor.enabled (or $v.serviceMonitor.enabled $v.controlplane.serviceMonitor.enabled $v.dataplane.serviceMonitor.enabled) }}
{{- fail "podMonitor and serviceMonitor are both enabled: every series would be there twice, and sums of them double. Enable one." }}
{{- end }}
{{- end }}

{{- define "clearway.checkCluster" -}}
{{- $apis := .Capabilities.APIVersions }}
{{- if and .Values.gatewayApi.requireCrds (not ($apis.Has "gateway.networking.k8s.io/v1/GatewayClass")) }}
{{- fail "The cluster has no Gateway API (gateway.networking.k8s.io/v1). Install its CRDs first, with the experimental channel for all kinds:\n  kubectl apply --server-side -f https://github.com/kubernetes-sigs/gateway-api/releases/latest/download/experimental-install.yaml\nor set gatewayApi.requireCrds=false and gatewayClass.create=false." }}
{{- end }}
{{- $v := .Values }}
{{- $wanted := dict
  "ServiceMonitor" (or $v.serviceMonitor.enabled $v.controlplane.serviceMonitor.enabled $v.dataplane.serviceMonitor.enabled (and $v.otelCollector.enabled $v.otelCollector.serviceMonitor.enabled))
  "PodMonitor" $v.podMonitor.enabled
  "PrometheusRule" $v.prometheusRule.enabled }}
{{- range $kind, $enabled := $wanted }}
{{- if and $enabled (not ($apis.Has (printf "monitoring.coreos.com/v1/%s" $kind))) }}
{{- fail (printf "%s is enabled, and the cluster has no monitoring.coreos.com/v1 %s. Install the Prometheus Operator's CRDs first, or disable it." (untitle $kind) $kind) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A duration of Prometheus as milliseconds: 1m30s -> 90000. */}}
{{- define "clearway.milliseconds" -}}
{{- $total := 0 -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 -}}
{{- range regexFindAll "[0-9]+(ms|[ywdhms])" . -1 -}}
{{- $total = add $total (mul (regexFind "^[0-9]+" .) (get $units (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $total -}}
{{- end }}
