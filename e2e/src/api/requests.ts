/** Words that the tables of requests are written in. */
import type { RawRequest } from './raw-api.ts'
import type { Expectation, Row } from './table.ts'

export const core = '/api/v1/namespaces/{ns}'
export const maps = `${core}/configmaps`
export const secrets = `${core}/secrets`
export const services = `${core}/services`
export const pools = '/apis/miniredis.io/v1alpha1/namespaces/{ns}/runtimepools'
export const tenants = '/apis/miniredis.io/v1alpha1/namespaces/{ns}/tenantnodes'
export const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

export const row = (title: string, send: RawRequest, expect: Expectation, keep?: string): Row => ({
  title,
  send,
  expect,
  ...(keep !== undefined && { keep }),
})
export const get = (path: string, accept = 'application/json'): RawRequest => ({
  method: 'GET',
  path,
  headers: { accept },
})
export const post = (path: string, body: unknown): RawRequest => ({ method: 'POST', path, body })
export const put = (path: string, body: unknown): RawRequest => ({ method: 'PUT', path, body })
export const remove = (path: string, body?: unknown): RawRequest => ({
  method: 'DELETE',
  path,
  body,
})
export const patch = (type: keyof typeof patchTypes, path: string, body: unknown): RawRequest => ({
  method: 'PATCH',
  path,
  body,
  headers: { 'content-type': patchTypes[type] },
})

export const owner = (name: string, path: string, spec: unknown, more = '') =>
  patch('apply', `${path}?fieldManager=${name}${more}`, spec)

export const map = (name: string, data: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
})
export const pool = (name: string, spec: object = {}) => ({
  apiVersion: 'miniredis.io/v1alpha1',
  kind: 'RuntimePool',
  metadata: { name },
  spec,
})
export const tenant = (name: string, spec: object = {}) => ({
  ...pool(name, spec),
  kind: 'TenantNode',
})
export const refused = (
  code: number,
  reason: string,
  more: Partial<Expectation> = {},
): Expectation => ({
  code,
  reason,
  ...more,
})
export const gone = refused(404, 'NotFound')

export const fresh: readonly Row[] = [
  row('a', post(maps, map('a', { x: '1' }, { labels: { app: 'x' } })), { code: 201 }, 'a'),
  row('b', post(maps, map('b', {}, { labels: { app: 'y', tier: 'z' } })), { code: 201 }),
  row('c', post(maps, map('c', {}, { labels: { app: 'x', tier: 'z' } })), { code: 201 }),
]

/** The items of a list, by name and in order. */
export const names = (...wanted: string[]) => ({
  items: wanted.map((name) => ({ metadata: { name } })),
})
