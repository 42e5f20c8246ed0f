/**
 * The JSONPath of printer columns and of scale paths: fields, indexes, `[*]` and filters of the
 * form `[?(@.type=="Ready")]`. https://kubernetes.io/docs/reference/kubectl/jsonpath/
 */

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: readonly string[]; readonly value: string }

const token =
  /^(?:\.?\[\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)\]|\.?\[(-?\d+)\]|\.?\[\*\]|\.?\['([^']+)'\]|\.((?:\\.|[^.[\]\\])+))/

const parsed = new Map<string, readonly Step[]>()
const PARSED_MAX = 1_000

/** @throws SyntaxError for what we do not implement */
export function parseJsonPath(path: string): readonly Step[] {
  const known = parsed.get(path)
  if (known !== undefined) return known
  const steps: Step[] = []
  let rest = path.replace(/^\{(.*)\}$/, '$1').replace(/^\$/, '')
  while (rest !== '') {
    const match = token.exec(rest)
    if (match === null) throw new SyntaxError(`unsupported JSONPath: ${path}`)
    steps.push(stepOf(match))
    rest = rest.slice(match[0].length)
  }
  if (parsed.size >= PARSED_MAX) parsed.clear()
  parsed.set(path, steps)
  return steps
}

function stepOf([text, filterPath, filterValue, index, quoted, name]: RegExpExecArray): Step {
  if (filterPath !== undefined)
    return { kind: 'filter', path: filterPath.split('.'), value: filterValue ?? '' }
  if (index !== undefined) return { kind: 'index', index: Number(index) }
  if (text.endsWith('[*]')) return { kind: 'all' }
  return { kind: 'field', name: quoted ?? (name ?? '').replaceAll(/\\(.)/g, '$1') }
}

/** Every value that the path finds. */
export function readJsonPath(value: unknown, path: string): unknown[] {
  let found: unknown[] = [value]
  for (const step of parseJsonPath(path)) found = found.flatMap((item) => take(item, step))
  return found
}

function take(value: unknown, step: Step): unknown[] {
  switch (step.kind) {
    case 'field':
      return present(fieldOf(value, step.name))
    case 'index':
      return Array.isArray(value) ? present(value.at(step.index)) : []
    case 'all':
      return Array.isArray(value) ? value : []
    case 'filter':
      return Array.isArray(value)
        ? value.filter((item) => step.path.reduce(fieldOf, item) === step.value)
        : []
  }
}

const present = (value: unknown): unknown[] =>
  value === undefined || value === null ? [] : [value]

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)[name]
    : undefined
