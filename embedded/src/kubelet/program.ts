/**
 * What stands in for container images: a process kubelet cannot run an image, so a table says
 * which images it knows and where the programs inside them really are.
 */

export interface ImageProgram {
  /** True for the images that this entry stands in for. */
  readonly matches: (image: string) => boolean
  /** Paths inside the image, and the real files. */
  readonly paths: Readonly<Record<string, string>>
  /** The image's own ENTRYPOINT, used when the container names no command. */
  readonly entrypoint?: readonly string[]
}

export function findProgram(
  programs: readonly ImageProgram[],
  image: string,
): ImageProgram | undefined {
  return programs.find((program) => program.matches(image))
}

/** Matches `name`, `name:tag`, `name@digest` and the same behind any registry. */
export function isImageNamed(name: string): (image: string) => boolean {
  return (image) => {
    const last = image.slice(image.lastIndexOf('/') + 1)
    return last === name || last.startsWith(`${name}:`) || last.startsWith(`${name}@`)
  }
}
