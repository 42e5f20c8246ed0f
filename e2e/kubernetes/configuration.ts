/**
 * The configuration files of the cluster's programs, as pure functions of the layout. JSON is used
 * wherever YAML is expected. Why a setting is not the default stands beside it.
 */
import { type Layout, network, node } from './layout.ts'

export interface Settings {
  /** kube-proxy's least time between two rule writes, its own default is 1s. */
  readonly proxyMinSync: string
  /** The longest crash-loop delay, for example 2s; undefined keeps the kubelet's 10 s to 300 s. */
  readonly crashLoopMax?: string | undefined
}

export function buildKubeconfig(layout: Layout, server: string, user: string): string {
  const { pki } = layout
  const credentials = {
    'client-certificate': `${pki}/${user}.crt`,
    'client-key': `${pki}/${user}.key`,
  }
  const cluster = { server, 'certificate-authority': `${pki}/ca.crt` }
  return json({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: layout.name, cluster }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: layout.name, context: { cluster: layout.name, user } }],
    'current-context': layout.name,
  })
}

export function buildContainerdConfig({ state, containerdSocket }: Layout): string {
  return `version = 2
root = "${state}/containerd/root"
state = "${state}/containerd/run"
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${state}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  disable_apparmor = true
  # without CAP_SYS_RESOURCE runc dies when it writes a negative oom_score_adj
  restrict_oom_score_adj = true
  # keeps every mount under our own folder, so that taking the cluster down finds them all
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${state}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "${state}/containerd/runc"
`
}

export function buildPodNetwork({ state }: Layout): string {
  const addresses = {
    type: 'host-local',
    dataDir: `${state}/cni-addresses`,
    ranges: [[{ subnet: network.podRange }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, hairpinMode: true }
  const ports = { type: 'portmap', capabilities: { portMappings: true } }
  return json({
    cniVersion: '0.4.0',
    name: 'cluster',
    plugins: [{ ...bridge, ipam: addresses }, ports],
  })
}

export function buildKubeletConfig(layout: Layout, settings: Settings): string {
  const { pki, state, name } = layout
  return json({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${pki}/ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `${pki}/kubelet-server.crt`,
    tlsPrivateKeyFile: `${pki}/kubelet-server.key`,
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    cgroupDriver: 'cgroupfs', // systemd may be absent
    cgroupRoot: `/${name}`, // two clusters, or a real kubelet, would remove each other's groups
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [network.dnsServiceAddress],
    clusterDomain: 'cluster.local',
    resolvConf: `${state}/resolv.conf`, // empty: the host's name server must not enter pods
    podLogsDir: `${state}/pod-logs`,
    volumePluginDir: `${state}/kubelet/plugins-exec`,
    seccompDefault: true,
    serializeImagePulls: false,
    nodeStatusUpdateFrequency: '5s',
    // an image that was collected cannot be pulled again
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1%',
      'nodefs.inodesFree': '1%',
      'imagefs.available': '1%',
    },
    ...crashLoop(settings.crashLoopMax),
  })
}

export function buildProxyConfig({ state }: Layout, { proxyMinSync }: Settings): string {
  const timing = { minSyncPeriod: proxyMinSync, syncPeriod: '30s' }
  return json({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: `${state}/proxy.kubeconfig` },
    mode: 'iptables',
    clusterCIDR: network.podRange,
    hostnameOverride: node.name,
    bindAddress: '0.0.0.0',
    // nf_conntrack_max cannot be written in a child namespace: 0 leaves it alone
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    iptables: timing,
  })
}

/** No forward plugin: a name that is not the cluster's fails at once, nothing is asked elsewhere. */
export function buildCorefile({ state, name }: Layout): string {
  return `.:53 {
  errors
  ready ${network.nodeAddress}:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${state}/dns.kubeconfig ${name}
    pods insecure
    ttl 1
  }
}
`
}

function crashLoop(maxContainerRestartPeriod: string | undefined): object {
  if (maxContainerRestartPeriod === undefined) return {}
  const featureGates = { KubeletCrashLoopBackOffMax: true }
  return { featureGates, crashLoopBackOff: { maxContainerRestartPeriod } }
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
