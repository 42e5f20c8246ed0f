/** Lists, selectors, pages, tables, and paths that lead nowhere. */
import {
  core,
  fresh,
  get,
  gone,
  map,
  maps,
  names,
  patch,
  pools,
  post,
  put,
  refused,
  remove,
  row,
  TABLE,
  tenants,
} from './requests.ts'
import type { Row } from './table.ts'

const selections = [
  ['labelSelector', 'app=x', ['a', 'c']],
  ['labelSelector', 'app!=x,app', ['b']],
  ['labelSelector', 'app in (x,y),!tier', ['a']],
  ['labelSelector', 'tier notin (q),app==y', ['b']],
  ['fieldSelector', 'metadata.name=b', ['b']],
  ['fieldSelector', 'metadata.name!=b,metadata.name!=kube-root-ca.crt', ['a', 'c']],
] as const

export const reading: readonly Row[] = [
  ...fresh,
  row('get', get(`${maps}/a`), {
    code: 200,
    object: {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { namespace: /^story-/, name: 'a', generation: undefined },
      data: { x: '1' },
    },
  }),
  row('get of nothing', get(`${maps}/none`), {
    ...gone,
    message: /^configmaps "none" not found$/,
    object: {
      kind: 'Status',
      status: 'Failure',
      code: 404,
      details: { name: 'none', kind: 'configmaps', group: undefined },
    },
  }),
  row('get of no tenant', get(`${tenants}/none`), {
    ...gone,
    message: /^tenantnodes\.miniredis\.io "none" not found$/,
    object: { details: { name: 'none', group: 'miniredis.io', kind: 'tenantnodes' } },
  }),
  row('list', get(`${maps}?labelSelector=app`), {
    code: 200,
    object: {
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: { resourceVersion: /^\d+$/, continue: undefined },
      ...names('a', 'b', 'c'),
    },
  }),
  row('items of a list repeat no kind', get(`${maps}?labelSelector=app=y`), {
    code: 200,
    object: { items: [{ kind: undefined, apiVersion: undefined }] },
  }),
  ...selections.map(([parameter, selector, found]) =>
    row(`${parameter} ${selector}`, get(`${maps}?${parameter}=${encodeURIComponent(selector)}`), {
      code: 200,
      object: names(...found),
    }),
  ),
  row('a label selector that is none', get(`${maps}?labelSelector=a%20b`), {
    ...refused(400, 'BadRequest'),
  }),
  row('a field that cannot be selected', get(`${maps}?fieldSelector=data.x%3D1`), {
    ...refused(400, 'BadRequest', { message: /known field selector|field label not supported/ }),
  }),
  row(
    'first page',
    get(`${maps}?labelSelector=app&limit=2`),
    { code: 200, object: { ...names('a', 'b'), metadata: { continue: /./ } } },
    'page',
  ),
  row('second page', get(`${maps}?labelSelector=app&limit=2&continue=$page.continue`), {
    code: 200,
    object: { ...names('c'), metadata: { continue: undefined } },
  }),
  row('a continue token that is none', get(`${maps}?limit=2&continue=x`), {
    ...refused(400, 'BadRequest'),
  }),
  row(
    'exactly now',
    get(
      `${maps}?resourceVersion=$page.resourceVersion&resourceVersionMatch=Exact&limit=9&labelSelector=app`,
    ),
    {
      code: 200,
      object: { metadata: { resourceVersion: /^\d+$/ }, ...names('a', 'b', 'c') },
    },
  ),
  row('a match without a version', get(`${maps}?resourceVersionMatch=Exact`), {
    ...refused(422, 'Invalid', { causes: ['resourceVersionMatch'] }),
  }),
  row('initial events of a list', get(`${maps}?sendInitialEvents=true`), {
    ...refused(422, 'Invalid', { causes: ['sendInitialEvents'] }),
  }),
  row('a version that is none', get(`${maps}?resourceVersion=x`), refused(400, 'BadRequest')),
  row('a version from the future', get(`${maps}?resourceVersion=99999999999&limit=500`), {
    code: 504,
    reason: 'Timeout',
  }),
  row('a table', get(`${maps}?labelSelector=app=y`, TABLE), {
    code: 200,
    object: {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }],
      rows: [
        {
          cells: ['b', 0, /^\d+s$/],
          object: { kind: 'PartialObjectMetadata', metadata: { name: 'b' } },
        },
      ],
    },
  }),
  row('a table of one', get(`${maps}/a`, TABLE), {
    code: 200,
    object: { kind: 'Table', rows: [{ cells: ['a', 1, /s$/] }] },
  }),
  row('a table of pools', get(pools, TABLE), {
    code: 200,
    object: {
      columnDefinitions: ['Name', 'Ready', 'Members', 'Up', 'Tenants', 'Age', 'Reason'].map(
        (name) => ({ name }),
      ),
    },
  }),
  row(
    'metadata alone',
    get(`${maps}/a`, 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'),
    {
      code: 200,
      object: { kind: 'PartialObjectMetadata', metadata: { name: 'a' }, data: undefined },
    },
  ),
]

export const routing: readonly Row[] = [
  row('an unknown group', get('/apis/nonsense.example/v1/things'), { code: 404 }),
  row('an unknown kind', get(`${core}/things`), {
    ...gone,
    message: /could not find the requested resource/,
  }),
  row('an unknown version', get('/apis/miniredis.io/v9/tenantnodes'), { code: 404 }),
  row('an unknown subresource', get(`${tenants}/t/things`), { code: 404 }),
  row('a namespaced kind outside', get('/api/v1/configmaps/a'), { code: 404 }),
  row('POST to an object', post(`${maps}/a`, map('a')), refused(405, 'MethodNotAllowed')),
  row('PUT to a collection', put(maps, map('a')), refused(405, 'MethodNotAllowed')),
  row('PATCH of a collection', patch('merge', maps, {}), refused(405, 'MethodNotAllowed')),
  row('DELETE in all namespaces', remove('/api/v1/configmaps'), refused(405, 'MethodNotAllowed')),
  row(
    'a body of an unknown type',
    { ...post(maps, 'x'), headers: { 'content-type': 'text/plain' } },
    {
      ...refused(415, 'UnsupportedMediaType'),
    },
  ),
  row('an answer of an unknown type', get(maps, 'text/html'), refused(406, 'NotAcceptable')),
  row(
    'YAML',
    {
      ...post(maps, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\n'),
      headers: { 'content-type': 'application/yaml' },
    },
    {
      code: 201,
    },
  ),
]
