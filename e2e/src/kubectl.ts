import { tmpdir } from 'node:os'
import { type CommandResult, tryCommand } from '../kubernetes/command.ts'

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
