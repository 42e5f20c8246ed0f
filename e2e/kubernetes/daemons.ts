/** The command line of every daemon, as data. */

import { findProgram } from '../../tools/debian-packages.ts'
import type { Binaries } from './binaries.ts'
import { type Layout, network, repository } from './layout.ts'
import type { Daemon } from './processes.ts'

const etcdUrl = 'http://127.0.0.1:2379'
const etcdPeerUrl = 'http://127.0.0.1:2380'

export function etcd(layout: Layout, { cluster }: Binaries): Daemon {
  return onNode(layout, 'etcd', [
    cluster,
    'etcd',
    `--data-dir=${layout.state}/etcd`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${etcdPeerUrl}`,
    `--initial-advertise-peer-urls=${etcdPeerUrl}`,
    `--initial-cluster=default=${etcdPeerUrl}`,
    '--unsafe-no-fsync', // this data need not outlive the machine
    '--log-level=warn',
  ])
}

export function containerd(layout: Layout): Daemon {
  const program = findProgram('containerd') ?? 'containerd'
  return onNode(layout, 'containerd', [program, '-c', `${layout.state}/containerd.toml`])
}

export function apiServer(layout: Layout, { cluster }: Binaries): Daemon {
  const { pki } = layout
  return onNode(layout, 'kube-apiserver', [
    cluster,
    'kube-apiserver',
    `--advertise-address=${network.nodeAddress}`,
    '--bind-address=0.0.0.0',
    `--secure-port=${network.apiPort}`,
    `--etcd-servers=${etcdUrl}`,
    `--service-cluster-ip-range=${network.serviceRange}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--client-ca-file=${pki}/ca.crt`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--kubelet-client-certificate=${pki}/apiserver-kubelet.crt`,
    `--kubelet-client-key=${pki}/apiserver-kubelet.key`,
    `--kubelet-certificate-authority=${pki}/ca.crt`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki}/service-accounts.pub`,
    `--service-account-signing-key-file=${pki}/service-accounts.key`,
    // the front proxy's certificates switch API aggregation on
    `--requestheader-client-ca-file=${pki}/front-ca.crt`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${pki}/front-proxy.crt`,
    `--proxy-client-key-file=${pki}/front-proxy.key`,
    '--profiling=false',
  ])
}

export function controllers(layout: Layout, { cluster }: Binaries): Daemon {
  const { pki } = layout
  return onNode(layout, 'kube-controller-manager', [
    cluster,
    'kube-controller-manager',
    ...identity(layout, 'controllers'),
    '--use-service-account-credentials=true',
    `--root-ca-file=${pki}/ca.crt`,
    `--service-account-private-key-file=${pki}/service-accounts.key`,
    `--cluster-signing-cert-file=${pki}/ca.crt`,
    `--cluster-signing-key-file=${pki}/ca.key`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ])
}

export function scheduler(layout: Layout, { cluster }: Binaries): Daemon {
  const flags = ['--leader-elect=false', '--bind-address=127.0.0.1']
  const command = [cluster, 'kube-scheduler', ...identity(layout, 'scheduler'), ...flags]
  return onNode(layout, 'kube-scheduler', command)
}

export function kubelet(layout: Layout, { cluster }: Binaries, labels: string): Daemon {
  return onNode(layout, 'kubelet', [
    cluster,
    'kubelet',
    `--config=${layout.state}/kubelet.yaml`,
    `--kubeconfig=${layout.state}/kubelet.kubeconfig`,
    `--root-dir=${layout.state}/kubelet`,
    `--cert-dir=${layout.pki}`,
    '--hostname-override=node1',
    `--node-ip=${network.nodeAddress}`,
    `--node-labels=${labels}`,
  ])
}

export function proxy(layout: Layout, { cluster }: Binaries): Daemon {
  return onNode(layout, 'kube-proxy', [
    cluster,
    'kube-proxy',
    `--config=${layout.state}/proxy.yaml`,
  ])
}

export function dns(layout: Layout, binaries: Binaries): Daemon {
  return onNode(layout, 'dns', [binaries.dns, '-conf', `${layout.state}/Corefile`])
}

/** The cluster's cloud: volumes, load balancers and the tunnel. Lives outside the node, as clouds do. */
export function agent(layout: Layout): Daemon {
  const script = `${repository}/e2e/kubernetes/agent/main.ts`
  const command = [process.execPath, script, layout.name]
  return { name: 'agent', command, networkNamespace: layout.outsideNamespace }
}

/** The API server on a port of the host's 127.0.0.1, for programs that this process does not start. */
export function relay(layout: Layout): Daemon {
  const script = `${repository}/e2e/kubernetes/agent/relay-main.ts`
  return { name: 'relay', command: [process.execPath, script, layout.name] }
}

function onNode(layout: Layout, name: string, command: readonly string[]): Daemon {
  return { name, command, networkNamespace: layout.nodeNamespace }
}

function identity({ state }: Layout, user: string): string[] {
  const file = `${state}/${user}.kubeconfig`
  return ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
    (flag) => `--${flag}=${file}`,
  )
}
