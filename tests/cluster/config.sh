# shellcheck shell=bash
# shellcheck disable=SC2154  # names of lib.sh
# The configuration files of the node's programs. Sourced by `up`; writes into the work folder only.

write_config() {
  mkdir -p "$work"/{cni,etc}
  cat >"$work/cni/10-pods.conflist" <<EOF
{
  "cniVersion": "1.0.0", "name": "pods",
  "plugins": [
    {"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "dataDir": "$work/ipam", "routes": [{"dst": "0.0.0.0/0"}],
       "ranges": [[{"subnet": "$pod_range", "rangeStart": "10.244.1.1", "gateway": "$node_ip"}]]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
EOF
  # restrict_oom_score_adj: where this runs as root of a container, a lower score than its own may not be set.
  cat >"$work/etc/containerd.toml" <<EOF
version = 3
root = "$work/containerd/root"
state = "$work/containerd/state"
[grpc]
  address = "$work/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "localhost/pause:1"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]
  conf_dir = "$work/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = false
    BinaryName = "$(command -v runc)"
EOF
  printf 'nameserver %s\n' "$dns_ip" >"$work/etc/resolv.conf"
  write_kubelet_config
  # The shortest time between two rounds of rules: a second by default, which every new Service would wait.
  cat >"$work/etc/kube-proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: $pod_range
hostnameOverride: $node
clientConnection: {kubeconfig: $work/pki/proxy.kubeconfig, qps: 100, burst: 200}
conntrack: {maxPerCore: 0, min: 0}
nftables: {minSyncPeriod: 50ms, syncPeriod: 30s}
EOF
}

# Cgroup version 1, swap and full disks are the test machine's affair and no reason not to start; nothing is evicted.
# Logs are kept whole: tests count lines.
write_kubelet_config() {
  cat >"$work/etc/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$work/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $work/pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
localStorageCapacityIsolation: false
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
imageGCHighThresholdPercent: 100
serializeImagePulls: false
kubeAPIQPS: 100
kubeAPIBurst: 200
maxPods: 250
containerLogMaxSize: 100Mi
resolvConf: $work/etc/resolv.conf
clusterDNS: ["$dns_ip"]
clusterDomain: cluster.local
podLogsDir: $work/pods
EOF
}
