/** Collects names and works them off together at the end of the present turn, each once. */

export class PendingKeys {
  readonly #work: (key: string) => void
  readonly #onError: (error: unknown) => void
  readonly #keys = new Set<string>()

  constructor(work: (key: string) => void, onError: (error: unknown) => void) {
    this.#work = work
    this.#onError = onError
  }

  add(key: string): void {
    this.#keys.add(key)
    if (this.#keys.size === 1) queueMicrotask(() => this.#drain())
  }

  #drain(): void {
    const keys = [...this.#keys].sort()
    this.#keys.clear()
    for (const key of keys) {
      try {
        this.#work(key)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
