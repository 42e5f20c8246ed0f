/** Server-side tables and metadata views: what `kubectl get` and metadata clients ask for. Pure. */
import type { Column, ResourceDefinition } from '../registry/resource-definition.ts'
import type { ObjectList } from '../store/api-store.ts'
import type { KubeObject } from '../store/kube-object.ts'

export type IncludeObject = 'None' | 'Metadata' | 'Object'

export interface TableOptions {
  readonly definition: ResourceDefinition
  readonly nowMs: number
  readonly includeObject: IncludeObject
  /** Watches send the columns once. */
  readonly hasColumns: boolean
}

/** meta.k8s.io/v1 Table */
export function buildTable(
  objects: readonly KubeObject[],
  metadata: unknown,
  { definition, nowMs, includeObject, hasColumns }: TableOptions,
) {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: hasColumns ? definition.columns.map(columnDefinition) : [],
    rows: objects.map((object) => ({
      cells: definition.columns.map(({ cell }) => cell(object, nowMs)),
      object: rowObject(object, includeObject),
    })),
  }
}

const columnDefinition = ({ name, type, format, description, priority }: Column) => ({
  name,
  type,
  format: format ?? '',
  description: description ?? '',
  priority,
})

function rowObject(object: KubeObject, include: IncludeObject): unknown {
  if (include === 'None') return undefined
  return include === 'Object' ? object : metadataView(object)
}

/** meta.k8s.io/v1 PartialObjectMetadata */
export const metadataView = ({ metadata }: KubeObject) => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
})

/** meta.k8s.io/v1 PartialObjectMetadataList */
export const metadataListView = ({ metadata, items }: ObjectList) => ({
  kind: 'PartialObjectMetadataList',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
  items: items.map(metadataView),
})
