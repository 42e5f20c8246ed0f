/** Which nodes a pod may go to, and which of them is best. Pure. */
import type { Claim, ClusterNode, LabelSelector, Pod, SelectorExpression } from '../kinds.ts'

export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node'

type Labels = Readonly<Record<string, string>>

export interface SchedulingWorld {
  readonly nodes: readonly ClusterNode[]
  /** Bound to a node and not over. */
  readonly pods: readonly Pod[]
  /** The claims that the pod mounts; undefined where one does not exist. */
  readonly claims: readonly { readonly name: string; readonly claim: Claim | undefined }[]
}

export type Choice =
  | { readonly kind: 'node'; readonly node: ClusterNode }
  | { readonly kind: 'none'; readonly message: string }

/** Spread decides first, then preference, then emptiness, then the name: never chance. */
export function chooseNode(pod: Pod, world: SchedulingWorld): Choice {
  const missing = world.claims.find(({ claim }) => claim === undefined)
  if (missing !== undefined) {
    return { kind: 'none', message: `persistentvolumeclaim "${missing.name}" not found` }
  }
  const refused = world.nodes.map((node) => refusal(pod, node, world))
  const possible = world.nodes.filter((_, index) => refused[index] === undefined)
  const ranked = possible
    .map((node) => ({ node, rank: rankOf(pod, node, world) }))
    .sort((a, b) => compareRanks(a.rank, b.rank))
  const [best] = ranked
  if (best !== undefined) return { kind: 'node', node: best.node }
  return { kind: 'none', message: explain(refused) }
}

function refusal(pod: Pod, node: ClusterNode, world: SchedulingWorld): string | undefined {
  const labels = node.metadata.labels ?? {}
  if (!isReady(node)) return 'node(s) were not ready'
  if (node.spec.unschedulable === true) return 'node(s) were unschedulable'
  if (!toleratesTaints(pod, node)) return 'node(s) had untolerated taints'
  if (!matchesSelector(pod, labels)) return "node(s) didn't match Pod's node affinity/selector"
  if (!keepsVolumes(node, world)) return 'node(s) had volume node affinity conflict'
  if (!keepsSpread(pod, node, world)) return "node(s) didn't match pod topology spread constraints"
  return undefined
}

function explain(refused: readonly (string | undefined)[]): string {
  const counts = new Map<string, number>()
  for (const reason of refused) {
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ')
  return `0/${refused.length} nodes are available: ${reasons || 'there are no nodes'}.`
}

const isReady = ({ status }: ClusterNode): boolean =>
  status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ===
  true

function toleratesTaints({ spec }: Pod, node: ClusterNode): boolean {
  const taints = (node.spec.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule')
  return taints.every((taint) =>
    spec.tolerations.some(
      ({ key, operator, value, effect }) =>
        (key === undefined || key === taint.key) &&
        (effect === undefined || effect === taint.effect) &&
        (operator === 'Exists' || value === taint.value),
    ),
  )
}

function matchesSelector({ spec }: Pod, labels: Labels): boolean {
  const hasLabels = Object.entries(spec.nodeSelector ?? {}).every(
    ([key, value]) => labels[key] === value,
  )
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const terms = required?.nodeSelectorTerms
  return hasLabels && (terms === undefined || terms.some((term) => matchesAll(term, labels)))
}

const matchesAll = (
  { matchExpressions }: { matchExpressions: readonly SelectorExpression[] },
  labels: Labels,
): boolean =>
  matchExpressions.length > 0 && matchExpressions.every((one) => matchesExpression(one, labels))

function matchesExpression({ key, operator, values }: SelectorExpression, labels: Labels): boolean {
  const value = labels[key]
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

/** A claim stays on the node where it was first used, as local volumes do. */
function keepsVolumes({ metadata }: ClusterNode, { claims }: SchedulingWorld): boolean {
  return claims.every(({ claim }) => {
    const selected = claim?.metadata.annotations?.[selectedNodeAnnotation]
    return selected === undefined || selected === metadata.name
  })
}

type SpreadConstraint = Pod['spec']['topologySpreadConstraints'][number]

function keepsSpread(pod: Pod, node: ClusterNode, world: SchedulingWorld): boolean {
  const strict = pod.spec.topologySpreadConstraints.filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule',
  )
  return strict.every((constraint) => {
    const counts = countByDomain(pod, constraint, world)
    const domain = node.metadata.labels?.[constraint.topologyKey]
    if (domain === undefined) return false
    return (counts.get(domain) ?? 0) + 1 - Math.min(...counts.values()) <= constraint.maxSkew
  })
}

/** How many pods that the constraint counts are in each domain; empty domains count too. */
function countByDomain(
  pod: Pod,
  { topologyKey, labelSelector }: SpreadConstraint,
  { nodes, pods }: SchedulingWorld,
): Map<string, number> {
  const domainOf = new Map(
    nodes.map(({ metadata }) => [metadata.name, metadata.labels?.[topologyKey]]),
  )
  const domains = [...domainOf.values()].filter((domain) => domain !== undefined)
  const counts = new Map(domains.map((domain) => [domain, 0]))
  for (const other of pods) {
    const domain = domainOf.get(other.spec.nodeName ?? '')
    const counted =
      other.metadata.namespace === pod.metadata.namespace &&
      other.metadata.deletionTimestamp === undefined &&
      selects(labelSelector, other.metadata.labels ?? {})
    if (domain !== undefined && counted) counts.set(domain, (counts.get(domain) ?? 0) + 1)
  }
  return counts
}

/** An absent selector selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false
  const exact = Object.entries(selector.matchLabels ?? {})
  return (
    exact.every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((one) => matchesExpression(one, labels))
  )
}

interface Rank {
  readonly crowd: number
  readonly preference: number
  readonly podCount: number
  readonly name: string
}

function rankOf(pod: Pod, node: ClusterNode, world: SchedulingWorld): Rank {
  const labels = node.metadata.labels ?? {}
  const crowds = pod.spec.topologySpreadConstraints.map(
    (constraint) =>
      countByDomain(pod, constraint, world).get(labels[constraint.topologyKey] ?? '') ?? 0,
  )
  const preferred =
    pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  const weights = preferred.map(({ weight, preference }) =>
    matchesAll(preference, labels) ? weight : 0,
  )
  return {
    crowd: sum(crowds),
    preference: sum(weights),
    podCount: world.pods.filter(({ spec }) => spec.nodeName === node.metadata.name).length,
    name: node.metadata.name,
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

function compareRanks(a: Rank, b: Rank): number {
  return (
    a.crowd - b.crowd ||
    b.preference - a.preference ||
    a.podCount - b.podCount ||
    (a.name < b.name ? -1 : 1)
  )
}
