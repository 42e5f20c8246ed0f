/**
 * Frames of the control API: four bytes of length, big-endian, then that many bytes of JSON.
 *
 * Both ends meet here, so that they cannot drift. Pure: bytes in, messages out. Errors never carry
 * what the peer sent, because that may be a password hash.
 */
import { Buffer } from 'node:buffer'
import type { z } from 'zod'
import {
  CONTROL_FRAME_BYTES_MAX,
  type MemberMessage,
  memberMessageSchema,
  type OperatorMessage,
  operatorMessageSchema,
} from './control-api.ts'

const HEADER_BYTES = 4

export type FrameErrorCode = 'OversizedFrame' | 'EmptyFrame' | 'NotJson' | 'UnknownMessage'

/** The peer broke the protocol. Its connection must be closed: the stream has no next frame. */
export class FrameError extends Error {
  readonly code: FrameErrorCode

  constructor(code: FrameErrorCode, message: string) {
    super(message)
    this.name = 'FrameError'
    this.code = code
  }
}

/** The bytes of one message. Throws FrameError when it is longer than CONTROL_FRAME_BYTES_MAX. */
export function encodeFrame(message: OperatorMessage | MemberMessage): Buffer {
  const text = JSON.stringify(message)
  const length = Buffer.byteLength(text)
  if (length > CONTROL_FRAME_BYTES_MAX) throw oversized(length)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
  frame.writeUInt32BE(length, 0)
  frame.write(text, HEADER_BYTES)
  return frame
}

export const parseOperatorMessage = (body: Buffer): OperatorMessage =>
  parseMessage(operatorMessageSchema, body)

export const parseMemberMessage = (body: Buffer): MemberMessage =>
  parseMessage(memberMessageSchema, body)

/** Cuts a stream of bytes into frame bodies. Holds at most one unfinished frame. */
export class FrameDecoder {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #body: Buffer | undefined
  #bodyBytes = 0

  #readHeader(chunk: Uint8Array, at: number): number {
    const taken = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length - at)
    this.#header.set(chunk.subarray(at, at + taken), this.#headerBytes)
    this.#headerBytes += taken
    if (this.#headerBytes === HEADER_BYTES) this.#startBody(this.#header.readUInt32BE(0))
    return taken
  }

  #startBody(length: number): void {
    if (length === 0) throw new FrameError('EmptyFrame', 'a frame has no bytes')
    if (length > CONTROL_FRAME_BYTES_MAX) throw oversized(length)
    this.#body = Buffer.allocUnsafe(length)
    this.#bodyBytes = 0
  }

  #readBody(chunk: Uint8Array, at: number): number {
    const body = this.#body as Buffer
    const taken = Math.min(body.length - this.#bodyBytes, chunk.length - at)
    body.set(chunk.subarray(at, at + taken), this.#bodyBytes)
    this.#bodyBytes += taken
    return taken
  }

  /** The bodies that `chunk` completes, in order. Throws FrameError at the first bad header. */
  *push(chunk: Uint8Array): Generator<Buffer> {
    let at = 0
    while (at < chunk.length) {
      at += this.#body === undefined ? this.#readHeader(chunk, at) : this.#readBody(chunk, at)
      const body = this.#body
      if (body === undefined || this.#bodyBytes < body.length) continue
      this.#body = undefined
      this.#headerBytes = 0
      yield body
    }
  }
}

const oversized = (length: number): FrameError =>
  new FrameError(
    'OversizedFrame',
    `a frame of ${length} bytes is longer than the ${CONTROL_FRAME_BYTES_MAX} allowed`,
  )

function parseMessage<Schema extends z.ZodType>(schema: Schema, body: Buffer): z.output<Schema> {
  const parsed = schema.safeParse(parseJson(body))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = issue?.path.join('.').slice(0, 100)
  throw new FrameError(
    'UnknownMessage',
    `not a message of this protocol: ${issue?.code} at ${path}`,
  )
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new FrameError('NotJson', 'the body of a frame is not JSON')
  }
}
