/** URL paths of resources: /api/v1/… and /apis/<group>/<version>/…, taken apart. Pure. */
import type { Resource } from '../store/kube-object.ts'

export interface ResourcePath {
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string | undefined
}

/** `undefined` when the path names no resource. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const parts = decodeParts(path)
  if (parts === undefined) return undefined
  const [root, ...rest] = parts
  if (root === 'api') return parseRest('', rest)
  const [group, ...more] = rest
  return root === 'apis' && group !== undefined ? parseRest(group, more) : undefined
}

function decodeParts(path: string): string[] | undefined {
  try {
    const parts = path.split('/').slice(1).map(decodeURIComponent)
    if (parts.at(-1) === '') parts.pop()
    return parts.includes('') ? undefined : parts
  } catch {
    return undefined
  }
}

function parseRest(
  group: string,
  [version, ...parts]: readonly string[],
): ResourcePath | undefined {
  const [first, second, third] = parts
  if (version === undefined || first === undefined) return undefined
  const isInNamespace =
    first === 'namespaces' &&
    second !== undefined &&
    third !== undefined &&
    !(group === '' && parts.length === 3 && isNamespaceDoor(third))
  const [plural, name, subresource, more] = isInNamespace ? parts.slice(2) : parts
  if (plural === undefined || more !== undefined) return undefined
  const namespace = isInNamespace ? second : undefined
  return { resource: { group, version, plural }, namespace, name, subresource }
}

/** /api/v1/namespaces/x/status is about the namespace, not in it. */
const isNamespaceDoor = (part: string): boolean => part === 'status' || part === 'finalize'
