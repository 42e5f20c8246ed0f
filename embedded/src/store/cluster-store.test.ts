import assert from 'node:assert/strict'
import { openTestApi, type TestApi, widgetDefinition, widgets } from '../testing.ts'
import { ApiError } from './api-error.ts'
import type { FaultHook } from './api-store.ts'
import type { KubeObject } from './kube-object.ts'
import { resources } from './resources.ts'

const key = (name: string) => ({ namespace: 'default', name })
const widget = (name: string, spec: Record<string, unknown> = {}) => ({
  metadata: key(name),
  spec: { size: 1, ...spec },
})

function withWidgets(overrides: Parameters<typeof openTestApi>[0] = {}): TestApi {
  const api = openTestApi(overrides)
  api.store.create(resources.customResourceDefinitions, widgetDefinition)
  api.settle()
  return api
}

/** The error's reason, or 'none'. */
function reasonOf(run: () => unknown): string {
  try {
    run()
    return 'none'
  } catch (error) {
    if (error instanceof ApiError) return error.reason
    throw error
  }
}

const messageOf = (run: () => unknown): string => {
  try {
    run()
    return ''
  } catch (error) {
    return error instanceof ApiError ? error.message : String(error)
  }
}

const pod = (name: string) => ({
  metadata: key(name),
  spec: { containers: [{ name: 'main', image: 'image:1' }] },
})

describe('the store', () => {
  it('gives a created object its identity, its defaults and its first generation', () => {
    const { store } = withWidgets()
    const { metadata, spec, status } = store.create(widgets, {
      ...widget('a'),
      status: { ready: true },
    })
    assert.equal(metadata.generation, 1)
    assert.match(metadata.uid, /^[0-9a-f-]{36}$/)
    assert.equal(metadata.creationTimestamp, '2030-01-01T00:00:00Z')
    assert.deepEqual(spec, { size: 1, color: 'blue' })
    assert.equal(status, undefined, 'status has its own door')
  })

  it('returns frozen objects', () => {
    const { store } = withWidgets()
    const created = store.create(widgets, widget('a')) as unknown as { spec: { size: number } }
    assert.throws(() => {
      created.spec.size = 2
    }, TypeError)
  })

  it('refuses what exists, what is not there and a stale version', () => {
    const { store } = withWidgets()
    const first = store.create(widgets, widget('a'))
    assert.equal(
      reasonOf(() => store.create(widgets, widget('a'))),
      'AlreadyExists',
    )
    assert.equal(
      reasonOf(() => store.get(widgets, key('b'))),
      'NotFound',
    )
    store.update(widgets, { ...first, spec: { size: 2 } })
    assert.equal(
      messageOf(() => store.update(widgets, { ...first, spec: { size: 3 } })),
      'Operation cannot be fulfilled on widgets.example.com "a": the object has been modified; please apply your changes to the latest version and try again',
    )
    assert.equal(store.find(widgets, key('b')), undefined)
  })

  it('counts a generation for changes of spec, and none for labels and status', () => {
    const { store } = withWidgets()
    store.create(widgets, widget('a'))
    const generation = () => store.get(widgets, key('a')).metadata.generation
    store.patch(widgets, key('a'), { kind: 'merge', body: { metadata: { labels: { x: 'y' } } } })
    const merge = { kind: 'merge', body: { status: { ready: true }, spec: { size: 9 } } } as const
    store.patch(widgets, key('a'), merge, { subresource: 'status' })
    assert.equal(generation(), 1)
    const stored = store.get(widgets, key('a'))
    assert.deepEqual([stored.spec, stored.status], [{ size: 1, color: 'blue' }, { ready: true }])
    store.patch(widgets, key('a'), { kind: 'merge', body: { spec: { size: 2 }, status: {} } })
    assert.equal(generation(), 2)
    assert.deepEqual(store.get(widgets, key('a')).status, { ready: true })
  })

  it('keeps the version and tells nobody when nothing changes', () => {
    const { store, settle } = withWidgets()
    const first = store.create(widgets, widget('a'))
    const events: string[] = []
    store.watch(widgets, { resourceVersion: first.metadata.resourceVersion }, ({ type }) =>
      events.push(type),
    )
    const again = store.update(widgets, { ...first })
    settle()
    assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion)
    assert.deepEqual(events, [])
  })

  it('stores nothing on a dry run, and still validates', () => {
    const { store } = withWidgets()
    const dry = { dryRun: true }
    assert.equal(store.create(widgets, widget('a'), dry).metadata.name, 'a')
    assert.equal(store.find(widgets, key('a')), undefined)
    assert.equal(
      reasonOf(() => store.create(widgets, widget('a', { size: 99 }), dry)),
      'Invalid',
    )
    store.create(widgets, widget('b'))
    store.delete(widgets, key('b'), dry)
    assert.equal(store.get(widgets, key('b')).metadata.name, 'b')
  })

  it('generates names from its own randomness, so that two runs agree', () => {
    const names = () => {
      const { store } = withWidgets()
      const body = { ...widget(''), metadata: { namespace: 'default', generateName: 'w-' } }
      return [store.create(widgets, body), store.create(widgets, body)].map(
        ({ metadata }) => metadata.name,
      )
    }
    assert.deepEqual(names(), names())
    assert.match(names()[0] ?? '', /^w-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  it('names the field and the fault of an invalid object', () => {
    const { store } = withWidgets()
    const run = () => store.create(widgets, widget('a', { size: 11, color: 'pink', limit: 'x' }))
    assert.throws(run, (error: ApiError) => {
      assert.equal(error.code, 422)
      assert.deepEqual(
        error.status.details?.causes?.map(({ field, message }) => `${field}: ${message}`),
        [
          'spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10',
          'spec.color: Unsupported value: "pink": supported values: "blue", "red"',
          '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
        ],
      )
      return true
    })
    assert.match(
      messageOf(() => store.create(widgets, widget('a', { limit: 'x' }))),
      /^Widget\.example\.com "a" is invalid: spec\.limit: Invalid value: "string": must be a quantity$/,
    )
    assert.match(
      messageOf(() => store.create(widgets, widget('A'))),
      /metadata\.name: Invalid value: "A": a lowercase RFC 1123 subdomain/,
    )
  })

  it('checks rules about changes against the old object', () => {
    const { store } = withWidgets()
    store.create(widgets, widget('a', { size: 5 }))
    const shrink = { kind: 'merge', body: { spec: { size: 4 } } } as const
    assert.match(
      messageOf(() => store.patch(widgets, key('a'), shrink)),
      /spec\.size: Invalid value: "integer": can only grow/,
    )
  })

  it('tolerates an old fault while nobody touches it', () => {
    const { store } = withWidgets()
    store.create(widgets, widget('a', { size: 7 }))
    const definition = structuredClone(widgetDefinition)
    const [version] = definition.spec.versions
    if (version !== undefined)
      version.schema.openAPIV3Schema.properties.spec.properties.size.maximum = 5
    const body = { spec: definition.spec }
    store.patch(
      resources.customResourceDefinitions,
      { name: 'widgets.example.com' },
      { kind: 'merge', body },
    )
    const status = { kind: 'merge', body: { status: { ready: true } } } as const
    store.patch(widgets, key('a'), status, { subresource: 'status' })
    const worse = { kind: 'merge', body: { spec: { size: 8 } } } as const
    assert.match(
      messageOf(() => store.patch(widgets, key('a'), worse)),
      /less than or equal to 5/,
    )
  })

  it('treats unknown fields as fieldValidation says', () => {
    const { store } = withWidgets()
    const odd = widget('a', { nonsense: 1 })
    const strict = { fieldValidation: 'Strict' } as const
    assert.equal(
      messageOf(() => store.create(widgets, odd, strict)),
      'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.nonsense"',
    )
    const warnings: string[] = []
    const { spec } = store.create(widgets, odd, {
      fieldValidation: 'Warn',
      warn: (text) => warnings.push(text),
    })
    assert.deepEqual(spec, { size: 1, color: 'blue' })
    assert.deepEqual(warnings, ['unknown field "spec.nonsense"'])
  })

  it('refuses a value of a wrong type in a built-in kind with 400', () => {
    const { store } = openTestApi()
    const body = { metadata: key('a'), spec: { containers: 'none' } }
    assert.match(
      messageOf(() => store.create(resources.pods, body)),
      /^Pod in version "v1" cannot be handled as a Pod: spec\.containers/,
    )
  })

  it('knows no namespace that does not exist or is going', () => {
    const { store } = withWidgets()
    const inNowhere = { ...widget('a'), metadata: { namespace: 'nowhere', name: 'a' } }
    assert.equal(
      reasonOf(() => store.create(widgets, inNowhere)),
      'NotFound',
    )
    store.create(resources.namespaces, { metadata: { name: 'going' } })
    store.create(widgets, {
      ...widget('held'),
      metadata: { namespace: 'going', name: 'held', finalizers: ['example.com/hold'] },
    })
    store.delete(resources.namespaces, { name: 'going' })
    const late = { ...widget('late'), metadata: { namespace: 'going', name: 'late' } }
    assert.equal(
      reasonOf(() => store.create(widgets, late)),
      'Forbidden',
    )
  })

  it('holds an object until its last finalizer is gone', () => {
    const { store } = withWidgets()
    const finalizers = ['example.com/hold']
    store.create(widgets, { ...widget('a'), metadata: { ...key('a'), finalizers } })
    assert.equal(store.delete(widgets, key('a')).isGone, false)
    assert.notEqual(store.get(widgets, key('a')).metadata.deletionTimestamp, undefined)
    const add = { kind: 'merge', body: { metadata: { finalizers: ['example.com/more'] } } } as const
    assert.equal(
      reasonOf(() => store.patch(widgets, key('a'), add)),
      'Invalid',
    )
    store.patch(widgets, key('a'), { kind: 'merge', body: { metadata: { finalizers: null } } })
    assert.equal(store.find(widgets, key('a')), undefined)
  })

  it('marks a running Pod and lets its kubelet finish', () => {
    const { store } = openTestApi()
    store.create(resources.pods, pod('p'))
    const target = { apiVersion: 'v1', kind: 'Node', name: 'node-a' }
    store.create(
      resources.pods,
      { apiVersion: 'v1', kind: 'Pod', metadata: key('p'), target },
      { subresource: 'binding' },
    )
    const { isGone, object } = store.delete(resources.pods, key('p'), { gracePeriodSeconds: 5 })
    assert.equal(isGone, false)
    assert.equal(object.metadata.deletionTimestamp, '2030-01-01T00:00:05Z')
    assert.equal(object.metadata.deletionGracePeriodSeconds, 5)
    store.delete(resources.pods, key('p'), { gracePeriodSeconds: 30 })
    assert.equal(store.get(resources.pods, key('p')).metadata.deletionGracePeriodSeconds, 5)
    assert.equal(store.delete(resources.pods, key('p'), { gracePeriodSeconds: 0 }).isGone, true)
  })

  it('removes a Pod that no kubelet has at once', () => {
    const { store } = openTestApi()
    store.create(resources.pods, pod('p'))
    assert.equal(store.delete(resources.pods, key('p')).isGone, true)
  })

  it('binds a Pod once', () => {
    const { store } = openTestApi()
    store.create(resources.pods, pod('p'))
    const binding = { metadata: key('p'), target: { name: 'node-a' } }
    const bind = () => store.create(resources.pods, binding, { subresource: 'binding' })
    assert.equal((bind() as KubeObject & { spec: { nodeName: string } }).spec.nodeName, 'node-a')
    assert.equal(reasonOf(bind), 'Conflict')
  })

  it('checks preconditions of a deletion', () => {
    const { store } = withWidgets()
    store.create(widgets, widget('a'))
    const preconditions = { uid: 'another' }
    assert.equal(
      reasonOf(() => store.delete(widgets, key('a'), { preconditions })),
      'Conflict',
    )
  })

  it('asks for the version that an update of a custom resource starts from', () => {
    const { store } = withWidgets()
    store.create(widgets, widget('a'))
    assert.equal(
      messageOf(() => store.update(widgets, widget('a'))),
      'widgets.example.com "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    )
  })

  it('scales through the scale subresource', () => {
    const { store } = withWidgets()
    store.create(widgets, widget('a'))
    const scale = store.get(widgets, key('a'), 'scale')
    assert.deepEqual([scale.kind, scale.spec], ['Scale', { replicas: 1 }])
    const merge = { kind: 'merge', body: { spec: { replicas: 3 } } } as const
    store.patch(widgets, key('a'), merge, { subresource: 'scale' })
    assert.deepEqual(store.get(widgets, key('a')).spec, { size: 3, color: 'blue' })
  })

  it('refuses a strategic merge patch of a custom resource', () => {
    const { store } = withWidgets()
    store.create(widgets, widget('a'))
    const patch = { kind: 'strategic', body: {} } as const
    assert.equal(
      reasonOf(() => store.patch(widgets, key('a'), patch)),
      'UnsupportedMediaType',
    )
  })

  it('lets a fault hook fail calls before and after they happen', () => {
    let broken: 'before' | 'after' | undefined
    const fail = (when: 'before' | 'after') => () => {
      if (broken === when) throw new ApiError(500, 'InternalError', when)
    }
    const faults: FaultHook = { before: fail('before'), after: fail('after') }
    const { store } = withWidgets({ faults })
    broken = 'before'
    assert.throws(() => store.create(widgets, widget('a')), /before/)
    broken = 'after'
    assert.throws(() => store.create(widgets, widget('b')), /after/)
    broken = undefined
    assert.equal(store.find(widgets, key('a')), undefined)
    assert.equal(store.get(widgets, key('b')).metadata.name, 'b')
  })

  it('gives Services addresses and ports, and takes them back', () => {
    const calls: string[] = []
    const { store } = openTestApi({
      addresses: {
        clusterIp: (service, wanted) => {
          calls.push(`ip ${service.name}`)
          return wanted ?? '127.1.0.1'
        },
        nodePort: (_service, port, wanted) => wanted ?? port + 30_000,
        release: (service, kept) => {
          if (kept === undefined) calls.push(`release ${service.name}`)
        },
      },
    })
    const body = { metadata: key('s'), spec: { type: 'NodePort', ports: [{ port: 80 }] } }
    store.create(resources.services, body, { dryRun: true })
    assert.deepEqual(calls, [])
    const created = store.create(resources.services, body) as KubeObject & {
      spec: { clusterIP: string; ports: { nodePort: number }[] }
    }
    assert.equal(created.spec.clusterIP, '127.1.0.1')
    assert.equal(created.spec.ports[0]?.nodePort, 30_080)
    const ports = [{ port: 80, targetPort: 8080 }]
    const updated = store.update(resources.services, { ...body, spec: { ...body.spec, ports } })
    assert.equal((updated as typeof created).spec.ports[0]?.nodePort, 30_080)
    store.delete(resources.services, key('s'))
    assert.deepEqual(calls, ['ip s', 'ip s', 'release s'])
  })

  it('writes down the same world for the same calls', () => {
    const world = () => {
      const { store, settle, advance } = withWidgets()
      for (const name of ['c', 'a', 'b']) store.create(widgets, widget(name))
      advance(1_000)
      store.patch(widgets, key('a'), { kind: 'merge', body: { spec: { size: 2 } } })
      store.delete(widgets, key('b'))
      settle()
      return JSON.stringify(store.list(widgets))
    }
    assert.equal(world(), world())
  })
})
