import assert from 'node:assert/strict'
import type { KubeObject } from '../store/kube-object.ts'
import { resources } from '../store/resources.ts'
import { openTestApi, TEST_START_MS, widgetDefinition, widgets } from '../testing.ts'
import { humanDuration } from './ages.ts'
import { parseJsonPath, readJsonPath } from './json-path.ts'

const key = (name: string) => ({ namespace: 'default', name })
type Changed = (definition: typeof widgetDefinition) => void

/** The message that refuses a changed definition. */
function refusal(change: Changed): string {
  const { store } = openTestApi()
  const definition = structuredClone(widgetDefinition)
  change(definition)
  try {
    store.create(resources.customResourceDefinitions, definition)
    return ''
  } catch (error) {
    return String(error)
  }
}

describe('a custom resource definition', () => {
  it('is established at once and says so', () => {
    const { store } = openTestApi()
    const { status } = store.create(resources.customResourceDefinitions, widgetDefinition)
    const { conditions, storedVersions, acceptedNames } = status as {
      conditions: { type: string; status: string }[]
      storedVersions: string[]
      acceptedNames: { listKind: string; singular: string }
    }
    assert.deepEqual(
      conditions.map((one) => `${one.type} ${one.status}`),
      ['NamesAccepted True', 'Established True'],
    )
    assert.deepEqual(storedVersions, ['v1'])
    assert.deepEqual([acceptedNames.listKind, acceptedNames.singular], ['WidgetList', 'widget'])
  })

  it('keeps objects when it changes', () => {
    const { store } = openTestApi()
    const { customResourceDefinitions } = resources
    store.create(customResourceDefinitions, widgetDefinition)
    store.create(widgets, { metadata: key('a'), spec: { size: 1 } })
    const [old] = widgetDefinition.spec.versions
    const versions = [old, { ...old, name: 'v2', storage: false }]
    const spec = { ...widgetDefinition.spec, versions }
    const name = 'widgets.example.com'
    store.patch(customResourceDefinitions, { name }, { kind: 'merge', body: { spec } })
    const v2 = store.get({ ...widgets, version: 'v2' }, key('a'))
    assert.equal(v2.apiVersion, 'example.com/v2')
  })

  const refusals: readonly [title: string, change: Changed, message: RegExp][] = [
    [
      'another name',
      (d) => {
        d.metadata.name = 'x.example.com'
      },
      /metadata\.name: Invalid value: "x\.example\.com": must be spec\.names\.plural/,
    ],
    [
      'no storage version',
      (d) => {
        for (const version of d.spec.versions) version.storage = false
      },
      /exactly one version marked as storage version/,
    ],
    [
      'a rule that is none',
      (d) => {
        const spec = d.spec.versions[0]?.schema.openAPIV3Schema.properties.spec
        const rule = { rule: 'self >', message: '' }
        if (spec !== undefined) spec.properties.size['x-kubernetes-validations'] = [rule]
      },
      /properties\[size\]\.x-kubernetes-validations\[0\]\.rule: Invalid value: "self >": compilation failed/,
    ],
    [
      'a field without type',
      (d) => {
        const spec = d.spec.versions[0]?.schema.openAPIV3Schema.properties.spec
        if (spec !== undefined) Object.assign(spec.properties.color, { type: undefined })
      },
      /properties\[color\]\.type: Required value/,
    ],
    [
      'a column that points nowhere',
      (d) => {
        const column = d.spec.versions[0]?.additionalPrinterColumns[0]
        if (column !== undefined) column.jsonPath = '.a[?('
      },
      /additionalPrinterColumns\[0\]\.jsonPath/,
    ],
  ]
  for (const [title, change, message] of refusals)
    it(`with ${title} is refused`, () => assert.match(refusal(change), message))
})

describe('built-in kinds', () => {
  it('fill Pods with defaults and a quality of service', () => {
    const { store } = openTestApi()
    const resourcesOf = { limits: { cpu: '1', memory: '1Gi' } }
    const containers = [{ name: 'a', image: 'x:1', resources: resourcesOf }]
    const pod = store.create(resources.pods, { metadata: key('p'), spec: { containers } })
    const { spec, status } = pod as KubeObject & {
      spec: { restartPolicy: string; terminationGracePeriodSeconds: number }
      status: object
    }
    assert.deepEqual([spec.restartPolicy, spec.terminationGracePeriodSeconds], ['Always', 30])
    assert.deepEqual(status, { phase: 'Pending', qosClass: 'Guaranteed' })
  })

  it('refuse to change what is fixed', () => {
    const { store } = openTestApi()
    const containers = [{ name: 'a', image: 'x:1' }]
    store.create(resources.pods, { metadata: key('p'), spec: { containers } })
    const change = { kind: 'merge', body: { spec: { hostname: 'h' } } } as const
    assert.throws(
      () => store.patch(resources.pods, key('p'), change),
      /pod updates may not change fields other than/,
    )
    store.create(resources.secrets, { metadata: key('s'), stringData: { a: 'b' }, immutable: true })
    const data = { kind: 'merge', body: { data: { a: 'Yw==' } } } as const
    assert.throws(
      () => store.patch(resources.secrets, key('s'), data),
      /data: Forbidden: field is immutable when `immutable` is set/,
    )
  })

  it('turn stringData into data', () => {
    const { store } = openTestApi()
    const secret = store.create(resources.secrets, { metadata: key('s'), stringData: { a: 'b' } })
    assert.deepEqual(
      [secret.data, secret.stringData, secret.type],
      [{ a: 'Yg==' }, undefined, 'Opaque'],
    )
  })

  it('keep MicroTime as it was sent', () => {
    const { store } = openTestApi()
    const renewTime = '2030-01-01T00:00:00.123456Z'
    const lease = store.create(resources.leases, { metadata: key('l'), spec: { renewTime } })
    assert.deepEqual(lease.spec, { renewTime })
  })
})

describe('columns', () => {
  it('print what kubectl prints', () => {
    const { store, registry } = openTestApi()
    const containers = [{ name: 'a', image: 'x:1' }]
    const pod = store.create(resources.pods, { metadata: key('p'), spec: { containers } })
    const cells = registry
      .find(resources.pods)
      ?.columns.map(({ name, cell }) => `${name}=${cell(pod, TEST_START_MS + 65_000)}`)
    assert.deepEqual(cells, [
      'Name=p',
      'Ready=0/1',
      'Status=Pending',
      'Restarts=0',
      'Age=65s',
      'IP=<none>',
      'Node=<none>',
    ])
  })

  const durations: readonly [seconds: number, text: string][] = [
    [0, '0s'],
    [119, '119s'],
    [125, '2m5s'],
    [600, '10m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 60, '3h1m'],
    [48 * 3600, '2d'],
    [800 * 86_400, '2y70d'],
    [-5, '<invalid>'],
  ]
  for (const [seconds, text] of durations)
    it(`${seconds} seconds are ${text}`, () => assert.equal(humanDuration(seconds * 1_000), text))
})

describe('JSONPath', () => {
  const value = {
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Other', status: 'False' },
      ],
    },
    'a.b': { c: 1 },
  }
  const cases: readonly [path: string, found: readonly unknown[]][] = [
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    ['.status.conditions[0].type', ['Ready']],
    ['.status.conditions[-1].type', ['Other']],
    ['.status.conditions[*].status', ['True', 'False']],
    ["['a.b'].c", [1]],
    ['.a\\.b.c', [1]],
    ['{.status.none.deeper}', []],
  ]
  for (const [path, found] of cases)
    it(path, () => assert.deepEqual(readJsonPath(value, path), found))

  it('refuses what it cannot do', () => {
    assert.throws(() => parseJsonPath('.a[?(@.b > 3)]'), SyntaxError)
  })
})
