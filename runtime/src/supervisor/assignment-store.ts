/**
 * The assignments and epochs of this member, durable before anybody is told.
 *
 * Changes are committed in groups: while one write and its fsync are under way the next group
 * collects, so that a thousand assignments in a burst cost a handful of them. After a failed write
 * nothing is known of the file's end; the next group therefore replaces the whole file.
 */
import { randomUUID } from 'node:crypto'
import { type HeldShard, type Refusal, shardKey } from '@miniredis/crds'
import { z } from 'zod'
import type { Logger } from '../telemetry/logger.ts'
import { AssignmentBook, type Change, type Entry, entrySchema } from './assignment-book.ts'
import { exitCodes, StartError } from './exit-codes.ts'
import type { JournalStorage } from './journal-file.ts'
import { DamagedJournal, decodeJournal, encodeJournalFrame } from './journal-frames.ts'
import { JOURNAL_BATCH_MAX, JOURNAL_QUEUE_MAX, JOURNAL_REWRITE_BYTES_MIN } from './limits.ts'

const baseSchema = z.strictObject({
  version: z.literal(1),
  volumeNonce: z.string().min(1),
  entries: z.array(entrySchema),
})
const deltaSchema = z.strictObject({ entries: z.array(entrySchema) })

interface Waiting {
  readonly change: Change
  readonly resolve: (refusal: Refusal | null) => void
}

export interface AssignmentStoreOptions {
  readonly storage: JournalStorage
  /** Names the journal in errors. */
  readonly path: string
  readonly logger: Logger
}

export class AssignmentStore {
  readonly volumeNonce: string
  readonly book: AssignmentBook
  /** Called in the order of commits, once the change of that key is durable; with what was held. */
  onCommitted: (key: string, before: HeldShard | undefined) => void = () => undefined
  readonly #storage: JournalStorage
  readonly #logger: Logger
  #queue: Waiting[] = []
  #flushing: Promise<void> | undefined
  #sequence = 0
  #bytes = 0
  #rewrittenBytes = 0
  #mustRewrite = false

  private constructor(options: AssignmentStoreOptions, book: AssignmentBook, volumeNonce: string) {
    this.#storage = options.storage
    this.#logger = options.logger
    this.book = book
    this.volumeNonce = volumeNonce
  }

  /**
   * Reads the volume's journal, or gives a new volume its nonce, and writes it anew, which also
   * proves that the volume can be written. Throws StartError for damage and for failing disks.
   */
  static async open(options: AssignmentStoreOptions): Promise<AssignmentStore> {
    try {
      const bytes = await options.storage.read()
      const { book, volumeNonce } = bytes === undefined ? empty() : load(bytes, options)
      const store = new AssignmentStore(options, book, volumeNonce)
      await store.#rewrite([])
      return store
    } catch (error) {
      throw asStartError(error, options.path)
    }
  }

  /** Makes a change durable. Resolves with null, or with why it was refused; never rejects. */
  commit(change: Change): Promise<Refusal | null> {
    if (this.#queue.length >= JOURNAL_QUEUE_MAX) {
      return Promise.resolve(storageFailed('too many changes wait for the disk'))
    }
    return new Promise((resolve) => {
      this.#queue.push({ change, resolve })
      this.#flushing ??= this.#flush()
    })
  }

  async close(): Promise<void> {
    await this.#flushing
    await this.#storage.close()
  }

  async #flush(): Promise<void> {
    // One turn later, so that what arrived in the same chunk shares the first write.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) await this.#commitBatch(this.#takeBatch())
    this.#flushing = undefined
  }

  /** At most one change per shard: each is decided on what is durable when its turn comes. */
  #takeBatch(): Waiting[] {
    const keys = new Set<string>()
    let count = 0
    for (const { change } of this.#queue.slice(0, JOURNAL_BATCH_MAX)) {
      const key = changedKey(change)
      if (keys.has(key)) break
      keys.add(key)
      count++
    }
    return this.#queue.splice(0, count)
  }

  async #commitBatch(batch: readonly Waiting[]): Promise<void> {
    const entries: Entry[] = []
    const waiting: Waiting[] = []
    let heldCount = this.book.heldCount
    for (const item of batch) {
      const decision = this.book.decide(item.change, heldCount)
      if (decision.kind === 'write') {
        entries.push(decision.entry)
        waiting.push(item)
        if (decision.entry.kind === 'held' && !this.#holds(item)) heldCount++
      } else item.resolve(decision.kind === 'refuse' ? decision.refusal : null)
    }
    const refusal = entries.length === 0 ? null : await this.#write(entries)
    for (const { resolve } of waiting) resolve(refusal)
  }

  #holds({ change }: Waiting): boolean {
    return this.book.heldShard(changedKey(change)) !== undefined
  }

  async #write(entries: readonly Entry[]): Promise<Refusal | null> {
    try {
      await (this.#isRewriteDue() ? this.#rewrite(entries) : this.#append(entries))
    } catch (error) {
      this.#mustRewrite = true
      this.#logger.error({ err: error }, 'assignment journal was not written')
      return storageFailed(error instanceof Error ? error.message : String(error))
    }
    for (const entry of entries) this.#apply(entry)
    return null
  }

  #apply(entry: Entry): void {
    const before = this.book.heldShard(
      entry.kind === 'held' ? shardKey(entry.assignment) : entry.key,
    )
    this.onCommitted(this.book.apply(entry), before)
  }

  #isRewriteDue(): boolean {
    const limit = Math.max(JOURNAL_REWRITE_BYTES_MIN, 2 * this.#rewrittenBytes)
    return this.#mustRewrite || this.#bytes > limit
  }

  async #append(entries: readonly Entry[]): Promise<void> {
    const frame = encodeJournalFrame(this.#sequence, { entries })
    await this.#storage.append(frame)
    this.#sequence++
    this.#bytes += frame.length
  }

  async #rewrite(added: readonly Entry[]): Promise<void> {
    const entries = [...this.book.entries(), ...added]
    const base = { version: 1, volumeNonce: this.volumeNonce, entries }
    const frame = encodeJournalFrame(0, base)
    await this.#storage.replace(frame)
    this.#sequence = 1
    this.#bytes = this.#rewrittenBytes = frame.length
    this.#mustRewrite = false
  }
}

const changedKey = (change: Change): string =>
  shardKey(change.kind === 'assign' ? change.assignment : change)

const empty = () => ({ book: new AssignmentBook(), volumeNonce: randomUUID() })

function load(bytes: Buffer, { path, logger }: AssignmentStoreOptions) {
  const { frames, validBytes } = decodeJournal(bytes)
  if (validBytes < bytes.length) {
    const cutBytes = bytes.length - validBytes
    logger.warn({ path, offset: validBytes, cutBytes }, 'torn tail of the journal was cut')
  }
  const [first, ...rest] = frames.map(({ offset, payload }, index) =>
    parsePayload(index === 0 ? baseSchema : deltaSchema, payload, offset),
  )
  const book = new AssignmentBook()
  const { volumeNonce } = first as z.output<typeof baseSchema>
  for (const { entries } of [first as z.output<typeof baseSchema>, ...rest]) {
    for (const entry of entries) book.apply(entry)
  }
  return { book, volumeNonce }
}

function parsePayload<Schema extends z.ZodType>(schema: Schema, payload: unknown, offset: number) {
  const parsed = schema.safeParse(payload)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new DamagedJournal(offset, `unknown content: ${issue?.code} at ${issue?.path.join('.')}`)
}

function asStartError(error: unknown, path: string): StartError {
  const reason = error instanceof Error ? error.message : String(error)
  if (!(error instanceof DamagedJournal)) {
    const message = `${path}: the volume cannot be used: ${reason}`
    return new StartError(exitCodes.unavailable, message, { cause: error })
  }
  const message =
    `${path}: damaged at byte ${error.offset}: ${reason}. Epochs of this volume are unknown; ` +
    'restore the file, or replace the member with a new volume.'
  return new StartError(exitCodes.damagedState, message, { cause: error })
}

const storageFailed = (reason: string): Refusal => ({
  code: 'StorageFailed',
  message: `not durable: ${reason}`.slice(0, 512),
})
