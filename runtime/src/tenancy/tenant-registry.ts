/**
 * The tenants of this process, and which of them a password or a user name selects (DESIGN 3).
 *
 * Finding out costs the same whatever is wrong: one table look-up, one SHA-256, four comparisons in
 * constant time, against a dummy where there is no such tenant.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Assignment } from '@miniredis/crds'
import type { KeyspaceHost } from '../engine/keyspace.ts'
import { Tenant } from './tenant.ts'

/** The user of a client that names none. */
export const DEFAULT_USER = 'default'
/** Password hashes per tenant that an assignment may carry: the present, and old ones in grace. */
const PASSWORDS_MAX = 4
const HASH_BYTES = 32
const UNDERSCORE = 0x5f

/** Matches no password: SHA-256 never yields it as far as anyone knows. */
const dummyHashes: readonly Buffer[] = Array.from({ length: PASSWORDS_MAX }, () =>
  Buffer.alloc(HASH_BYTES),
)

interface Entry {
  readonly tenant: Tenant
  /** Exactly PASSWORDS_MAX, filled up with dummies. */
  hashes: readonly Buffer[]
}

/** An assignment was refused because this process has seen a higher epoch (AUTHORITY 3). */
export class StaleEpochError extends Error {
  override readonly name = 'StaleEpochError'
}

export class TenantRegistry {
  readonly #host: KeyspaceHost
  readonly #byUid = new Map<string, Entry>()
  readonly #byUserName = new Map<string, Entry>()
  readonly #byTenantId = new Map<string, Entry>()

  constructor(host: KeyspaceHost) {
    this.#host = host
  }

  get size(): number {
    return this.#byUid.size
  }

  *tenants(): Generator<Tenant> {
    for (const { tenant } of this.#byUid.values()) yield tenant
  }

  get(tenantUid: string): Tenant | undefined {
    return this.#byUid.get(tenantUid)?.tenant
  }

  /** Takes a tenant in, or changes its configuration in place; throws StaleEpochError. */
  assign(assignment: Assignment): Tenant {
    const existing = this.#byUid.get(assignment.tenantUid)
    if (existing !== undefined && existing.tenant.assignment.epoch > assignment.epoch) {
      throw new StaleEpochError(
        `tenant ${assignment.tenantUid} is at epoch ${existing.tenant.assignment.epoch}, ` +
          `the assignment says ${assignment.epoch}`,
      )
    }
    const entry = existing ?? { tenant: new Tenant(this.#host, assignment), hashes: dummyHashes }
    if (existing !== undefined) this.#unlink(existing)
    entry.tenant.reconfigure(assignment)
    entry.hashes = hashesOf(assignment)
    this.#byUid.set(assignment.tenantUid, entry)
    if (assignment.served) this.#link(entry)
    return entry.tenant
  }

  #link(entry: Entry): void {
    const { userName, tenantId } = entry.tenant.assignment
    this.#byUserName.set(userName, entry)
    this.#byTenantId.set(tenantId, entry)
  }

  /** Forgets a tenant: sessions closed, data freed. Returns whether it was here. */
  unassign(tenantUid: string): boolean {
    const entry = this.#byUid.get(tenantUid)
    if (entry === undefined) return false
    this.#unlink(entry)
    this.#byUid.delete(tenantUid)
    entry.tenant.dispose()
    return true
  }

  #unlink(entry: Entry): void {
    const { userName, tenantId } = entry.tenant.assignment
    if (this.#byUserName.get(userName) === entry) this.#byUserName.delete(userName)
    if (this.#byTenantId.get(tenantId) === entry) this.#byTenantId.delete(tenantId)
  }

  /**
   * The tenant that this user and password open, or undefined. User `default` means that the
   * password alone selects the tenant, by its prefix, unless a tenant bears that very name.
   */
  authenticate(user: string, password: Uint8Array): Tenant | undefined {
    const entry = this.#select(user, password)
    const digest = createHash('sha256').update(password).digest()
    let isRight = false
    for (const hash of entry?.hashes ?? dummyHashes) {
      if (timingSafeEqual(hash, digest)) isRight = true
    }
    return isRight ? entry?.tenant : undefined
  }

  #select(user: string, password: Uint8Array): Entry | undefined {
    if (user !== DEFAULT_USER) return this.#byUserName.get(user)
    return this.#byTenantId.get(tenantIdOf(password)) ?? this.#byUserName.get(DEFAULT_USER)
  }
}

/** The part of a generated password that names its tenant: what is before the first underscore. */
function tenantIdOf(password: Uint8Array): string {
  const length = password.indexOf(UNDERSCORE)
  return length <= 0 ? '' : Buffer.from(password.subarray(0, length)).toString('latin1')
}

function hashesOf({ passwordHashes }: Assignment): readonly Buffer[] {
  const hashes = passwordHashes.map((hash) => Buffer.from(hash, 'hex'))
  return [...hashes, ...dummyHashes].slice(0, PASSWORDS_MAX)
}
