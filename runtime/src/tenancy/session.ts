/**
 * What a command may know and change about the connection that it came from.
 *
 * The connection in server/ implements it; commands and tenancy never see the socket.
 */
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import type { Tenant } from './tenant.ts'

export interface Session {
  /** Unique in this process, growing; CLIENT ID. */
  readonly id: number
  /** `host:port` of the peer, and of our end. */
  readonly address: string
  readonly localAddress: string
  readonly connectedAtMs: number
  /** When the last turn of this session began. */
  readonly lastTurnAtMs: number
  /** Bytes that wait to be parsed, and that wait for the peer to read. */
  readonly queryBytes: number
  readonly outputBytes: number
  /** Lower-case name of the last command, `NULL` before the first. */
  lastCommand: string
  name: string
  libraryName: string
  libraryVersion: string
  /** RESP version of the replies after the current one. */
  protocol: 2 | 3
  databaseIndex: number
  /** The user that authenticated; `default` before that. */
  readonly user: string
  /** undefined: not authenticated yet. */
  readonly tenant: Tenant | undefined
  /** Leaves the present tenant, if any, and joins `tenant`; false when that one has no room. */
  join(tenant: Tenant, user: string): boolean
  /** Leaves the tenant: the state of a connection that was just accepted. */
  leave(): void
  /**
   * The reply to the present command comes later: `answer` resolves with who writes it. Nothing else
   * of this session runs before.
   */
  block(answer: Promise<(reply: ReplyWriter) => void>): void
  /** Closes the connection after the replies so far have been handed to the peer. */
  closeAfterReply(): void
  /** Closes the connection at once. */
  close(): void
}
