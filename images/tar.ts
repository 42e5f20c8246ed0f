/**
 * A writer of ustar archives whose bytes depend on nothing but the entries: no times, no owners of
 * this machine, no order of a directory. Equal inputs give equal digests, so an image that did not
 * change is recognised as such. Reading archives is not done here.
 *
 * Format: POSIX.1-2017, pax, "ustar Interchange Format".
 */
import { Buffer } from 'node:buffer'

const BLOCK_BYTES = 512
const NAME_BYTES_MAX = 100
const PREFIX_BYTES_MAX = 155

export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly bytes: Buffer }

/** The archive of these entries, sorted by path, with every missing parent directory (0755). */
export function encodeTar(entries: readonly TarEntry[]): Buffer {
  const blocks = withParents(entries).flatMap(encodeEntry)
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)])
}

function withParents(entries: readonly TarEntry[]): readonly TarEntry[] {
  const byPath = new Map<string, TarEntry>()
  for (const entry of entries) {
    for (const path of parents(entry.path)) {
      if (!byPath.has(path)) byPath.set(path, { kind: 'directory', path, mode: 0o755 })
    }
    byPath.set(entry.path, entry)
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function parents(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

function encodeEntry(entry: TarEntry): readonly Buffer[] {
  if (entry.kind === 'directory') return [encodeHeader(`${entry.path}/`, entry.mode, '5', 0)]
  const padding = Buffer.alloc(-entry.bytes.length & (BLOCK_BYTES - 1))
  return [encodeHeader(entry.path, entry.mode, '0', entry.bytes.length), entry.bytes, padding]
}

/*
 *   0      100    108   116   124    136     148       156    157    257     263 345      500
 *   ├──────┼──────┼─────┼─────┼──────┼───────┼─────────┼──────┼──────┼───────┼───┼────────┤
 *   │ name │ mode │ uid │ gid │ size │ mtime │ checksum│ type │ link │ ustar0│ … │ prefix │
 *
 * Numbers are octal digits. The checksum is the sum of all header bytes with itself as spaces.
 */
function encodeHeader(path: string, mode: number, type: '0' | '5', bytes: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES)
  const { prefix, name } = splitPath(path)
  header.write(name, 0)
  header.write(octal(mode, 7), 100)
  header.write(octal(0, 7), 108)
  header.write(octal(0, 7), 116)
  header.write(octal(bytes, 11), 124)
  header.write(octal(0, 11), 136)
  header.write(' '.repeat(8), 148)
  header.write(type, 156)
  header.write('ustar\u000000', 257)
  header.write(prefix, 345)
  header.write(`${octal(checksum(header), 6)}\u0000 `, 148)
  return header
}

function splitPath(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= NAME_BYTES_MAX) return { prefix: '', name: path }
  const cut = path.lastIndexOf('/', PREFIX_BYTES_MAX)
  const [prefix, name] = [path.slice(0, cut), path.slice(cut + 1)]
  if (cut < 0 || Buffer.byteLength(name) > NAME_BYTES_MAX) throw new Error(`path too long: ${path}`)
  return { prefix, name }
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function checksum(header: Buffer): number {
  return header.reduce((sum, byte) => sum + byte, 0)
}
