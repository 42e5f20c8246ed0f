/** One connection to a member, as the link sees it: messages, not bytes. TLS is in tls-dialler.ts. */
import type { MemberMessage, OperatorMessage } from '@miniredis/crds'
import type { MemberTarget } from './member-report.ts'

export interface ConnectionEvents {
  message(message: MemberMessage): void
  /** Exactly once, the last event, also when the connection never came about. */
  closed(reason: string): void
}

export interface MemberConnection {
  send(message: OperatorMessage): void
  close(reason: string): void
}

/** Starts a connection. Events follow in later turns, never before this returns. */
export type Dial = (
  member: string,
  target: MemberTarget,
  events: ConnectionEvents,
) => MemberConnection
