/**
 * A table of requests and what every Kubernetes answers. Rows run in order, in one namespace; all
 * that differ are reported together, so that one run shows the whole distance.
 */
import assert from 'node:assert/strict'
import type { Json, RawAnswer, RawApi, RawRequest } from './raw-api.ts'

export interface Expectation {
  readonly code: number
  /** Of the Status object that refuses. */
  readonly reason?: string
  /** `details.causes[].field`, in any order, each once. */
  readonly causes?: readonly string[]
  readonly message?: RegExp
  /** The Warning header; '' says none. */
  readonly warns?: RegExp | ''
  /** Part of the answer: `undefined` says absent, a RegExp matches text; lists have the same length. */
  readonly object?: unknown
}

/**
 * One request. `$name.field` in path or body stands for `metadata.field` of the answer that an
 * earlier row has kept as `keep: 'name'`; `{ns}` for the namespace.
 */
export interface Row {
  readonly title: string
  readonly send: RawRequest
  readonly expect: Expectation
  readonly keep?: string
}

export async function runTable(
  api: RawApi,
  namespace: string,
  rows: readonly Row[],
): Promise<void> {
  const kept = new Map<string, Json>()
  const differences: string[] = []
  for (const { title, send, expect, keep } of rows) {
    const answer = await api.call(fillIn(send, namespace, kept))
    if (keep !== undefined) kept.set(keep, (answer.body.metadata ?? {}) as Json)
    const found = compare(answer, expect)
    if (found.length > 0) differences.push(`${title}: ${found.join('; ')} in ${answer.text.trim()}`)
  }
  assert.deepEqual(differences, [])
}

function fillIn(
  { method, path, body, headers }: RawRequest,
  namespace: string,
  kept: ReadonlyMap<string, Json>,
): RawRequest {
  const known = (text: string, encode: (value: string) => string) =>
    text
      .replaceAll('{ns}', namespace)
      .replace(/\$(\w+)\.(\w+)/g, (_, name, field) => encode(String(kept.get(name)?.[field])))
  const written = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    method,
    path: known(path, encodeURIComponent),
    ...(headers !== undefined && { headers }),
    ...(body !== undefined && { body: known(written, String) }),
  }
}

/** What differs, in words; empty when the answer is as expected. */
export function compare(answer: RawAnswer, expected: Expectation): string[] {
  const { body, warnings } = answer
  const details = (body.details ?? {}) as { causes?: { field: string }[] }
  const fields = [...new Set((details.causes ?? []).map(({ field }) => field))].sort()
  const { code, reason, causes, message, warns, object } = expected
  return [
    ...differences(answer.code, code, 'code'),
    ...(reason === undefined ? [] : differences(body.reason, reason, 'reason')),
    ...(causes === undefined ? [] : differences(fields, [...causes].sort(), 'causes')),
    ...(message === undefined ? [] : differences(body.message, message, 'message')),
    ...(warns === undefined ? [] : differences(warnings, warns, 'warnings')),
    ...(object === undefined ? [] : differences(body, object, '')),
  ]
}

/** Where `actual` has not what `expected` says. */
function differences(actual: unknown, expected: unknown, path: string): string[] {
  if (expected instanceof RegExp) {
    return expected.test(String(actual)) ? [] : [`${path} is ${JSON.stringify(actual)}`]
  }
  if (typeof expected !== 'object' || expected === null) {
    return actual === expected ? [] : [`${path} is ${JSON.stringify(actual)}`]
  }
  const object = (typeof actual === 'object' && actual !== null ? actual : {}) as Json
  const length = Array.isArray(expected)
    ? differences(object.length, expected.length, `${path}.length`)
    : []
  const parts = Object.entries(expected).flatMap(([key, value]) =>
    differences(object[key], value, path === '' ? key : `${path}.${key}`),
  )
  return [...length, ...parts]
}
