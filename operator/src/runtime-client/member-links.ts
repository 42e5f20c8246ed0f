/**
 * The links to all members, and the operator leader's duty to keep them: only a leader dials.
 *
 * Reconcilers name the members they know with `ensure` and `remove`; what is named while this
 * process does not lead is dialled when it does.
 */
import type { Assignment } from '@miniredis/crds'
import type { Clock } from '../control/clock.ts'
import type { Dial } from './connection.ts'
import { MemberLink } from './member-link.ts'
import type {
  EngineExit,
  MemberListener,
  MemberReport,
  MembersPort,
  MemberTarget,
  RequestResult,
  ShardGivenUp,
} from './member-report.ts'
import { unanswered } from './pending-requests.ts'

export interface MemberLinksOptions {
  readonly dial: Dial
  readonly clock: Clock
  /** In [0, 1), as Math.random. */
  readonly random: () => number
  /** Told of every change, so that reconcilers can be queued. Must not throw. */
  readonly onChange: MemberListener
}

export class MemberLinks implements MembersPort {
  readonly name = 'member-links'
  readonly #options: MemberLinksOptions
  readonly #targets = new Map<string, MemberTarget>()
  readonly #links = new Map<string, MemberLink>()
  #isStarted = false

  constructor(options: MemberLinksOptions) {
    this.#options = options
  }

  start(): void {
    this.#isStarted = true
    for (const [member, target] of this.#targets) this.#open(member, target, [])
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
    this.#targets.clear()
  }

  ensure(member: string, target: MemberTarget): void {
    this.#targets.set(member, target)
    if (!this.#isStarted) return
    const link = this.#links.get(member)
    if (link !== undefined && isSameTarget(link.target, target)) return
    link?.close()
    this.#open(member, target, link?.report.exits ?? [])
  }

  remove(member: string): void {
    this.#targets.delete(member)
    this.#links.get(member)?.close()
    this.#links.delete(member)
  }

  report(member: string): MemberReport | undefined {
    return this.#links.get(member)?.report
  }

  /** Of all members, in no particular order; for metrics and health. */
  reports(): readonly MemberReport[] {
    return [...this.#links.values()].map(({ report }) => report)
  }

  assign(member: string, assignment: Assignment): Promise<RequestResult> {
    const link = this.#links.get(member)
    return link?.request({ kind: 'assign', assignment }) ?? noLink(member)
  }

  retain(member: string, { tenantUid, shard, epoch }: ShardGivenUp): Promise<RequestResult> {
    const link = this.#links.get(member)
    return link?.request({ kind: 'retain', tenantUid, shard, epoch }) ?? noLink(member)
  }

  unassign(member: string, { tenantUid, shard, epoch }: ShardGivenUp): Promise<RequestResult> {
    const link = this.#links.get(member)
    return link?.request({ kind: 'unassign', tenantUid, shard, epoch }) ?? noLink(member)
  }

  #open(member: string, target: MemberTarget, exits: readonly EngineExit[]): void {
    const { dial, clock, random, onChange } = this.#options
    const link = new MemberLink({
      member,
      target,
      dial,
      clock,
      random,
      exits,
      onChange: (change) => onChange(member, change),
    })
    this.#links.set(member, link)
  }
}

const noLink = (member: string): Promise<RequestResult> =>
  Promise.resolve(unanswered(`${member}: no link`))

const isSameTarget = (a: MemberTarget, b: MemberTarget): boolean =>
  a.address === b.address && a.podUid === b.podUid && a.pool === b.pool && a.port === b.port
