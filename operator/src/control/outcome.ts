/** What one reconcile came to. The controller turns it into the key's next turn. */

export type Outcome =
  | { readonly kind: 'done' }
  /** Look again after so many milliseconds, or earlier when something happens. */
  | { readonly kind: 'after'; readonly delayMs: number }
  /** Retried with back-off, for ever. */
  | { readonly kind: 'failed'; readonly error: unknown }

export const done: Outcome = { kind: 'done' }
export const after = (delayMs: number): Outcome => ({ kind: 'after', delayMs })
export const failed = (error: unknown): Outcome => ({ kind: 'failed', error })

/**
 * Something went wrong in the world, not in the code: the network, the API server, a member. It is
 * retried. Whatever else a reconcile throws counts as a bug, is logged with its stack, and retried.
 */
export class OperatingError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}
