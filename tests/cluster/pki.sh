# shellcheck shell=bash
# shellcheck disable=SC2154  # names of lib.sh
# The cluster's certificate authority, certificates and kubeconfigs. Sourced by `up`.
# Always holds: keys live in the work folder only, and end with the cluster.

make_pki() {
  mkdir -p "$work/pki"
  chmod 700 "$work/pki"
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes) who
  (
    cd "$work/pki"
    openssl req -x509 "${key[@]}" -keyout ca.key -out ca.crt -subj "/CN=clearway-$name" -days 30
    openssl ecparam -name prime256v1 -genkey -noout -out sa.key
    openssl ec -in sa.key -pubout -out sa.pub
    sign apiserver /CN=kube-apiserver serverAuth \
      "subjectAltName=IP:127.0.0.1,IP:${service_range%.*}.1,IP:$node_ip,DNS:localhost,DNS:kubernetes.default.svc"
    sign kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
    sign admin /O=system:masters/CN=admin clientAuth
    sign controller-manager /CN=system:kube-controller-manager clientAuth
    sign scheduler /CN=system:kube-scheduler clientAuth
    sign proxy /CN=system:kube-proxy clientAuth
    sign node "/O=system:nodes/CN=system:node:$node" clientAuth
  ) >"$work/log/pki.log" 2>&1 || die "openssl failed; its output is $work/log/pki.log"
  for who in controller-manager scheduler proxy node; do write_kubeconfig "$who" "$work/pki/$who.kubeconfig"; done
  write_kubeconfig admin "$kubeconfig"
}

# sign NAME SUBJECT USAGE [EXTENSION]
sign() {
  openssl req "${key[@]}" -keyout "$1.key" -out "$1.csr" -subj "$2"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" \
    -extfile <(printf 'extendedKeyUsage=%s\n%s\n' "$3" "${4:-}")
  rm "$1.csr"
}

# Everything is inside, so that the file may be copied.
write_kubeconfig() {
  cat >"$2" <<EOF
apiVersion: v1
kind: Config
clusters:
- name: $netns
  cluster:
    server: https://127.0.0.1:$api_port
    certificate-authority-data: $(base64 -w0 "$work/pki/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 "$work/pki/$1.crt")
    client-key-data: $(base64 -w0 "$work/pki/$1.key")
contexts:
- name: $netns
  context: {cluster: $netns, user: $1}
current-context: $netns
EOF
  chmod 600 "$2"
}
