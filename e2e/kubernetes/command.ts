/** Runs a program to its end. Long-lived programs are in processes.ts. */
import { spawn } from 'node:child_process'

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly stdin?: string
  /** Pass the program's output on as it comes, for builds that take minutes. */
  readonly isLoud?: boolean
}

export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export class CommandError extends Error {
  readonly result: CommandResult
  constructor(command: readonly string[], result: CommandResult) {
    super(`${command.join(' ')} ended with ${result.exitCode}\n${result.stderr || result.stdout}`)
    this.result = result
  }
}

/** Runs the program and answers with its exit code and output; throws only if it cannot start. */
export function tryCommand(
  [program = '', ...args]: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: options.env, cwd: options.cwd })
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text
        if (options.isLoud) process.stderr.write(text)
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve({ exitCode: code ?? 128, ...output }))
    child.stdin.on('error', () => {}) // a program may end without reading its input
    child.stdin.end(options.stdin ?? '')
  })
}

/** As tryCommand, but an exit code other than 0 throws. Answers with standard output. */
export async function runCommand(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await tryCommand(command, options)
  if (result.exitCode !== 0) throw new CommandError(command, result)
  return result.stdout
}
