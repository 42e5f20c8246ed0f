/** Conditions as kstatus reads them. A condition's time moves only when its status flips. Pure. */
import type { Condition, ConditionType, Reason } from '@miniredis/crds'

const MESSAGE_LENGTH_MAX = 1024

export interface ConditionFact {
  readonly type: ConditionType
  readonly status: Condition['status']
  readonly reason: Reason
  readonly message: string
}

export interface ConditionContext {
  readonly previous: readonly Condition[] | undefined
  readonly generation: number | undefined
  readonly nowMs: number
}

export function buildConditions(
  facts: readonly ConditionFact[],
  { previous = [], generation, nowMs }: ConditionContext,
): Condition[] {
  return facts.map((fact) => {
    const before = previous.find(({ type }) => type === fact.type)
    const isSame = before?.status === fact.status
    return {
      ...fact,
      message: fact.message.slice(0, MESSAGE_LENGTH_MAX),
      ...(generation !== undefined && { observedGeneration: generation }),
      lastTransitionTime: isSame ? before.lastTransitionTime : formatTime(nowMs),
    }
  })
}

/** RFC 3339 with whole seconds, as Kubernetes writes metav1.Time. */
export const formatTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
