/** What the supervisor's exit says, in the tradition of sysexits.h. */
export const exitCodes = {
  ok: 0,
  /** A bug: an uncaught exception. */
  software: 70,
  /** The volume's state is damaged; starting again does not help. */
  damagedState: 65,
  /** A port is taken or the volume cannot be written. */
  unavailable: 74,
  /** The environment or the certificates are wrong. */
  configuration: 78,
} as const

/** Why a supervisor cannot start, with the code that it exits with. */
export class StartError extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StartError'
    this.exitCode = exitCode
  }
}
