/** The way to a writer in a worker thread. */
import { type Transferable, Worker } from 'node:worker_threads'
import type { FromWriter, ToWriter, WriterChannel } from './writer-messages.ts'

const memoryOf = (message: ToWriter): Transferable[] =>
  message.kind === 'batch'
    ? message.chunks.flatMap(({ bytes }) =>
        bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [],
      )
    : []

/** `program` is the file of the worker: log-worker-main.ts in a work tree, its bundle in an image. */
export function startWriterThread(program: string | URL): WriterChannel {
  const worker = new Worker(program)
  let failed: (reason: string) => void = () => undefined
  let isClosing = false
  worker.on('error', (error) => failed(`the log's thread died: ${error.message}`))
  worker.on('exit', (code) => {
    if (!isClosing) failed(`the log's thread ended with code ${code}`)
  })
  return {
    post: (message) => {
      if (message.kind === 'close') isClosing = true
      worker.postMessage(message, memoryOf(message))
    },
    onMessage: (listener) => {
      worker.on('message', (message: FromWriter) => listener(message))
    },
    onFailure: (listener) => {
      failed = listener
    },
    close: async () => {
      isClosing = true
      await worker.terminate()
    },
  }
}
