# shellcheck shell=bash
# shellcheck disable=SC2154  # names of install
# What is pinned, and where a tool of that pin is. Sourced by `install`, which gives here, cache, die and the lists of names.
# Always holds: nothing here changes anything; a tool's folder is named after a hash of everything that pins it.

# The version that a go.mod requires of a module: pinned FOLDER MODULE -> v1.2.3
pinned() { awk -v m="$2" '$1 == m {print $2; exit} $1 == "require" && $2 == m {print $3; exit}' "$here/$1/go.mod"; }

# Sets dir (the pin's folder), and for a Go tool pkg, tags and ldflags.
describe() {
  dir=$1 pkg='' tags='' ldflags='-s -w'
  local v
  case $1 in
  prometheus | promtool)
    # Prometheus 3.15.0 is module version v0.315.0: a major version over 1 would change the module's path.
    dir=prometheus pkg=github.com/prometheus/prometheus/cmd/$1 tags=$sd_tags
    v=$(pinned prometheus github.com/prometheus/prometheus)
    [[ $v =~ ^v0\.([0-9])([0-9]{2})\.([0-9]+)$ ]] ||
      die "prometheus/go.mod requires github.com/prometheus/prometheus '$v'; expected v0.MNN.P for release M.NN.P."
    v=${BASH_REMATCH[1]}.$((10#${BASH_REMATCH[2]})).${BASH_REMATCH[3]}
    ldflags+=" -X github.com/prometheus/common/version.Version=$v"
    ;;
  amtool)
    dir=alertmanager pkg=github.com/prometheus/alertmanager/cmd/amtool
    v=$(pinned alertmanager github.com/prometheus/alertmanager)
    ldflags+=" -X github.com/prometheus/common/version.Version=${v#v}"
    ;;
  otelcol) pkg=. tags=$sd_tags ;;
  cargo-deny) tags=${cargo_profile[*]} ;;
  grpcurl)
    pkg=github.com/fullstorydev/grpcurl/cmd/grpcurl
    ldflags+=" -X main.version=$(pinned grpcurl github.com/fullstorydev/grpcurl)"
    ;;
  kube*)
    dir=kubernetes pkg=k8s.io/kubernetes/cmd/$1
    v=$(pinned kubernetes k8s.io/kubernetes)
    [[ $v =~ ^v([0-9]+)\.([0-9]+)\.[0-9]+$ ]] || die "kubernetes/go.mod requires k8s.io/kubernetes '$v'; expected vM.N.P."
    # What Kubernetes's own build stamps: the API server answers /version with it.
    ldflags+=" -X k8s.io/component-base/version.gitVersion=$v -X k8s.io/component-base/version.gitMajor=${BASH_REMATCH[1]}"
    ldflags+=" -X k8s.io/component-base/version.gitMinor=${BASH_REMATCH[2]} -X k8s.io/component-base/version.gitTreeState=clean"
    ldflags+=" -X k8s.io/client-go/pkg/version.gitVersion=$v"
    ;;
  containerd | containerd-shim-runc-v2 | ctr)
    # Snapshotters that would need libraries of C, and that tests/cluster does not use.
    dir=containerd pkg=github.com/containerd/containerd/v2/cmd/$1 tags='no_btrfs no_devmapper no_zfs'
    ldflags+=" -X github.com/containerd/containerd/v2/version.Version=$(pinned containerd github.com/containerd/containerd/v2)"
    ;;
  etcd) pkg=go.etcd.io/etcd/server/v3 ;;
  coredns) pkg=github.com/coredns/coredns ;;
  echo-basic) dir=gateway-api pkg=sigs.k8s.io/gateway-api/conformance/echo-basic ;;
  conformance) dir=gateway-api pkg=. ;;
  gateway-api) pkg=sigs.k8s.io/gateway-api ;;
  helm3 | helm4)
    pkg=helm.sh/helm/v${1#helm}/cmd/helm
    v=$(pinned "$1" "helm.sh/helm/v${1#helm}")
    ldflags+=" -X helm.sh/helm/v${1#helm}/internal/version.version=$v"
    # What Helm 3's own build stamps: the Kubernetes that `helm template` takes for granted. Helm 4 finds it out for itself.
    if [[ $1 == helm3 ]]; then
      v=$(pinned "$1" k8s.io/client-go)
      v=${v#v0.} v=${v%%.*}
      for v in "pkg/chartutil.k8sVersionMajor=1" "pkg/chartutil.k8sVersionMinor=$v" \
        "pkg/lint/rules.k8sVersionMajor=1" "pkg/lint/rules.k8sVersionMinor=$v"; do ldflags+=" -X helm.sh/helm/v3/$v"; done
    fi
    ;;
  prometheus-operator) pkg=github.com/prometheus-operator/prometheus-operator ;;
  h2spec)
    pkg=github.com/summerwind/h2spec/cmd/h2spec
    v=$(pinned h2spec github.com/summerwind/h2spec)
    v=${v#v}
    ldflags+=" -X main.VERSION=${v%+*} -X main.COMMIT=${v%+*}"
    ;;
  esac
}

# The folder of a built tool: its name and a hash of every file that pins it, the build flags and the machine's kind.
# Go files of ours count where they are what is built.
home_of() {
  local hash
  describe "$1"
  hash=$(cd "$here/$dir" && {
    files=(go.mod go.sum requirements.txt version package.json package-lock.json *.mjs *.ts)
    if [[ $pkg == . ]]; then files=(go.mod go.sum *.go requirements.txt version); fi
    for f in "${files[@]}"; do [[ -f $f ]] && printf '%s\n' "$f" && cat "$f"; done
    printf '%s|%s|%s|%s\n' "$pkg" "$tags" "$ldflags" "$(uname -sm)"
  } | sha256sum)
  printf '%s/tools/%s-%s\n' "$cache" "$1" "${hash:0:16}"
}

is_built() { [[ -x $(home_of "$1")/bin/$1 ]]; }
