/** The log's worker thread: carries a LogWriter, whose files nobody else touches. */
import { randomBytes } from 'node:crypto'
import { parentPort, type Transferable } from 'node:worker_threads'
import { WRITER_TICK_MS } from './persistence/log/limits.ts'
import { LogWriter } from './persistence/log/log-writer.ts'
import type { FromWriter, ToWriter } from './persistence/log/writer-messages.ts'
import { NodeDisk } from './persistence/node-disk.ts'

const port = parentPort
if (port === null) throw new Error('this program is a worker thread of the engine')

const memoryOf = (message: FromWriter): Transferable[] =>
  message.kind === 'written'
    ? message.chunks.flatMap(({ bytes }) =>
        bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [],
      )
    : []

const writer = new LogWriter({
  disk: new NodeDisk(),
  nowMs: Date.now,
  monotonicMs: () => performance.now(),
  random: randomBytes,
  post: (message) => port.postMessage(message, memoryOf(message)),
})

let isWorking = false

/** Housekeeping in slices, with a look at the messages between two of them. */
function work(): void {
  isWorking = writer.work()
  if (isWorking) setImmediate(work)
}

function wake(): void {
  if (isWorking) return
  isWorking = true
  setImmediate(work)
}

const timer = setInterval(() => {
  writer.tick()
  wake()
}, WRITER_TICK_MS)

port.on('message', (message: ToWriter) => {
  writer.handle(message)
  if (message.kind === 'retain') wake()
  if (message.kind !== 'close') return
  clearInterval(timer)
  port.close()
})
