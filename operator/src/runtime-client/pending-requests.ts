/** Requests that wait for their results: each is answered once, by the member or by its deadline. */
import type { Refusal } from '@miniredis/crds'
import type { Cancel, Clock } from '../control/clock.ts'
import { REQUEST_MS_MAX, REQUESTS_MAX } from './limits.ts'
import type { RequestResult } from './member-report.ts'

interface Pending {
  readonly resolve: (result: RequestResult) => void
  readonly cancelDeadline: Cancel
}

export const unanswered = (message: string): RequestResult => ({ kind: 'unanswered', message })

export class PendingRequests {
  readonly #clock: Clock
  readonly #pending = new Map<number, Pending>()
  #lastId = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `send` with a new id, and resolves with the result. */
  add(send: (requestId: number) => void): Promise<RequestResult> {
    if (this.#pending.size >= REQUESTS_MAX) {
      return Promise.resolve(unanswered(`${REQUESTS_MAX} requests wait already`))
    }
    const requestId = ++this.#lastId
    return new Promise((resolve) => {
      const cancelDeadline = this.#clock.after(REQUEST_MS_MAX, () =>
        this.#settle(requestId, unanswered(`no answer within ${REQUEST_MS_MAX} ms`)),
      )
      this.#pending.set(requestId, { resolve, cancelDeadline })
      send(requestId)
    })
  }

  answer(requestId: number, refusal: Refusal | null): void {
    const result: RequestResult =
      refusal === null ? { kind: 'done' } : { kind: 'refused', ...refusal }
    this.#settle(requestId, result)
  }

  failAll(message: string): void {
    for (const requestId of [...this.#pending.keys()]) this.#settle(requestId, unanswered(message))
  }

  /** A late answer finds nothing and is dropped. */
  #settle(requestId: number, result: RequestResult): void {
    const pending = this.#pending.get(requestId)
    if (pending === undefined) return
    this.#pending.delete(requestId)
    pending.cancelDeadline()
    pending.resolve(result)
  }
}
