/**
 * The supervisor: volume, engine, control door and telemetry of one member, tied together.
 *
 * An assignment goes through three steps, and is answered after the last: durable in the journal,
 * confirmed by the engine, told to every control connection as held. Giving one up does the same:
 * nobody hears that a shard is released while the engine may still serve it.
 */

import { join } from 'node:path'
import {
  type HeldShard,
  type MemberMessage,
  memberIdentity,
  type OperatorMessage,
  operatorIdentity,
  type Refusal,
  type RuntimeConfiguration,
  shardKey,
  TENANTS_PER_MEMBER_MAX,
  type TenantUsage,
} from '@miniredis/crds'
import type { Logger } from '../telemetry/logger.ts'
import { AssignmentStore } from './assignment-store.ts'
import type { ControlConnection } from './control-connection.ts'
import { ControlServer } from './control-server.ts'
import { EngineKeeper } from './engine-keeper.ts'
import { exitCodes, StartError } from './exit-codes.ts'
import { JournalFile } from './journal-file.ts'
import type { EnginePatience } from './limits.ts'
import { readTlsMaterial, type TlsMaterial, watchTlsMaterial } from './tls-files.ts'

export interface SupervisorOptions {
  readonly configuration: RuntimeConfiguration
  /** The file of the engine program. */
  readonly engineProgram: string
  readonly ports: { readonly resp: number; readonly control: number }
  readonly logger: Logger
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly tlsReloadIntervalMs?: number
  readonly patience?: Partial<EnginePatience>
}

/** `userName` is `<name>.<namespace>`. */
export interface NamedUsage extends TenantUsage {
  readonly userName: string
}

type ShardRequest = Exclude<OperatorMessage, { kind: 'beat' }>

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #store: AssignmentStore
  readonly #keeper: EngineKeeper
  readonly #control: ControlServer
  readonly #unwatchTls: () => void
  /** Shards that are durable but not confirmed by the engine, and whether it failed on them. */
  readonly #unapplied = new Map<string, 'pending' | 'failed'>()
  /** Shards given up durably that the engine may still serve. */
  readonly #releasing = new Map<string, HeldShard>()
  #usage: readonly TenantUsage[] = []
  #heartbeats = 0
  #controlPort = 0
  #isStopping = false

  /** Throws StartError when the volume, the certificates or a port cannot be had. */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const { configuration, logger } = options
    const tls = await readTls(configuration.MINIREDIS_TLS_DIR)
    const path = join(configuration.MINIREDIS_DATA_DIR, 'assignments.journal')
    const store = await AssignmentStore.open({ storage: new JournalFile(path), path, logger })
    const supervisor = new Supervisor(options, store, tls)
    await supervisor.#listen()
    supervisor.#keeper.start()
    return supervisor
  }

  private constructor(options: SupervisorOptions, store: AssignmentStore, tls: TlsMaterial) {
    const { configuration, logger } = options
    this.#options = options
    this.#store = store
    store.onCommitted = (key, before) => this.#committed(key, before)
    this.#keeper = this.#createKeeper()
    this.#control = new ControlServer({
      host: configuration.MINIREDIS_BIND,
      port: options.ports.control,
      tls,
      clientIdentity: operatorIdentity(configuration.MINIREDIS_NAMESPACE),
      greetings: () => [this.#hello(), { kind: 'storage', report: this.#keeper.storage }],
      handle: (message, connection) => this.#handle(message, connection),
      logger,
    })
    this.#unwatchTls = watchTlsMaterial({
      directory: configuration.MINIREDIS_TLS_DIR,
      current: tls,
      onChange: (material) => this.#control.renew(material),
      logger,
      intervalMs: options.tlsReloadIntervalMs,
    })
  }

  #createKeeper(): EngineKeeper {
    const { configuration, engineProgram, ports, logger, nowMs, patience } = this.#options
    return new EngineKeeper({
      program: engineProgram,
      host: configuration.MINIREDIS_BIND,
      port: ports.resp,
      dataDirectory: configuration.MINIREDIS_DATA_DIR,
      wanted: this.#store.book,
      events: {
        started: (engine) => this.#engineStarted({ kind: 'engineStarted', engine }),
        exited: (bootNonce, exit) =>
          this.#engineExited({ kind: 'engineExited', bootNonce, ...exit }),
        storage: (report) => this.#control.broadcast({ kind: 'storage', report }),
        usage: (tenants) => this.#usageReported(tenants),
      },
      logger,
      nowMs,
      patience,
    })
  }

  async #listen(): Promise<void> {
    const { configuration, ports } = this.#options
    try {
      this.#controlPort = await this.#control.listen()
    } catch (error) {
      const address = `${configuration.MINIREDIS_BIND}:${ports.control}`
      throw new StartError(exitCodes.unavailable, `control port ${address}: ${error}`)
    }
  }

  /** Everything that health and metrics show. */
  get view() {
    return {
      identity: memberIdentityOf(this.#options.configuration),
      podUid: this.#options.configuration.MINIREDIS_POD_UID,
      volumeNonce: this.#store.volumeNonce,
      engine: this.#keeper.state,
      storage: this.#keeper.storage,
      enginePid: this.#keeper.pid,
      enginePort: this.#keeper.port,
      isWatchingEngine: this.#keeper.isWatching,
      isStopping: this.#isStopping,
      tenantsHeld: this.#store.book.heldCount,
      shardsFailed: [...this.#unapplied.values()].filter((state) => state === 'failed').length,
      usage: this.#namedUsage(),
      heartbeats: this.#heartbeats,
      controlPort: this.#controlPort,
      controlConnections: this.#control.connectionCount,
      controlRejections: this.#control.rejectedCount,
    }
  }

  /** Ends the engine with grace, tells the operator, closes. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#unwatchTls()
    await this.#keeper.stop()
    await this.#control.close()
    await this.#store.close()
  }

  /** Ends the engine at once; a stop() under way goes on. */
  killEngine(): void {
    this.#keeper.kill()
  }

  #hello(): MemberMessage {
    const { MINIREDIS_MEMBER, MINIREDIS_POD_UID } = this.#options.configuration
    return {
      kind: 'hello',
      protocolVersion: 1,
      member: MINIREDIS_MEMBER,
      podUid: MINIREDIS_POD_UID,
      volumeNonce: this.#store.volumeNonce,
      engine: this.#keeper.state,
      held: this.#heldShards(),
    }
  }

  /** What the engine serves, as far as it is known. */
  #heldShards(): HeldShard[] {
    const held = this.#store.book.heldShards()
    const applied = held.filter((shard) => !this.#unapplied.has(shardKey(shard)))
    return [...applied, ...this.#releasing.values()].slice(0, TENANTS_PER_MEMBER_MAX)
  }

  async #handle(message: OperatorMessage, connection: ControlConnection): Promise<void> {
    if (message.kind === 'beat') {
      this.#heartbeats++
      const { sequence } = message
      connection.send({ kind: 'beatAnswer', sequence, engine: this.#keeper.state })
      return
    }
    const refusal = await this.#change(message)
    connection.send({ kind: 'result', requestId: message.requestId, refusal })
  }

  async #change(request: ShardRequest): Promise<Refusal | null> {
    const refusal = await this.#store.commit(request)
    if (refusal !== null) return refusal
    const subject = request.kind === 'assign' ? request.assignment : request
    const failure = await this.#settle(subject)
    return failure === null ? null : { code: 'EngineFailed', message: failure.slice(0, 512) }
  }

  #committed(key: string, before: HeldShard | undefined): void {
    const held = this.#store.book.heldShard(key)
    if (held !== undefined) {
      this.#releasing.delete(key)
      this.#unapplied.set(key, 'pending')
      return
    }
    this.#unapplied.delete(key)
    if (before === undefined) return
    this.#releasing.set(key, before)
    if (this.#keeper.pid === undefined) this.#released(key)
  }

  #released(key: string): void {
    const shard = this.#releasing.get(key)
    if (shard === undefined) return
    this.#releasing.delete(key)
    const { tenantUid } = shard
    this.#control.broadcast({ kind: 'released', tenantUid, shard: shard.shard })
  }

  async #settle({ tenantUid, shard }: { tenantUid: string; shard: number }) {
    const key = shardKey({ tenantUid, shard })
    const sent = this.#store.book.heldShard(key)
    const failure = await this.#keeper.settle(key, tenantUid, shard)
    // Changed meanwhile: whoever changed it settles it.
    if (this.#store.book.heldShard(key) !== sent) return failure
    if (sent === undefined) {
      if (failure === null) this.#released(key)
    } else if (failure === null) this.#applied(key, sent)
    else this.#unapplied.set(key, 'failed')
    return failure
  }

  #applied(key: string, shard: HeldShard): void {
    if (this.#unapplied.delete(key)) this.#control.broadcast({ kind: 'held', shard })
  }

  #engineStarted(message: MemberMessage): void {
    this.#control.broadcast(message)
    for (const [key, state] of this.#unapplied) {
      const shard = this.#store.book.heldShard(key)
      if (state === 'failed' && shard !== undefined) this.#applied(key, shard)
    }
  }

  /** The next engine starts from the book: what was given up is served by nobody any more. */
  #engineExited(message: MemberMessage): void {
    this.#control.broadcast(message)
    for (const key of [...this.#releasing.keys()]) this.#released(key)
  }

  #usageReported(tenants: readonly TenantUsage[]): void {
    this.#usage = tenants
    this.#control.broadcast({ kind: 'usage', tenants: [...tenants] })
  }

  /** The latest usage of what is still held, by names that people know. */
  #namedUsage(): readonly NamedUsage[] {
    return this.#usage.flatMap((usage) => {
      const userName = this.#store.book.assignment(shardKey(usage))?.userName
      return userName === undefined ? [] : [{ ...usage, userName }]
    })
  }
}

export type SupervisorView = Supervisor['view']

const memberIdentityOf = (configuration: RuntimeConfiguration): string =>
  memberIdentity(
    configuration.MINIREDIS_NAMESPACE,
    configuration.MINIREDIS_POOL,
    configuration.MINIREDIS_MEMBER,
  )

async function readTls(directory: string): Promise<TlsMaterial> {
  try {
    return await readTlsMaterial(directory)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `MINIREDIS_TLS_DIR ${directory} has no usable certificate: ${reason}`
    throw new StartError(exitCodes.configuration, message, { cause: error })
  }
}
