# shellcheck shell=bash
# Rendering for the tests of the Collector. Sourced; changes nothing.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
chart=$root/charts/clearway

# The path of a tool: CLEARWAY_<NAME> wins over the installed one.
tool() {
  local variable=CLEARWAY_${1^^}
  if [[ -n ${!variable:-} ]]; then printf '%s\n' "${!variable}"; else "$root/tests/tools/path" "$1"; fi
}

# render HELM OPTIONS...: the whole chart, as release and namespace nantian-gw.
render() { "$1" template nantian-gw "$chart" --namespace nantian-gw "${@:2}"; }

# Of the manifests on standard input those that come from the Collector's templates; without empty lines, which the Helms set differently.
of_collector() { awk '!NF {next} /^---/ {keep = 0; next} /^# Source: / {keep = /otel-collector\//; if (keep) print "---"} keep'; }

# config_of OBJECT: the config in the ConfigMap of that name, from manifests on standard input.
config_of() {
  awk -v name="$1" '
    /^---/ {mine = inside = map = 0}
    /^kind: ConfigMap/ {map = 1}
    map && /^  name: / {mine = $2 == name}
    mine && inside && /^    / {print substr($0, 5)}
    /^  config.yaml: / {inside = 1}'
}
