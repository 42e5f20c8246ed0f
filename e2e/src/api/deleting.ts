/** Deletion: preconditions, finalizers, collections. */
import {
  fresh,
  get,
  gone,
  map,
  maps,
  names,
  patch,
  post,
  refused,
  remove,
  row,
  services,
} from './requests.ts'
import type { Row } from './table.ts'

export const deleting: readonly Row[] = [
  ...fresh,
  row(
    'of another uid',
    remove(`${maps}/a`, { preconditions: { uid: 'other' } }),
    refused(409, 'Conflict'),
  ),
  row(
    'of another version',
    remove(`${maps}/a`, { preconditions: { resourceVersion: '1' } }),
    refused(409, 'Conflict'),
  ),
  row('dry run', remove(`${maps}/a?dryRun=All`), { code: 200 }),
  row(
    'of what is known',
    remove(`${maps}/a`, {
      preconditions: { uid: '$a.uid', resourceVersion: '$a.resourceVersion' },
    }),
    {
      code: 200,
      object: {
        kind: 'Status',
        status: 'Success',
        details: { name: 'a', kind: 'configmaps', uid: /./ },
      },
    },
  ),
  row('again', remove(`${maps}/a`), gone),
  row('a policy that is none', remove(`${maps}/b`, { propagationPolicy: 'Sideways' }), {
    ...refused(422, 'Invalid', { causes: ['propagationPolicy'] }),
  }),
  row('held', post(maps, map('held', {}, { finalizers: ['example.com/one', 'example.com/two'] })), {
    code: 201,
  }),
  row('marked', remove(`${maps}/held`), {
    code: 200,
    object: {
      kind: 'ConfigMap',
      metadata: { deletionTimestamp: /Z$/, deletionGracePeriodSeconds: 0 },
    },
  }),
  row('still changes', patch('merge', `${maps}/held`, { data: { a: 'b' } }), { code: 200 }),
  row(
    'takes no new finalizer',
    patch('merge', `${maps}/held`, {
      metadata: { finalizers: ['example.com/one', 'example.com/three'] },
    }),
    {
      ...refused(422, 'Invalid', { causes: ['metadata.finalizers'] }),
    },
  ),
  row(
    'let go by one',
    patch('merge', `${maps}/held`, { metadata: { finalizers: ['example.com/two'] } }),
    { code: 200 },
  ),
  row('let go by all', patch('merge', `${maps}/held`, { metadata: { finalizers: null } }), {
    code: 200,
    object: { metadata: { deletionTimestamp: /Z$/ } },
  }),
  row('gone', get(`${maps}/held`), gone),
  row('a bad finalizer', post(maps, map('e', {}, { finalizers: ['nodomain'] })), {
    ...refused(422, 'Invalid', { causes: ['metadata.finalizers[0]'] }),
  }),
  row('a Service', post(services, { metadata: { name: 's' }, spec: { ports: [{ port: 1 }] } }), {
    code: 201,
  }),
  row('comes back once more', remove(`${services}/s`), {
    code: 200,
    object: { kind: 'Service', metadata: { name: 's' } },
  }),
  row('many', remove(`${maps}?labelSelector=tier%3Dz`), { code: 200, object: names('b', 'c') }),
  row('none left', get(`${maps}?labelSelector=tier`), { code: 200, object: names() }),
]
