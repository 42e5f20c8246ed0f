/** What a runtime pod is told through its environment; built by the operator, read by the runtime. */
import { z } from 'zod'

export const runtimeConfigurationSchema = z.object({
  MINIREDIS_NAMESPACE: z.string().min(1),
  MINIREDIS_POOL: z.string().min(1),
  MINIREDIS_MEMBER: z.string().min(1),
  MINIREDIS_POD_UID: z.string().min(1),
  MINIREDIS_DATA_DIR: z.string().min(1),
  MINIREDIS_TLS_DIR: z.string().min(1),
  /** Listen address. Pods that share a network namespace are told their own. */
  MINIREDIS_BIND: z.string().default('0.0.0.0'),
  /** Ends the process when its standard input ends: set where no kubelet guards it. */
  MINIREDIS_EXIT_ON_STDIN_EOF: z.enum(['0', '1']).default('0'),
})

export type RuntimeConfiguration = z.output<typeof runtimeConfigurationSchema>
