// Pins the Prometheus Operator: its CRDs, which a test installs in a real API server. Nothing of it is compiled.
module clearway/tests/tools/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
