/** The power fails in every single operation: what was promised is there, and nothing else. */
import assert from 'node:assert/strict'
import { FaultyDisk, type Random } from '../testing/faulty-disk.ts'
import { LogRun } from '../testing/log-run.ts'
import { seededRandom } from '../testing/random.ts'
import type { LogPosition, LogShard } from './log.ts'

const SEEDS = [20_261, 20_262, 20_263]
const LIMITS = { segmentBytesMax: 1500, erasureDelayMs: 2000 }
const OPERATIONS = 1000
const POLICIES = ['always', 'everysec', 'no'] as const
const TENANTS = ['3f0c1b52-0c8e-4f5e-9a55-0d6f2f1c9a01', 'standalone', 'another tenant'] as const

interface Event {
  readonly sequence: number
  /** undefined: the shard was deleted. */
  readonly text: string | undefined
  readonly position: LogPosition
}

interface Snapshot {
  readonly position: LogPosition
  readonly events: number
}

/** What clients of the log know of it. */
class World {
  readonly events = new Map<string, Event[]>()
  readonly snapshots = new Map<string, Snapshot>()
  syncedSequence = 0

  eventsOf(key: string): Event[] {
    const known = this.events.get(key) ?? []
    this.events.set(key, known)
    return known
  }

  copy(syncedSequence: number): World {
    const copy = new World()
    for (const [key, events] of this.events) copy.events.set(key, [...events])
    for (const [key, snapshot] of this.snapshots) copy.snapshots.set(key, snapshot)
    copy.syncedSequence = syncedSequence
    return copy
  }
}

interface Crash {
  readonly disk: FaultyDisk
  readonly world: World
}

const positionOf = ({ epoch, offset }: LogPosition): LogPosition => ({ epoch, offset })

/** One thing that a server may do with its log. */
function act(run: LogRun, world: World, random: Random): void {
  const { log } = run
  const tenant = random(TENANTS.length)
  const shard = log.shard(TENANTS[tenant], 0)
  shard.fsync = POLICIES[tenant]
  const events = world.eventsOf(shard.key)
  if (shard.epoch === 0 || events.at(-1)?.text === undefined) log.begin(shard, shard.epoch + 1)
  const dice = random(20)
  if (dice === 0 && random(3) === 0) forget(run, world, shard)
  else if (dice <= 2) snapshot(run, world, shard)
  else if (dice === 3) run.pass(random(2500))
  else append(run, world, shard, `${tenant}:${events.length}:${'x'.repeat(random(120))}`)
  if (random(3) > 0) log.flush()
}

function append({ log, nowMs }: LogRun, world: World, shard: LogShard, text: string): void {
  const bytes = Buffer.from(text)
  const sequence = log.append(shard, 0, nowMs, bytes, 0, bytes.length)
  world.eventsOf(shard.key).push({ sequence, text, position: positionOf(shard) })
}

function forget({ log }: LogRun, world: World, shard: LogShard): void {
  const position = positionOf(shard)
  const sequence = log.forget(shard.key)
  // Its snapshot may only go once the deletion is synced; here it stays.
  world.eventsOf(shard.key).push({ sequence, text: undefined, position })
}

function snapshot({ log }: LogRun, world: World, shard: LogShard): void {
  const position = positionOf(shard)
  world.snapshots.set(shard.key, { position, events: world.eventsOf(shard.key).length })
  log.retain(shard.key, position)
}

/** What a shard holds after so many of its events, as recovery hands it out. */
function contentAfter(events: readonly Event[], count: number, snapshotEvents: number): string[] {
  const texts: string[] = []
  for (let index = snapshotEvents; index < count; index++) {
    const { text } = events[index]
    if (text === undefined) texts.length = 0
    else texts.push(text)
  }
  return texts
}

/** The number of events that recovery brought back; fails when it lost one that was promised. */
function survivors(world: World, key: string, recovered: readonly string[]): number {
  const events = world.eventsOf(key)
  const from = world.snapshots.get(key)?.events ?? 0
  const promised = events.filter(({ sequence }) => sequence <= world.syncedSequence).length
  for (let count = events.length; count >= Math.max(promised, from); count--) {
    const content = contentAfter(events, count, from)
    if (content.length === recovered.length && content.every((text, i) => text === recovered[i])) {
      return count
    }
  }
  const told = JSON.stringify(contentAfter(events, events.length, from))
  assert.fail(`${key}: recovered ${JSON.stringify(recovered)}, told ${told}, promised ${promised}`)
}

async function revive({ disk, world }: Crash, random: Random): Promise<[LogRun, World]> {
  const run = new LogRun(disk, random, LIMITS, 10_000)
  const snapshots = new Map<string, LogPosition>()
  for (const [key, { position }] of world.snapshots) snapshots.set(key, position)
  const report = await run.recover(snapshots)
  assert.deepEqual(report.damages, [])
  assert.equal(run.log.state.kind, 'open')
  const next = new World()
  for (const key of world.events.keys()) {
    const events = world.eventsOf(key)
    const count = survivors(world, key, run.recovered.get(key) ?? [])
    // A sequence of 0: what recovery has shown is promised from now on.
    next.events.set(
      key,
      events.slice(0, count).map((event) => ({ ...event, sequence: 0 })),
    )
    const kept = world.snapshots.get(key)
    if (kept !== undefined) next.snapshots.set(key, kept)
    assert.equal(report.damageOf(key), undefined)
  }
  return [run, next]
}

/** Lives on a disk and keeps what a power loss in each of its operations would leave. */
async function live(crash: Crash, random: Random, crashes: Crash[], operations: number) {
  let world = crash.world
  let synced = () => 0
  crash.disk.observer = () => {
    const promised = world === crash.world ? world.syncedSequence : synced()
    crashes.push({ disk: crash.disk.afterPowerLoss(), world: world.copy(promised) })
  }
  const [run, next] = await revive(crash, random)
  world = next
  synced = () => run.log.syncedSequence
  while (crashes.length < operations) act(run, world, random)
  crash.disk.observer = undefined
}

describe('a power loss', () => {
  for (const seed of SEEDS) {
    it(`in any of ${OPERATIONS} operations loses nothing that was synced (seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const crashes: Crash[] = []
      await live({ disk: new FaultyDisk(random), world: new World() }, random, crashes, OPERATIONS)
      for (const crash of crashes) {
        const again: Crash[] = []
        await live(crash, random, again, 1 + random(8))
        await revive(again[random(again.length)], random)
      }
    })
  }

  it('finds everything again after an orderly end', async () => {
    const random = seededRandom(SEEDS[0] + 1)
    const disk = new FaultyDisk(random)
    const world = new World()
    const run = new LogRun(disk, random, LIMITS)
    await run.recover()
    for (let step = 0; step < 500; step++) act(run, world, random)
    await run.log.close()
    world.syncedSequence = Number.POSITIVE_INFINITY
    await revive({ disk: disk.afterPowerLoss(), world }, random)
  })
})
