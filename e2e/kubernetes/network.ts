/** The two network namespaces of a cluster and the cable between them. See layout.ts. */
import { existsSync } from 'node:fs'
import { runCommand, tryCommand } from './command.ts'
import { type Layout, network } from './layout.ts'
import { entering } from './processes.ts'

/** Creates both namespaces. They have no default route and no link to the host's namespace. */
export async function createNetwork(layout: Layout): Promise<void> {
  const { nodeNamespace, outsideNamespace } = layout
  for (const name of [nodeNamespace, outsideNamespace]) await ip('netns', 'add', name)
  await ip('-n', nodeNamespace, 'link', 'add', 'node0', ...cableTo(outsideNamespace))
  await openEnd(nodeNamespace, 'node0', network.nodeAddress)
  await openEnd(outsideNamespace, 'out0', network.outsideAddress)
  await route(outsideNamespace, network.podRange, 'via', network.nodeAddress)
  for (const range of [network.serviceRange, network.loadBalancerRange]) {
    // connect() needs a route before kube-proxy's rules rewrite the destination
    await route(nodeNamespace, range, 'dev', 'node0')
    await route(outsideNamespace, range, 'via', network.nodeAddress)
  }
  const settings = ['net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1']
  await runCommand([...entering(nodeNamespace), 'sysctl', '-qw', ...settings])
}

export async function removeNetwork(layout: Layout): Promise<void> {
  for (const name of [layout.nodeNamespace, layout.outsideNamespace]) {
    if (existsSync(`/run/netns/${name}`)) await tryCommand(['ip', 'netns', 'delete', name])
  }
}

export function hasNetwork(layout: Layout): boolean {
  return existsSync(`/run/netns/${layout.nodeNamespace}`)
}

function cableTo(namespace: string): string[] {
  return ['type', 'veth', 'peer', 'name', 'out0', 'netns', namespace]
}

async function openEnd(namespace: string, device: string, address: string): Promise<void> {
  await ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', device)
  await ip('-n', namespace, 'link', 'set', 'lo', 'up')
  await ip('-n', namespace, 'link', 'set', device, 'up')
}

async function route(namespace: string, range: string, ...via: string[]): Promise<void> {
  await ip('-n', namespace, 'route', 'add', range, ...via)
}

async function ip(...args: string[]): Promise<void> {
  await runCommand(['ip', ...args])
}
