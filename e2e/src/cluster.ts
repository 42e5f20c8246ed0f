/**
 * What a story may do to a cluster. Two adapters: the embedded cluster and a real Kubernetes, so
 * that neither can drift from the other.
 */

import type { CommandResult } from '../kubernetes/command.ts'

/** A local way to an address that is valid inside the cluster. */
export interface Way {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

export interface Cluster {
  readonly target: 'embedded' | 'kubernetes'
  readonly operatorNamespace: string
  /** Path of a kubeconfig that this process can use. */
  readonly kubeconfig: string
  /** Runs kubectl against the cluster; never throws for an exit code. */
  kubectl(args: readonly string[], input?: string): Promise<CommandResult>
  reach(host: string, port: number): Promise<Way>
  /** The API server stops answering; running pods go on. */
  stopApi(): Promise<void>
  startApi(): Promise<void>
  /** SIGKILL for the leading operator; another one, or its successor, takes over. */
  killOperator(): Promise<void>
  /** A way to the telemetry port of the leading operator. */
  operatorTelemetry(): Promise<Way>
  /** SIGKILL for the main process of a runtime pod. */
  killPod(pod: string): Promise<void>
  /** The same, ready to be fired while the API server does not answer. */
  aimAtPod(pod: string): Promise<() => void>
  /** Where on this machine the volume of a runtime pod is. */
  volumeDirectory(pod: string): Promise<string>
  stop(): Promise<void>
}
