/** Members without processes: they hold what they are told, and live and die as the test says. */
import {
  type Assignment,
  assignmentDigest,
  type HeldShard,
  healthyStorage,
  shardKey,
} from '@miniredis/crds'
import type {
  MemberReport,
  MembersPort,
  MemberTarget,
  RequestResult,
  ShardGivenUp,
} from '../runtime-client/member-report.ts'

interface Life {
  readonly podUid: string
  readonly volumeNonce: string
  readonly bootNonce: string
}

export class FakeMembers implements MembersPort {
  /** What is on each member's volume; survives restarts. */
  readonly #disks = new Map<string, Map<string, HeldShard>>()
  readonly #lives = new Map<string, Life>()
  readonly #targets = new Map<string, MemberTarget>()
  /** Answers that are not `done`, by member. */
  readonly refusals = new Map<string, RequestResult>()
  /** Every assignment that a member took. */
  readonly taken: Assignment[] = []

  /** A process has come up in a pod. Another volume nonce: with an empty volume. */
  boot(member: string, podUid: string, volumeNonce = `volume of ${member}`): void {
    if (this.#lives.get(member)?.volumeNonce !== volumeNonce) this.#disks.set(member, new Map())
    this.#lives.set(member, { podUid, volumeNonce, bootNonce: `boot of ${podUid}` })
  }

  die(member: string): void {
    this.#lives.delete(member)
  }

  holds(member: string): readonly HeldShard[] {
    return [...(this.#disks.get(member)?.values() ?? [])]
  }

  /** As when a member saw an epoch that the API forgot. */
  put(member: string, held: HeldShard): void {
    const disk = this.#disks.get(member) ?? new Map()
    this.#disks.set(member, disk.set(shardKey(held), held))
  }

  ensure(member: string, target: MemberTarget): void {
    this.#targets.set(member, target)
  }

  remove(member: string): void {
    this.#targets.delete(member)
  }

  get linked(): readonly string[] {
    return [...this.#targets.keys()].sort()
  }

  report(member: string): MemberReport | undefined {
    const target = this.#targets.get(member)
    if (target === undefined) return undefined
    const life = this.#lives.get(member)
    const isUp = life?.podUid === target.podUid
    return {
      member,
      podUid: target.podUid,
      connected: isUp,
      suspected: false,
      volumeNonce: isUp ? life.volumeNonce : undefined,
      engine: isUp
        ? { phase: 'running', bootNonce: life.bootNonce, progress: 1, restarts: 0 }
        : undefined,
      held: new Map(isUp ? this.#disks.get(member) : []),
      usage: new Map(),
      storage: healthyStorage,
      exits: [],
      lastAnswerMs: undefined,
      failure: isUp ? undefined : 'down',
    }
  }

  async assign(member: string, assignment: Assignment): Promise<RequestResult> {
    const { tenantUid, shard, epoch } = assignment
    const disk = this.#disks.get(member)
    const refusal = this.refusals.get(member) ?? this.#notThere(member)
    if (refusal !== undefined || disk === undefined) return refusal ?? unanswered
    const epochMin = disk.get(shardKey(assignment))?.epoch ?? 1
    if (epoch < epochMin) return { kind: 'refused', code: 'StaleEpoch', message: 'stale', epochMin }
    this.taken.push(assignment)
    disk.set(shardKey(assignment), {
      tenantUid,
      shard,
      epoch,
      digest: assignmentDigest(assignment),
      retained: false,
    })
    return { kind: 'done' }
  }

  async retain(member: string, shard: ShardGivenUp): Promise<RequestResult> {
    const refusal = this.refusals.get(member) ?? this.#notThere(member)
    if (refusal !== undefined) return refusal
    const disk = this.#disks.get(member)
    const held = disk?.get(shardKey(shard))
    if (held !== undefined) disk?.set(shardKey(shard), { ...held, retained: true })
    return { kind: 'done' }
  }

  async unassign(member: string, shard: ShardGivenUp): Promise<RequestResult> {
    const refusal = this.refusals.get(member) ?? this.#notThere(member)
    if (refusal !== undefined) return refusal
    this.#disks.get(member)?.delete(shardKey(shard))
    return { kind: 'done' }
  }

  #notThere(member: string): RequestResult | undefined {
    return this.report(member)?.connected ? undefined : unanswered
  }
}

const unanswered: RequestResult = { kind: 'unanswered', message: 'down' }
