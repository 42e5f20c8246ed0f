/** Patches of every type, and the doors of status and scale. */
import {
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
  tenants,
} from './requests.ts'
import type { Row } from './table.ts'

export const patching: readonly Row[] = [
  row('a Secret', post(secrets, { metadata: { name: 's' }, data: { a: 'YQ==', b: 'Yg==' } }), {
    code: 201,
  }),
  row('merge', patch('merge', `${secrets}/s`, { data: { a: null, c: 'Yw==' } }), {
    code: 200,
    object: { data: { a: undefined, b: 'Yg==', c: 'Yw==' } },
  }),
  row(
    'JSON',
    patch('json', `${secrets}/s`, [
      { op: 'test', path: '/data/b', value: 'Yg==' },
      { op: 'move', from: '/data/b', path: '/data/d' },
      { op: 'add', path: '/metadata/labels', value: { 'x/y': 'z' } },
    ]),
    {
      code: 200,
      object: { data: { b: undefined, d: 'Yg==' }, metadata: { labels: { 'x/y': 'z' } } },
    },
  ),
  row(
    'a JSON test that fails',
    patch('json', `${secrets}/s`, [{ op: 'test', path: '/data/d', value: 'x' }]),
    {
      ...refused(422, 'Invalid'),
    },
  ),
  row(
    'a JSON path that is not there',
    patch('json', `${secrets}/s`, [{ op: 'remove', path: '/data/none' }]),
    {
      ...refused(422, 'Invalid'),
    },
  ),
  row('no JSON patch', patch('json', `${secrets}/s`, { data: {} }), refused(400, 'BadRequest')),
  row(
    'a Service',
    post(services, {
      metadata: { name: 's' },
      spec: {
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 2 },
        ],
      },
    }),
    { code: 201 },
  ),
  row(
    'strategic: lists by key',
    patch('strategic', `${services}/s`, {
      spec: {
        ports: [
          { port: 2, name: 'bb' },
          { port: 3, name: 'c' },
          { $patch: 'delete', port: 1 },
        ],
      },
    }),
    {
      code: 200,
      object: {
        spec: {
          ports: [
            { name: 'bb', port: 2 },
            { name: 'c', port: 3 },
          ],
        },
      },
    },
  ),
  row(
    'strategic: replace',
    patch('strategic', `${services}/s`, {
      spec: { ports: [{ $patch: 'replace' }, { port: 4, name: 'd' }] },
    }),
    {
      code: 200,
      object: { spec: { ports: [{ name: 'd', port: 4 }] } },
    },
  ),
  row('merge: lists whole', patch('merge', `${services}/s`, { spec: { ports: [{ port: 5 }] } }), {
    code: 200,
    object: { spec: { ports: [{ port: 5 }] } },
  }),
  row('strategic: of a custom resource', patch('strategic', `${tenants}/t`, { spec: {} }), {
    ...refused(415, 'UnsupportedMediaType'),
  }),
  row(
    'an unknown patch type',
    { ...patch('merge', `${secrets}/s`, {}), headers: { 'content-type': 'application/json' } },
    {
      ...refused(415, 'UnsupportedMediaType'),
    },
  ),
  row('of nothing', patch('merge', `${secrets}/none`, {}), gone),
  row('an old version', patch('merge', `${secrets}/s`, { metadata: { resourceVersion: '1' } }), {
    ...refused(409, 'Conflict'),
  }),
  row('unknown fields', patch('merge', `${secrets}/s?fieldValidation=Strict`, { dta: {} }), {
    ...refused(422, 'Invalid', { message: /unknown field "dta"/ }),
  }),
  row('dry run', patch('merge', `${secrets}/s?dryRun=All`, { data: { c: null } }), {
    code: 200,
    object: { data: { c: undefined } },
  }),
  row('after the dry run', get(`${secrets}/s`), { code: 200, object: { data: { c: 'Yw==' } } }),
]

export const applying: readonly Row[] = [
  row('create', owner('one', `${pools}/p`, pool('p', { members: 2 })), {
    code: 201,
    object: {
      spec: { members: 2, storage: { size: '1Gi' } },
      metadata: {
        managedFields: [
          {
            manager: 'one',
            operation: 'Apply',
            apiVersion: 'miniredis.io/v1alpha1',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:spec': { 'f:members': {} } },
          },
        ],
      },
    },
  }),
  row('again', owner('one', `${pools}/p`, pool('p', { members: 2 })), { code: 200 }),
  row('conflict', owner('two', `${pools}/p`, pool('p', { members: 4 })), {
    ...refused(409, 'Conflict', { causes: ['.spec.members'], message: /conflict with "one"/ }),
    object: { details: { causes: [{ reason: 'FieldManagerConflict' }] } },
  }),
  row('the same value is shared', owner('two', `${pools}/p`, pool('p', { members: 2 })), {
    code: 200,
    object: { metadata: { managedFields: { length: 2 } } },
  }),
  row('force', owner('two', `${pools}/p`, pool('p', { members: 4 }), '&force=true'), {
    code: 200,
    object: { spec: { members: 4 }, metadata: { managedFields: [{ manager: 'two' }] } },
  }),
  row('what nobody applies goes', owner('two', `${pools}/p`, pool('p', { image: 'i' })), {
    code: 200,
    object: { spec: { members: 3, image: 'i' } },
  }),
  row('no manager', patch('apply', `${pools}/p`, pool('p')), {
    ...refused(422, 'Invalid', { causes: ['fieldManager'] }),
  }),
  row('a manager of 129 bytes', owner('m'.repeat(129), `${pools}/p`, pool('p')), {
    ...refused(422, 'Invalid', { causes: ['fieldManager'] }),
  }),
  row('force of a merge patch', patch('merge', `${pools}/p?force=true`, {}), {
    ...refused(422, 'Invalid', { causes: ['force'] }),
  }),
  row(
    'YAML',
    owner(
      'yaml',
      `${maps}/yaml`,
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {k: v}\n',
    ),
    {
      code: 201,
      object: { data: { k: 'v' } },
    },
  ),
  row(
    'managed fields are not applied',
    owner('one', `${maps}/yaml`, map('yaml', {}, { managedFields: [{ manager: 'x' }] })),
    {
      ...refused(400, 'BadRequest', { message: /managedFields must be nil/ }),
    },
  ),
  row('an update takes over', put(`${maps}/yaml?fieldManager=writer`, map('yaml', { k: 'w' })), {
    code: 200,
    object: {
      metadata: {
        managedFields: [
          { manager: 'writer', operation: 'Update', fieldsV1: { 'f:data': { 'f:k': {} } } },
        ],
      },
    },
  }),
]

export const isolating: readonly Row[] = [
  row('status is dropped from a create', post(pools, { ...pool('p'), status: { replicas: 9 } }), {
    code: 201,
    object: { status: undefined, metadata: { generation: 1 } },
  }),
  row(
    'status is written through its door',
    patch('merge', `${pools}/p/status`, {
      status: { replicas: 2, selector: 'a=b' },
      spec: { members: 9 },
      metadata: { labels: { from: 'status' } },
    }),
    {
      code: 200,
      object: {
        status: { replicas: 2 },
        spec: { members: 3 },
        metadata: { generation: 1, labels: undefined },
      },
    },
  ),
  row(
    'and not through the main one',
    patch('merge', `${pools}/p`, { spec: { members: 4 }, status: { replicas: 7 } }),
    {
      code: 200,
      object: { status: { replicas: 2 }, spec: { members: 4 }, metadata: { generation: 2 } },
    },
  ),
  row('a bad status', patch('merge', `${pools}/p/status`, { status: { tenants: -1 } }), {
    ...refused(422, 'Invalid', { causes: ['status.tenants'] }),
  }),
  row(
    'applied status',
    owner('me', `${pools}/p/status`, { ...pool('p'), spec: undefined, status: { tenants: 1 } }),
    {
      code: 200,
      object: { status: { tenants: 1, replicas: 2 } },
    },
  ),
  row('get of status', get(`${pools}/p/status`), { code: 200, object: { kind: 'RuntimePool' } }),
  row('get of scale', get(`${pools}/p/scale`), {
    code: 200,
    object: {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'p' },
      spec: { replicas: 4 },
      status: { replicas: 2, selector: 'a=b' },
    },
  }),
  row('scale', patch('merge', `${pools}/p/scale`, { spec: { replicas: 6 } }), {
    code: 200,
    object: { kind: 'Scale', spec: { replicas: 6 } },
  }),
  row('scaled', get(`${pools}/p`), {
    code: 200,
    object: { spec: { members: 6 }, metadata: { generation: 3 } },
  }),
  row('scale too far', patch('merge', `${pools}/p/scale`, { spec: { replicas: 65 } }), {
    ...refused(422, 'Invalid', { causes: ['spec.members'] }),
  }),
  row('no scale', get(`${tenants}/t/scale`), gone),
]
