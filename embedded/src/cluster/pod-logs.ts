/** Between the API's pods/log and the kubelet, which keeps the lines. */
import { Readable } from 'node:stream'
import type { LogOptions, PodLogs } from '../api/log-endpoint.ts'
import type { Clock } from '../clock.ts'
import type { Kubelet } from '../kubelet/kubelet.ts'
import { badRequest } from '../store/api-error.ts'
import type { KubeObject } from '../store/kube-object.ts'

export function createPodLogs(kubelet: Kubelet, clock: Clock): PodLogs {
  return { read: (pod, options) => readLog(kubelet, clock, pod, options) }
}

function readLog(kubelet: Kubelet, clock: Clock, pod: KubeObject, options: LogOptions): Readable {
  const { namespace = 'default', name } = pod.metadata
  const { container, follow, previous, timestamps, tailLines, sinceSeconds, limitBytes } = options
  const sinceMs = sinceSeconds === undefined ? undefined : clock.now() - sinceSeconds * 1000
  const request = { follow, previous, timestamps, tailLines, sinceMs }
  const lines = kubelet.readLog({ namespace, pod: name, container, ...request })
  if (lines === undefined) {
    throw badRequest(
      previous
        ? `previous terminated container "${container}" in pod "${name}" not found`
        : `container "${container}" in pod "${name}" is waiting to start`,
    )
  }
  return Readable.from(limitBytes === undefined ? lines : limited(lines, limitBytes))
}

async function* limited(lines: AsyncIterable<string>, bytesMax: number): AsyncGenerator<Buffer> {
  let left = bytesMax
  for await (const line of lines) {
    const bytes = Buffer.from(line).subarray(0, left)
    yield bytes
    left -= bytes.length
    if (left <= 0) return
  }
}
