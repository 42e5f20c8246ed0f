/**
 * `node test/tools.ts <tool>...`: makes sure that a tool from Debian's packages is there.
 *
 * As root a missing one is installed; otherwise its package is named and the run fails.
 */
import { spawnSync } from 'node:child_process'

const packageOf: Readonly<Record<string, string>> = { 'redis-server': 'redis-server' }

const isInstalled = (tool: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0

/** Package scripts must not start a system service: policy-rc.d is how Debian is told so. */
function aptInstall(packages: readonly string[]): boolean {
  const script = `
    set -e
    apt-get -qq update
    dir=$(mktemp -d); printf '#!/bin/sh\\nexit 101\\n' > "$dir/policy-rc.d"; chmod +x "$dir/policy-rc.d"
    PATH="$dir:$PATH" POLICYRCD="$dir/policy-rc.d" DEBIAN_FRONTEND=noninteractive \
      apt-get -qq install --yes --no-install-recommends ${packages.join(' ')} >/dev/null`
  return spawnSync('sh', ['-c', script], { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
}

const missing = process.argv.slice(2).filter((tool) => !isInstalled(tool))
const packages = missing.map((tool) => packageOf[tool] ?? tool)
if (packages.length > 0) {
  const isRoot = process.getuid?.() === 0
  if (isRoot) console.log(`Installing ${packages.join(' ')} from the distribution's packages`)
  if (!isRoot || !aptInstall(packages)) {
    console.error(
      `Missing: install ${packages.join(' ')} with your package manager, then try again.`,
    )
    process.exitCode = 1
  }
}
