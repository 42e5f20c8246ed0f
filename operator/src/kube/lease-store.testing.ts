/** An API that knows one Lease, for tests of those who want it. */
import { type Clock, sleep } from '../control/clock.ts'
import { KubeError } from './errors.ts'
import type { Stored } from './object.ts'
import type { KubePort } from './port.ts'
import type { Lease } from './resources.ts'

export type LeasePort = Pick<KubePort, 'get' | 'create' | 'replace'>
export interface Fault {
  readonly requestMs?: number
  readonly answerMs?: number
  readonly lost?: boolean
}

/** One Lease with compare-and-set; each call can be slow on either way, or lose its answer. */
export class LeaseStore {
  lease: Stored<Lease> | undefined
  writes = 0
  /** While true nobody gets an answer. */
  down = false
  #version = 0

  connect(clock: Clock, fault: () => Fault = () => ({})): LeasePort {
    const call = async <T>(run: () => T): Promise<T> => {
      const { requestMs = 1, answerMs = 1, lost = this.down } = fault()
      await sleep(clock, requestMs)
      let outcome: () => T
      try {
        const value = run()
        outcome = () => value
      } catch (error) {
        outcome = () => {
          throw error
        }
      }
      await sleep(clock, lost ? 1000 : answerMs)
      if (lost) throw new KubeError('Timeout', 'no answer')
      return outcome()
    }
    const port = {
      get: () => call(() => this.lease),
      create: (_: unknown, object: Lease) => call(() => this.#create(object)),
      replace: (_: unknown, object: Stored<Lease>) => call(() => this.#replace(object)),
    }
    return port as unknown as LeasePort
  }

  #create(object: Lease): Stored<Lease> {
    if (this.lease !== undefined) throw new KubeError('AlreadyExists', 'exists')
    return this.#store(object)
  }

  #replace(object: Stored<Lease>): Stored<Lease> {
    if (this.lease === undefined) throw new KubeError('NotFound', 'gone')
    const current = this.lease.metadata.resourceVersion === object.metadata.resourceVersion
    if (!current) throw new KubeError('Conflict', 'changed')
    return this.#store(object)
  }

  #store({ metadata, ...rest }: Lease): Stored<Lease> {
    this.writes++
    const resourceVersion = String(++this.#version)
    this.lease = { ...rest, metadata: { ...metadata, uid: 'uid', resourceVersion } }
    return this.lease
  }
}
