/** Creating and replacing: what the server fills in, and what it refuses. */
import {
  fresh,
  get,
  gone,
  map,
  maps,
  owner,
  patch,
  pool,
  pools,
  post,
  put,
  refused,
  row,
  secrets,
  services,
  tenant,
  tenants,
} from './requests.ts'
import type { Row } from './table.ts'

export const creating: readonly Row[] = [
  ...fresh,
  row('create again', post(maps, map('a')), {
    ...refused(409, 'AlreadyExists', { message: /^configmaps "a" already exists$/ }),
  }),
  row(
    'the server fills in',
    post(maps, map('filled', {}, { uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z' })),
    {
      code: 201,
      object: {
        metadata: { uid: /^[0-9a-f-]{36}$/, creationTimestamp: /^20[2-9]/ },
      },
    },
  ),
  row('with a version', post(maps, map('d', {}, { resourceVersion: '1' })), {
    code: 500,
  }),
  row('generated name', post(maps, map('', {}, { generateName: 'g-' })), {
    code: 201,
    object: { metadata: { name: /^g-[a-z0-9]{5}$/, generateName: 'g-' } },
  }),
  row('no name', post(maps, map('')), {
    ...refused(422, 'Invalid', { causes: ['metadata.name'] }),
  }),
  row('a bad name', post(maps, map('A_b')), {
    ...refused(422, 'Invalid', { causes: ['metadata.name'], message: /RFC 1123 subdomain/ }),
  }),
  row('a bad label', post(maps, map('e', {}, { labels: { 'a b': 'c', ok: 'not ok!' } })), {
    ...refused(422, 'Invalid', { causes: ['metadata.labels'] }),
  }),
  row('another namespace', post(maps, map('e', {}, { namespace: 'default' })), {
    ...refused(400, 'BadRequest', { message: /namespace of the (provided )?object/ }),
  }),
  row('a namespace that is not there', post('/api/v1/namespaces/nowhere/configmaps', map('e')), {
    ...gone,
    message: /^namespaces "nowhere" not found$/,
  }),
  row('another kind', post(maps, { ...map('e'), kind: 'Secret' }), {
    ...refused(400, 'BadRequest'),
  }),
  row('no JSON', post(maps, '{'), refused(400, 'BadRequest')),
  row('a value of another type', post(maps, map('e', { x: 1 })), refused(400, 'BadRequest')),
  row('dry run', post(`${maps}?dryRun=All`, map('dry')), {
    code: 201,
    object: { metadata: { name: 'dry', uid: /./, resourceVersion: undefined } },
  }),
  row('after the dry run', get(`${maps}/dry`), gone),
  row('a dry run that is none', post(`${maps}?dryRun=Maybe`, map('dry')), {
    ...refused(422, 'Invalid', { causes: ['dryRun'] }),
  }),
  row('defaults', post(`${pools}?dryRun=All`, pool('p')), {
    code: 201,
    object: {
      metadata: { generation: 1 },
      spec: { members: 3, imagePullPolicy: 'IfNotPresent', storage: { size: '1Gi' } },
      status: undefined,
    },
  }),
  row('out of bounds', post(pools, pool('p', { members: 65, imagePullPolicy: 'Sometimes' })), {
    ...refused(422, 'Invalid', { causes: ['spec.members', 'spec.imagePullPolicy', '<nil>'] }),
    object: { details: { name: 'p', group: 'miniredis.io', kind: 'RuntimePool' } },
  }),
  row('a pattern', post(tenants, tenant('t', { memory: { limit: '1.5Mi' } })), {
    ...refused(422, 'Invalid', { causes: ['spec.memory.limit'] }),
  }),
  row('wrong types', post(tenants, tenant('t', { databases: 'three' })), {
    ...refused(422, 'Invalid', { causes: ['spec.databases', '<nil>'] }),
  }),
  row('a rule', post(pools, pool('a.b')), {
    ...refused(422, 'Invalid', { causes: ['<nil>'] }),
  }),
  row('unknown fields, strictly', post(`${pools}?fieldValidation=Strict`, pool('p', { sise: 1 })), {
    ...refused(400, 'BadRequest', { message: /unknown field "spec\.sise"/ }),
  }),
  row('unknown fields, with a warning', post(`${pools}?dryRun=All`, pool('p', { sise: 1 })), {
    code: 201,
    warns: /299 - "unknown field \\"spec\.sise\\""/,
    object: { spec: { sise: undefined } },
  }),
  row(
    'unknown fields, ignored',
    post(`${pools}?dryRun=All&fieldValidation=Ignore`, pool('p', { sise: 1 })),
    {
      code: 201,
      warns: '',
    },
  ),
  row(
    'unknown fields of a built-in kind',
    post(`${maps}?fieldValidation=Strict`, { ...map('e'), dta: {} }),
    {
      ...refused(400, 'BadRequest', { message: /unknown field "dta"/ }),
    },
  ),
  row(
    'a field twice',
    post(`${maps}?fieldValidation=Strict`, '{"metadata":{"name":"e","name":"f"}}'),
    {
      ...refused(400, 'BadRequest', { message: /duplicate field "metadata\.name"/ }),
    },
  ),
]

export const replacing: readonly Row[] = [
  ...fresh,
  row(
    'replace',
    put(`${maps}/a`, map('a', { y: '2' }, { resourceVersion: '$a.resourceVersion' })),
    {
      code: 200,
      object: { data: { x: undefined, y: '2' }, metadata: { labels: undefined, uid: /./ } },
    },
  ),
  row(
    'of an old version',
    put(`${maps}/a`, map('a', {}, { resourceVersion: '$a.resourceVersion' })),
    {
      ...refused(409, 'Conflict', {
        message: /the object has been modified; please apply your changes/,
      }),
      object: { details: { name: 'a', kind: 'configmaps' } },
    },
  ),
  row('of any version', put(`${maps}/a`, map('a', { z: '3' })), {
    code: 200,
    object: { data: { z: '3' } },
  }),
  row('nothing new', put(`${maps}/a`, map('a', { z: '3' })), { code: 200 }, 'same'),
  row('of another uid', put(`${maps}/a`, map('a', {}, { uid: 'other' })), {
    ...refused(409, 'Conflict', { message: /Precondition failed: UID in precondition: other/ }),
  }),
  row('of another name', put(`${maps}/a`, map('b')), refused(400, 'BadRequest')),
  row('of nothing', put(`${maps}/none`, map('none')), gone),
  row('of no name', put(`${maps}/a`, { data: {} }), {
    ...refused(400, 'BadRequest', { message: /name must be provided/ }),
  }),
  row(
    'apply without a name',
    owner('me', `${maps}/none`, { apiVersion: 'v1', kind: 'ConfigMap' }),
    {
      ...refused(400, 'BadRequest', { message: /name must be provided/ }),
    },
  ),
  row('a custom resource', post(pools, pool('p')), { code: 201 }, 'p'),
  row('without its version', put(`${pools}/p`, pool('p', { members: 5 })), {
    ...refused(422, 'Invalid', { causes: ['metadata.resourceVersion'] }),
  }),
  row('what cannot shrink', patch('merge', `${pools}/p`, { spec: { storage: { size: '1Mi' } } }), {
    ...refused(422, 'Invalid', { causes: ['spec.storage.size'], message: /cannot shrink/ }),
  }),
  row('a Service', post(services, { metadata: { name: 's' }, spec: { ports: [{ port: 1 }] } }), {
    code: 201,
    object: {
      spec: {
        type: 'ClusterIP',
        clusterIP: /^[\d.]+$/,
        sessionAffinity: 'None',
        ports: [{ protocol: 'TCP', targetPort: 1 }],
      },
    },
  }),
  row(
    'its address',
    patch('merge', `${services}/s`, { spec: { clusterIP: '10.9.9.9', clusterIPs: ['10.9.9.9'] } }),
    {
      ...refused(422, 'Invalid', {
        causes: ['spec.clusterIPs[0]'],
        message: /may not change once set/,
      }),
    },
  ),
  row(
    'an immutable Secret',
    post(secrets, { metadata: { name: 'i' }, immutable: true, stringData: { k: 'v' } }),
    {
      code: 201,
      object: { type: 'Opaque', data: { k: 'dg==' }, stringData: undefined },
    },
  ),
  row('its data', patch('merge', `${secrets}/i`, { stringData: { k: 'w' } }), {
    ...refused(422, 'Invalid', { causes: ['data'] }),
  }),
  row('its type', patch('merge', `${secrets}/i`, { type: 'other' }), {
    ...refused(422, 'Invalid', { causes: ['type'] }),
  }),
]
