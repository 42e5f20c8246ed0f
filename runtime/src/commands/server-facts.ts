/** What commands may tell about this process: a port, filled by the program that serves. */

/** The Redis version whose command set and wire behaviour clients may expect. */
export const REDIS_VERSION = '7.2.0'
export const PRODUCT_VERSION = '0.1.0'

export interface ServerFacts {
  readonly processId: number
  readonly runId: string
  readonly startedAtMs: number
  readonly operatingSystem: string
  readonly runtimeVersion: string
  /** The port that clients reach; known once the server listens. */
  tcpPort(): number
  /** Settings of the process as CONFIG GET names them; those of a tenant are added to them. */
  settings(): ReadonlyMap<string, string>
}
