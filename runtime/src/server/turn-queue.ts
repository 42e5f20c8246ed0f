/**
 * Whose turn is next among connections that have more to run: tenants take turns, and within a
 * tenant its connections, so that a tenant gains nothing by opening more of them.
 */
export class TurnQueue<Owner, Member> {
  /** Insertion order is the order of turns; an owner is here while it has members waiting. */
  readonly #waiting = new Map<Owner, Member[]>()

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** Owners that wait: as many turns make one round. */
  get ownerCount(): number {
    return this.#waiting.size
  }

  /** `member` must not be waiting already. */
  add(owner: Owner, member: Member): void {
    const members = this.#waiting.get(owner)
    if (members === undefined) this.#waiting.set(owner, [member])
    else members.push(member)
  }

  /** Takes the next member out; its owner goes to the end of the line. */
  take(): Member | undefined {
    for (const [owner, members] of this.#waiting) {
      const member = members.shift()
      this.#waiting.delete(owner)
      if (members.length > 0) this.#waiting.set(owner, members)
      return member
    }
    return undefined
  }
}
