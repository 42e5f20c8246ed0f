/** What the program is told by its environment, parsed once. */
import { hostname } from 'node:os'
import { ports } from '@miniredis/crds'
import { z } from 'zod'

const flag = z
  .enum(['0', '1'])
  .default('0')
  .transform((value) => value === '1')

const environmentSchema = z.object({
  /** The operator's own namespace: pools, members, shard maps and the Lease live there. */
  MINIREDIS_NAMESPACE: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a namespace')
    .default('miniredis'),
  /** The image of runtime pods whose pool names none. */
  MINIREDIS_IMAGE: z.string().min(1).max(512).default('miniredis:latest'),
  MINIREDIS_OPERATOR_PORT: z.coerce.number().int().min(0).max(65_535).default(ports.operatorHttp),
  MINIREDIS_BIND: z.string().min(1).max(64).default('0.0.0.0'),
  /** The name of this pod; the holder of the Lease is named after it. */
  MINIREDIS_POD_NAME: z.string().min(1).max(253).default(hostname()),
  MINIREDIS_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  /** Ends the program when its standard input ends, so that it never outlives its parent. */
  MINIREDIS_EXIT_ON_STDIN_EOF: flag,
  /** Path of a kubeconfig; without it the service account of the pod is used. */
  KUBECONFIG: z.string().min(1).max(4096).optional(),
  /** Where a pod finds the API; Kubernetes sets them. */
  KUBERNETES_SERVICE_HOST: z.string().min(1).max(253).optional(),
  KUBERNETES_SERVICE_PORT: z.coerce.number().int().min(1).max(65_535).default(443),
})

export type Configuration = ReturnType<typeof parseConfiguration>

/** @throws Error that names every variable that is wrong */
export function parseConfiguration(environment: Readonly<Record<string, string | undefined>>) {
  const parsed = environmentSchema.safeParse(environment)
  if (!parsed.success) throw new Error(`wrong environment: ${z.prettifyError(parsed.error)}`)
  const { data } = parsed
  return {
    namespace: data.MINIREDIS_NAMESPACE,
    image: data.MINIREDIS_IMAGE,
    http: { address: data.MINIREDIS_BIND, port: data.MINIREDIS_OPERATOR_PORT },
    podName: data.MINIREDIS_POD_NAME,
    logLevel: data.MINIREDIS_LOG_LEVEL,
    exitOnStdinEof: data.MINIREDIS_EXIT_ON_STDIN_EOF,
    kubeconfig: data.KUBECONFIG,
    api: { host: data.KUBERNETES_SERVICE_HOST, port: data.KUBERNETES_SERVICE_PORT },
  } as const
}
