/** Puts the store together: journal, table, registry, watches, collector, and what every cluster has. */
import { each, peek, text } from '../registry/draft.ts'
import { definitionsCollection, Registry } from '../registry/registry.ts'
import type { AddressAllocator, ApiStore, ApiStoreOptions, StoreEnvironment } from './api-store.ts'
import { ClusterStore } from './cluster-store.ts'
import { Collector } from './collector.ts'
import { initialNamespaces } from './deletion.ts'
import { Journal } from './journal.ts'
import { type Change, ObjectTable } from './object-table.ts'
import { resources } from './resources.ts'
import { WatchHub } from './watch-hub.ts'

const HISTORY_EVENTS_DEFAULT = 10_000
const FIELD_MANAGER = 'kube-controller-manager'

export interface OpenStore {
  readonly store: ApiStore
  /** For discovery, OpenAPI and tables. */
  readonly registry: Registry
}

/** @throws Error when the file cannot be read or is newer than this program */
export const openApiStore = (options: ApiStoreOptions): ApiStore => openStore(options).store

/** Side effects in order: opens the file, follows its changes, creates the initial namespaces. */
export function openStore(options: ApiStoreOptions): OpenStore {
  const { path, historyEventsMax = HISTORY_EVENTS_DEFAULT } = options
  const table = new ObjectTable(new Journal(path), historyEventsMax)
  const registry = new Registry()
  const environment = { ...options.environment, defer: untilClosed(options.environment, table) }
  const hub = new WatchHub(table, environment.defer, environment.faults)
  for (const definition of table.list(definitionsCollection))
    registry.define(definition.metadata.name, definition)
  table.onChange((change) => followDefinitions(change, registry, hub))
  const store = new ClusterStore({ table, registry, hub, environment })
  // what the cluster does by itself is not what a test wants to disturb
  const own = new ClusterStore({ table, registry, hub, environment: withoutFaults(environment) })
  new Collector({ table, registry, store: own, now: environment.now, defer: environment.defer })
  if (environment.addresses !== undefined) reserveAddresses(table, environment.addresses)
  table.onChange(({ collection, before, after }) => {
    if (collection === 'namespaces' && before === undefined && after !== undefined)
      environment.defer(() => createServiceAccount(own, after.metadata.name))
  })
  for (const name of initialNamespaces) createNamespace(own, name)
  return { store, registry }
}

const withoutFaults = (environment: StoreEnvironment): StoreEnvironment => ({
  ...environment,
  faults: undefined,
})

/** Tasks that come too late find no file to write to. */
const untilClosed =
  ({ defer }: StoreEnvironment, table: ObjectTable) =>
  (task: () => void): void =>
    defer(() => {
      if (!table.isClosed) task()
    })

function followDefinitions(
  { collection, before, after }: Change,
  registry: Registry,
  hub: WatchHub,
): void {
  if (collection !== definitionsCollection) return
  const name = after?.metadata.name ?? before?.metadata.name ?? ''
  registry.define(name, after)
  if (after === undefined) hub.closeCollection(name)
}

/** What Services hold already, before anybody else is given an address. */
function reserveAddresses(table: ObjectTable, addresses: AddressAllocator): void {
  for (const { metadata, spec } of table.list('services')) {
    const key = { namespace: metadata.namespace ?? '', name: metadata.name }
    const clusterIp = text(peek({ spec }, 'spec').clusterIP)
    if (clusterIp !== '' && clusterIp !== 'None') addresses.clusterIp(key, clusterIp)
    for (const { port, nodePort } of each(spec, 'ports'))
      if (typeof nodePort === 'number') addresses.nodePort(key, Number(port), nodePort)
  }
}

function createNamespace(store: ApiStore, name: string): void {
  if (store.find(resources.namespaces, { name }) !== undefined) return
  store.create(resources.namespaces, { metadata: { name } }, { fieldManager: FIELD_MANAGER })
}

function createServiceAccount(store: ApiStore, namespace: string): void {
  const holder = store.find(resources.namespaces, { name: namespace })
  if (holder === undefined || holder.metadata.deletionTimestamp !== undefined) return
  const key = { namespace, name: 'default' }
  if (store.find(resources.serviceAccounts, key) !== undefined) return
  store.create(resources.serviceAccounts, { metadata: key }, { fieldManager: FIELD_MANAGER })
}
