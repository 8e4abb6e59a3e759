# shellcheck shell=bash
# shellcheck disable=SC2034  # the scripts that source this use the names
# Names, places and small helpers that every script of tests/cluster shares. Sourced; starts and changes nothing.
# Always holds: one cluster = one name = one network namespace and one work folder, so clusters do not meet.

cluster_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root_dir=$(cd "$cluster_dir/../.." && pwd)
tools_dir=$root_dir/tests/tools
started=$SECONDS
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# Where: own (started here, the default), kind, or existing (the cluster that KUBECONFIG names). `existing` is never
# guessed from KUBECONFIG: nobody wants test objects in whatever cluster the shell happens to point at.
mode=${CLUSTER:-own}
name=${CLEARWAY_CLUSTER:-clearway}
clusters=${CLEARWAY_CLUSTERS:-/tmp/clearway-clusters}

# The node's addresses. All of them exist in the cluster's network namespace only, so clusters share them.
node=node-1
node_ip=10.244.0.1
pod_range=10.244.0.0/16
service_range=10.96.0.0/16
dns_ip=10.96.0.10
api_port=6443
# LoadBalancer addresses: given from the first, static ones from both. 192.0.2.0/24 is for documentation (RFC 5737):
# never in the range, so a Service that asks for it stays without an address.
given_range=10.250.0.0/17
static_range=10.250.128.0/17
usable_address=${CLEARWAY_USABLE_ADDRESS:-10.250.200.1}
unusable_address=${CLEARWAY_UNUSABLE_ADDRESS:-192.0.2.1}

# Where tests/conformance/run starts a collector: pods reach the node's address, and nothing else listens there.
collector_address=$node_ip:4317

image=${CLEARWAY_IMAGE:-localhost/clearway:dev}

say() { printf '[%4ds] %s\n' $((SECONDS - started)) "$*" >&2; }
die() {
  printf '%s: %s\n' "tests/cluster/${0##*/}" "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit 1
}
need() { command -v "$1" >/dev/null || die "$1 is not on PATH." "Next: ${2:-tests/tools/install kubernetes}"; }
tool() { "$tools_dir/path" "$1"; }

# Sets what follows from the name; call it once the options are read.
settle() {
  [[ $name =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]] ||
    die "'$name' cannot be a cluster's name." "Next: small letters, digits and '-', at most 32 (--cluster or CLEARWAY_CLUSTER)."
  work=$clusters/$name
  netns=clearway-$name
  pid_file=$work/node.pid
  case $mode in
  own | kind) kubeconfig=$work/kubeconfig ;;
  existing)
    kubeconfig=${KUBECONFIG:-}
    [[ -n $kubeconfig ]] || die "CLUSTER=existing needs KUBECONFIG." "Next: export KUBECONFIG=/path/of/a/kubeconfig"
    ;;
  *) die "CLUSTER=$mode is none of own, kind, existing." "Next: unset CLUSTER to start a cluster here." ;;
  esac
}

need_root() {
  ((EUID == 0)) || die "network namespaces and containers need root." "Next: run the same command as root (sudo -E)."
}

# Runs a command where the cluster's addresses are: in its network namespace, nothing else is changed.
inside() {
  if [[ $mode == own ]]; then nsenter --net="/run/netns/$netns" "$@"; else "$@"; fi
}

kubectl() {
  if [[ -z ${kubectl_path:-} ]]; then kubectl_path=$(tool kubectl 2>/dev/null || command -v kubectl) || need kubectl; fi
  inside "$kubectl_path" --kubeconfig="$kubeconfig" "$@"
}

# A process is the one that was started only if it began at the same tick: numbers are used again.
birth_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
is_up() {
  local pid birth
  [[ -f $pid_file ]] || return 1
  read -r pid birth <"$pid_file"
  [[ -n $birth && $(birth_of "$pid") == "$birth" ]]
}

need_up() {
  [[ $mode != own ]] || is_up || die "cluster '$name' is not running." "Next: tests/cluster/up${CLEARWAY_CLUSTER:+ --cluster $name}"
}

# until_true SECONDS WHAT COMMAND...: looks at a state until it holds.
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [[ $mode == own && -s $work/failed ]]; then return 1; fi
    ((SECONDS < end)) || { say "waited in vain for: $what"; return 1; }
    sleep 0.1
  done
}
