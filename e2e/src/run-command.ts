import { spawn } from 'node:child_process'
import type { CommandResult } from './test-cluster.ts'

export interface CommandOptions {
  readonly input?: string | undefined
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Default COMMAND_DEADLINE_MS. */
  readonly deadlineMs?: number
}

const COMMAND_DEADLINE_MS = 120_000

/** Runs a program to its end and collects what it printed. An exit code is a value, not an error. */
export function runCommand(
  program: string,
  args: readonly string[],
  { input, env, cwd, deadlineMs = COMMAND_DEADLINE_MS }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd, timeout: deadlineMs })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ exitCode: code ?? -1, stdout, stderr }))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
