/** Every metric of the operator: `miniredis_operator_<noun>_<unit>`. Data only. */

export interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly name: `miniredis_operator_${string}`
  readonly help: string
  readonly labels: readonly string[]
}

export const metricCatalogue = {
  reconciles: {
    kind: 'counter',
    name: 'miniredis_operator_reconciles_total',
    help: 'Reconciles, by controller and result (done, after, failed, panicked).',
    labels: ['controller', 'result'],
  },
  reconcileSeconds: {
    kind: 'histogram',
    name: 'miniredis_operator_reconcile_duration_seconds',
    help: 'Duration of reconciles.',
    labels: ['controller'],
  },
  retries: {
    kind: 'counter',
    name: 'miniredis_operator_reconcile_retries_total',
    help: 'Keys that are tried again because their reconcile failed.',
    labels: ['controller'],
  },
  queueKeys: {
    kind: 'gauge',
    name: 'miniredis_operator_queue_keys',
    help: 'Keys in the work-queue, by state (ready, active, delayed).',
    labels: ['controller', 'state'],
  },
  apiRequests: {
    kind: 'counter',
    name: 'miniredis_operator_api_requests_total',
    help: 'Requests to the Kubernetes API, by verb, resource and result (ok or error code).',
    labels: ['verb', 'resource', 'result'],
  },
  apiRequestSeconds: {
    kind: 'histogram',
    name: 'miniredis_operator_api_request_duration_seconds',
    help: 'Duration of requests to the Kubernetes API; of watches until they began.',
    labels: ['verb'],
  },
  cacheObjects: {
    kind: 'gauge',
    name: 'miniredis_operator_cache_objects',
    help: 'Objects in the cache of a kind.',
    labels: ['resource'],
  },
  cacheSynced: {
    kind: 'gauge',
    name: 'miniredis_operator_cache_synced',
    help: '1 when a complete list of the kind was seen.',
    labels: ['resource'],
  },
  cacheSilenceSeconds: {
    kind: 'gauge',
    name: 'miniredis_operator_cache_silence_seconds',
    help: 'Time since the API last said something about a kind.',
    labels: ['resource'],
  },
  cacheLists: {
    kind: 'counter',
    name: 'miniredis_operator_cache_lists_total',
    help: 'Complete lists of a kind.',
    labels: ['resource'],
  },
  watchFailures: {
    kind: 'counter',
    name: 'miniredis_operator_watch_failures_total',
    help: 'Lists and watches that broke, by kind and error code.',
    labels: ['resource', 'code'],
  },
  leading: {
    kind: 'gauge',
    name: 'miniredis_operator_leading',
    help: '1 while this process leads.',
    labels: [],
  },
  leadershipChanges: {
    kind: 'counter',
    name: 'miniredis_operator_leadership_changes_total',
    help: 'How often this process began (elected) or ended (deposed) to lead.',
    labels: ['change'],
  },
  leaseFailures: {
    kind: 'counter',
    name: 'miniredis_operator_lease_failures_total',
    help: 'Reads and renewals of the Lease that failed.',
    labels: [],
  },
  eventFailures: {
    kind: 'counter',
    name: 'miniredis_operator_event_failures_total',
    help: 'Events that could not be written.',
    labels: [],
  },
  orphansHeld: {
    kind: 'gauge',
    name: 'miniredis_operator_orphaned_tenants',
    help: 'Tenants that are gone while their shards are kept until a person decides.',
    labels: ['pool'],
  },
  copiesLost: {
    kind: 'counter',
    name: 'miniredis_operator_copies_lost_total',
    help: 'Shards whose member came back with another volume.',
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricSpec>>
