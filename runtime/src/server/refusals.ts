/**
 * Connections that are turned away at the door, because the process has as many as it may. Each
 * hears why, and has a moment to go; of those that do not there are only so many.
 */
import type net from 'node:net'
import { LINGER_MS, REFUSALS_MAX } from './limits.ts'

const NO_ROOM = '-ERR max number of clients reached\r\n'

export class Refusals {
  /** Each with the timer that closes it. */
  readonly #sockets = new Map<net.Socket, NodeJS.Timeout>()

  get size(): number {
    return this.#sockets.size
  }

  /** Sends the reason and the end; one more than may linger is closed without a word. */
  add(socket: net.Socket): void {
    socket.on('error', () => {}) // a peer that resets
    if (this.#sockets.size >= REFUSALS_MAX) {
      socket.destroy()
      return
    }
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    this.#sockets.set(socket, timer)
    socket.on('close', () => {
      clearTimeout(timer)
      this.#sockets.delete(socket)
    })
    socket.end(NO_ROOM)
    socket.resume()
  }

  /** Closes those that are left. */
  close(): void {
    for (const socket of this.#sockets.keys()) socket.destroy()
  }
}
