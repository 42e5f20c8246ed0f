/**
 * An engine must never outlive its supervisor, not even one whose event loop hangs.
 *
 * Standard input is a pipe whose other end only the supervisor holds, so its end-of-file is the
 * supervisor's end. A thread of its own waits for it, and kills the process without asking.
 */
import { Worker } from 'node:worker_threads'

const STACK_MB = 1
const HEAP_MB = 8

// Inline, because the image carries each program as one file.
const guard = `
  const end = () => process.kill(process.pid, 'SIGKILL')
  new (require('node:net').Socket)({ fd: 0 }).on('error', end).on('close', end).resume()
`

export function guardAgainstOrphanhood(): void {
  const worker = new Worker(guard, {
    eval: true,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, stackSizeMb: STACK_MB },
  })
  worker.unref()
}
