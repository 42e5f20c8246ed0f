import { tmpdir } from 'node:os'
import { buildTestCluster } from '../kubernetes/binaries.ts'
import { type CommandResult, tryCommand } from '../kubernetes/command.ts'

/** Older ones check manifests without the help of the server. */
const KUBECTL_MINOR_MIN = 30

/** What `kubectl edit` runs in the stories: a person who doubts that 64Mi are needed. */
const editor = "sed -i 's/limit: 64Mi/limit: 48Mi/'"

/** kubectl with nothing from the environment of the person who runs the stories. */
export const createKubectl =
  (program: string, kubeconfig: string) =>
  (args: readonly string[], input = ''): Promise<CommandResult> =>
    tryCommand([program, ...args], {
      env: {
        PATH: process.env.PATH,
        HOME: tmpdir(),
        KUBECONFIG: kubeconfig,
        KUBE_EDITOR: editor,
      },
      stdin: input,
    })

/** The machine's kubectl when it is new enough; otherwise one built from Go modules. */
export async function findKubectl(): Promise<string> {
  const command = ['sh', '-c', 'command -v kubectl && kubectl version --client -o json']
  const { exitCode, stdout } = await tryCommand(command, { env: process.env })
  const minor = Number(stdout.match(/"minor": *"(\d+)/)?.[1] ?? 0)
  if (exitCode === 0 && minor >= KUBECTL_MINOR_MIN) return stdout.split('\n')[0] ?? ''
  return (await buildTestCluster(console.log)).kubectl
}
