/** Just enough of a RESP2 client to ask a tenant whether it answers. */
import { connect, type Socket } from 'node:net'

export const REPLY_TIMEOUT_MS = 5000
export const REPLY_BYTES_MAX = 1024 * 1024

export interface RespAddress {
  readonly host: string
  readonly port: number
}

/** Sends the commands in one pipeline and gives one text for each reply; error replies reject. */
export async function askRedis(
  address: RespAddress,
  commands: readonly (readonly string[])[],
): Promise<readonly string[]> {
  const socket = connect(address)
  socket.setTimeout(REPLY_TIMEOUT_MS, () => {
    const { host, port } = address
    socket.destroy(new Error(`no answer from ${host}:${port} for ${REPLY_TIMEOUT_MS / 1000} s`))
  })
  socket.write(commands.map(encodeCommand).join(''))
  try {
    return await readReplies(socket, commands.length)
  } finally {
    socket.destroy()
  }
}

const encodeCommand = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

async function readReplies(socket: Socket, count: number): Promise<readonly string[]> {
  const replies: string[] = []
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk])
    if (bytes.length > REPLY_BYTES_MAX) throw new Error('the reply is too long')
    for (let reply = decodeReply(bytes); reply !== undefined; reply = decodeReply(bytes)) {
      replies.push(reply.text)
      bytes = bytes.subarray(reply.length)
    }
    if (replies.length >= count) return replies
  }
  throw new Error('the connection was closed before the answer')
}

interface DecodedReply {
  readonly text: string
  readonly length: number
}

/** Simple strings, errors, integers and bulk strings; undefined while the reply is incomplete. */
export function decodeReply(bytes: Buffer): DecodedReply | undefined {
  const end = bytes.indexOf('\r\n')
  if (end === -1) return undefined
  const kind = String.fromCharCode(bytes[0] ?? 0)
  const line = bytes.toString('utf8', 1, end)
  if (kind === '-') throw new Error(line)
  if (kind === '+' || kind === ':') return { text: line, length: end + 2 }
  if (kind !== '$') throw new Error(`unexpected reply ${kind}${line}`)
  const size = Number(line)
  if (size < 0) return { text: '', length: end + 2 }
  const length = end + 2 + size + 2
  if (bytes.length < length) return undefined
  return { text: bytes.toString('utf8', end + 2, end + 2 + size), length }
}
