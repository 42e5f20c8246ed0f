/**
 * Cross-field rules, written once for both judges: CEL for the API server, a predicate for zod.
 *
 * zod carries unknown `meta` keys into JSON Schema, which is how the CEL reaches the CRD. A
 * property test holds the two against each other.
 */
import { z } from 'zod'

export interface Rule<T> {
  readonly cel: string
  /** Names the fix, not only the fault. */
  readonly message: string
  readonly holds: (value: T) => boolean
}

interface CelRule {
  readonly rule: string
  readonly message: string
}

/** Adds rules to a schema, on the zod side and on the CRD side. */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  const checked = rules.reduce(
    (s, { holds, message }) => s.refine((value) => holds(value as z.output<S>), message) as S,
    schema,
  )
  return describe(checked, celRules(rules))
}

/** A rule about a change: only the API server knows the old value, so zod has no part in it. */
export function withTransition<S extends z.ZodType>(schema: S, cel: string, message: string): S {
  return describe(schema, [{ rule: cel, message }])
}

function describe<S extends z.ZodType>(schema: S, added: readonly CelRule[]): S {
  const meta = schema.meta() ?? {}
  const present = (meta['x-kubernetes-validations'] ?? []) as readonly CelRule[]
  return schema.meta({ ...meta, 'x-kubernetes-validations': [...present, ...added] })
}

function celRules(rules: readonly { cel: string; message: string }[]): CelRule[] {
  return rules.map(({ cel, message }) => ({ rule: cel, message }))
}

/** A string whose form is explained by a message instead of a bare pattern. */
export function text(pattern: string, lengthMax: number, message: string): z.ZodString {
  const form = new RegExp(pattern)
  return withRules(z.string().max(lengthMax), [
    { cel: `self.matches('${pattern}')`, message, holds: (value) => form.test(value) },
  ])
}
