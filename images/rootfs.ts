/**
 * The base layer of our images, made from this machine's files: one program, the shared libraries
 * that it names, and the few files of /etc that libc reads. There is no shell and no package
 * manager. Certificates of public authorities are not copied: Node carries its own list.
 */
import { execFile } from 'node:child_process'
import { readFile, realpath } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { TarEntry } from './tar.ts'

const run = promisify(execFile)

/** User and group of every process in our images; a number, so that runAsNonRoot can be checked. */
export const imageUserId = 10001

/** Entries for a program and its libraries, which keep the paths that its loader asks for. */
export async function programEntries(source: string, target: string): Promise<TarEntry[]> {
  const libraries = await sharedLibraries(source)
  const files = [
    { from: source, to: target },
    ...libraries.map((path) => ({ from: path, to: path })),
  ]
  return Promise.all(
    files.map(async ({ from, to }) => executable(to, await readFile(await realpath(from)))),
  )
}

/** /etc/passwd and its kin, and a /tmp that anybody may write to. */
export function systemEntries(): TarEntry[] {
  return [
    text('etc/passwd', `miniredis:x:${imageUserId}:${imageUserId}::/tmp:/none\n`),
    text('etc/group', `miniredis:x:${imageUserId}:\n`),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
  ]
}

export function text(path: string, content: string): TarEntry {
  return { kind: 'file', path, mode: 0o644, bytes: Buffer.from(content) }
}

function executable(path: string, bytes: Buffer): TarEntry {
  return { kind: 'file', path: path.replace(/^\//, ''), mode: 0o755, bytes }
}

/** Absolute paths of the libraries and the loader; none for a static program, which ldd refuses. */
async function sharedLibraries(program: string): Promise<string[]> {
  const output = await run('ldd', [program]).then(
    ({ stdout }) => stdout,
    () => '',
  )
  return [...output.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? [])
}
