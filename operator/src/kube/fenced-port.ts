/** A KubePort that writes only while this process leads. Reads are free. */
import { KubeError } from './errors.ts'
import type { KubePort } from './port.ts'

/**
 * The check is made when the request is sent; what a deposed leader has sent before is guarded by
 * resourceVersions and by server-side apply of the same plan.
 */
export function fenceWrites(kube: KubePort, isLeading: () => boolean): KubePort {
  const led = async <T>(write: () => Promise<T>): Promise<T> => {
    if (!isLeading()) throw new KubeError('NotLeader', 'this process does not lead')
    return write()
  }
  return {
    get: (type, name) => kube.get(type, name),
    list: (type, options) => kube.list(type, options),
    watch: (type, options) => kube.watch(type, options),
    apply: (type, object) => led(() => kube.apply(type, object)),
    create: (type, object) => led(() => kube.create(type, object)),
    replace: (type, object) => led(() => kube.replace(type, object)),
    merge: (type, name, patch) => led(() => kube.merge(type, name, patch)),
    patchStatus: (type, seen, status) => led(() => kube.patchStatus(type, seen, status)),
    delete: (type, name, options) => led(() => kube.delete(type, name, options)),
  }
}
