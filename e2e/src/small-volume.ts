/**
 * A volume of a size that can be filled: a tmpfs over the directory of a claim. Both targets keep
 * volumes as directories, which are as large as the disk of this machine. Needs root.
 */
import { runCommand } from '../kubernetes/command.ts'

export const canMount = process.getuid?.() === 0

export interface SmallVolume {
  resize(mebibytes: number): Promise<void>
  remove(): Promise<void>
}

/** Who uses the directory already goes on with what was there: let the pod start anew afterwards. */
export async function mountSmallVolume(directory: string, mebibytes: number): Promise<SmallVolume> {
  const mount = (options: string) =>
    runCommand(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', directory], { env: process.env })
  await mount(`size=${mebibytes}m,mode=0770`)
  return {
    resize: async (size) => void (await mount(`remount,size=${size}m`)),
    remove: async () =>
      void (await runCommand(['umount', '--lazy', directory], { env: process.env })),
  }
}
