/** Bundles each program of the image into one file, so that the image carries no node_modules. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export interface Program {
  /** File name in /app, without the extension. */
  readonly name: string
  /** Source file, relative to the repository's root. */
  readonly entry: string
}

export const programs: readonly Program[] = [
  { name: 'operator', entry: 'operator/src/main.ts' },
  { name: 'runtime', entry: 'runtime/src/main.ts' },
  { name: 'engine', entry: 'runtime/src/engine-main.ts' },
  { name: 'log-worker', entry: 'runtime/src/log-worker-main.ts' },
  { name: 'check-log', entry: 'runtime/src/check-log-main.ts' },
]

const repository = fileURLToPath(new URL('..', import.meta.url))

// CommonJS dependencies inside an ES module bundle still call require() for Node's own modules.
const banner =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

/** The bundle of one program, as JavaScript text. Same sources, same bytes. */
export async function bundleProgram({ entry }: Program): Promise<string> {
  const result = await build({
    absWorkingDir: repository,
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    keepNames: true,
    banner: { js: banner },
    logLevel: 'error',
  })
  const [output] = result.outputFiles
  if (output === undefined) throw new Error(`esbuild wrote nothing for ${entry}`)
  return output.text
}
