import assert from 'node:assert/strict'
import { settle, VirtualClock } from '../control/virtual-clock.ts'
import { ObjectCache } from './cache.ts'
import { KubeError } from './errors.ts'
import type { KubeObject, Stored } from './object.ts'
import type { ListOptions, WatchEvent, WatchOptions } from './port.ts'
import {
  RELIST_MS,
  Reflector,
  STALL_MS,
  WATCH_SECONDS_MAX,
  WATCH_SECONDS_MIN,
} from './reflector.ts'
import { pods } from './resources.ts'

const pod = (name: string, resourceVersion: string, labels = {}): Stored<KubeObject> => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name, uid: name, resourceVersion, labels },
})

/** An API whose lists and watches the test plays by hand. */
class ScriptedApi {
  objects: readonly Stored<KubeObject>[] = []
  readonly lists: ListOptions[] = []
  readonly watches: (WatchOptions & Script)[] = []
  listError: KubeError | undefined
  version = '100'

  async list(_type: unknown, options: ListOptions = {}) {
    this.lists.push(options)
    if (this.listError) throw this.listError
    const half = Math.ceil(this.objects.length / 2)
    return options.continue === undefined && this.objects.length > 2
      ? { items: this.objects.slice(0, half), resourceVersion: this.version, continue: 'next' }
      : {
          items: options.continue === undefined ? this.objects : this.objects.slice(half),
          resourceVersion: this.version,
        }
  }

  watch(_type: unknown, options: WatchOptions): AsyncIterable<WatchEvent<KubeObject>> {
    const script = createScript()
    this.watches.push({ ...options, ...script })
    options.signal.addEventListener('abort', script.end)
    return script.events()
  }
}

type Script = Omit<ReturnType<typeof createScript>, 'events'>

function createScript() {
  const waiting: (WatchEvent<KubeObject> | Error | 'end')[] = []
  let wake = () => {}
  const play = (...steps: typeof waiting) => {
    waiting.push(...steps)
    wake()
  }
  async function* events() {
    for (;;) {
      const step = waiting.shift()
      if (step === 'end') return
      if (step instanceof Error) throw step
      if (step !== undefined) yield step
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  return { play, end: () => play('end'), events }
}

function createReflector(api = new ScriptedApi()) {
  const clock = new VirtualClock()
  const cache = new ObjectCache<KubeObject>(['app'])
  const changes: string[] = []
  cache.onChange(({ metadata }) => changes.push(`${metadata.name}@${metadata.resourceVersion}`))
  const stop = new AbortController()
  const reflector = new Reflector({
    kube: api as never,
    type: pods as never,
    scope: { namespace: 'ns' },
    cache,
    clock,
    random: () => 0.5,
  })
  const ended = reflector.run(stop.signal)
  const leave = async () => {
    stop.abort()
    await ended
    assert.equal(clock.pendingTimers, 0, 'nothing is left running')
  }
  const names = () => cache.list().map(({ metadata }) => metadata.name)
  return { api, clock, cache, changes, reflector, leave, names }
}

describe('reflector', () => {
  it('lists page by page, then watches from there', async () => {
    const api = new ScriptedApi()
    api.objects = [pod('a', '1'), pod('b', '2'), pod('c', '3')]
    const { cache, names, leave, reflector } = createReflector(api)
    assert.equal(reflector.synced, false)
    await settle()
    assert.equal(reflector.synced, true)
    assert.deepEqual(names(), ['a', 'b', 'c'])
    assert.deepEqual(
      api.lists.map((options) => [options.limit, options.continue]),
      [
        [500, undefined],
        [500, 'next'],
      ],
    )
    const [watch] = api.watches
    assert.equal(watch?.resourceVersion, '100')
    assert.ok(
      watch.timeoutSeconds >= WATCH_SECONDS_MIN && watch.timeoutSeconds <= WATCH_SECONDS_MAX,
    )
    watch.play({ kind: 'modified', object: pod('a', '101', { app: 'x' }) })
    watch.play({ kind: 'deleted', object: pod('b', '102') })
    watch.play({ kind: 'added', object: pod('d', '103', { app: 'x' }) })
    await settle()
    assert.deepEqual(names(), ['a', 'c', 'd'])
    assert.deepEqual(
      cache.withLabel('app', 'x').map(({ metadata }) => metadata.name),
      ['a', 'd'],
    )
    await leave()
  })

  it('goes on from the last event or bookmark when a watch ends', async () => {
    const { api, clock, leave } = createReflector()
    await settle()
    api.watches[0]?.play({ kind: 'added', object: pod('a', '101') })
    await clock.advance(5000)
    api.watches[0]?.play({ kind: 'bookmark', resourceVersion: '140' }, 'end')
    await settle()
    assert.equal(api.lists.length, 1)
    assert.equal(api.watches[1]?.resourceVersion, '140')
    await leave()
  })

  for (const [title, error] of [
    ['410 as status or as event', new KubeError('Gone', 'too old')],
    ['garbage', new KubeError('Malformed', 'no JSON')],
    ['an answer of 500', new KubeError('Unavailable', 'bad version', { status: 500 })],
  ] as const) {
    it(`lists again after ${title}, and drops what vanished meanwhile`, async () => {
      const api = new ScriptedApi()
      api.objects = [pod('a', '1'), pod('b', '2')]
      const { clock, changes, names, leave } = createReflector(api)
      await settle()
      api.objects = [pod('a', '1'), pod('c', '150')]
      api.version = '200'
      api.watches[0]?.play(error)
      await clock.advance(100)
      assert.deepEqual(names(), ['a', 'c'])
      assert.deepEqual(changes, ['a@1', 'b@2', 'b@2', 'c@150'], 'what did not change is no news')
      assert.equal(api.watches[1]?.resourceVersion, '200')
      await leave()
    })
  }

  it('does not list again when only the connection broke', async () => {
    const { api, clock, leave } = createReflector()
    await settle()
    api.watches[0]?.play(new KubeError('Unavailable', 'reset'))
    await clock.advance(100)
    assert.deepEqual([api.lists.length, api.watches.length], [1, 2])
    await leave()
  })

  it('gives up a watch that says nothing', async () => {
    const { api, clock, leave } = createReflector()
    await settle()
    await clock.advance(STALL_MS - 1)
    api.watches[0]?.play({ kind: 'bookmark', resourceVersion: '120' })
    await clock.advance(STALL_MS - 1)
    assert.equal(api.watches.length, 1)
    await clock.advance(200)
    assert.equal(api.watches.length, 2)
    assert.equal(api.watches[0]?.signal.aborted, true)
    assert.equal(api.lists.length, 2)
    assert.equal(api.watches[1]?.resourceVersion, '100')
    await leave()
  })

  it('keeps what it has during an outage or without the CRD, and tries for ever', async () => {
    const api = new ScriptedApi()
    api.objects = [pod('a', '1')]
    const { clock, names, reflector, leave } = createReflector(api)
    await settle()
    api.listError = new KubeError('UnknownResource', 'no CRD')
    api.watches[0]?.play(new KubeError('UnknownResource', 'no CRD'))
    await clock.advance(600_000)
    const tries = api.lists.length
    assert.ok(tries > 120 && tries < 300, `${tries} lists in ten minutes`)
    assert.deepEqual([names(), reflector.synced], [['a'], true])
    assert.ok((reflector.silenceMs ?? 0) >= 600_000)
    api.listError = undefined
    await clock.advance(5000)
    assert.ok((reflector.silenceMs ?? 9e9) <= 5000)
    await leave()
  })

  it('backs off when watches end at once', async () => {
    const { api, clock, leave } = createReflector()
    for (let tenth = 0; tenth < 300; tenth++) {
      api.watches.at(-1)?.end()
      await clock.advance(100)
    }
    assert.ok(api.watches.length < 20, `${api.watches.length} watches in 30 s`)
    await leave()
  })

  it('lists about once an hour although the watch is well', async () => {
    const { api, clock, leave } = createReflector()
    await settle()
    for (let minutes = 0; minutes < (2.5 * RELIST_MS) / 60_000; minutes += 5) {
      for (let minute = 0; minute < 5; minute++) {
        api.watches.at(-1)?.play({ kind: 'bookmark', resourceVersion: String(200 + minutes) })
        await clock.advance(60_000)
      }
      api.watches.at(-1)?.end()
      await settle()
    }
    assert.ok(api.lists.length >= 3 && api.lists.length <= 4, `${api.lists.length} lists`)
    await leave()
  })
})
