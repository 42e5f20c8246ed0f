/** Label and field selectors: URL syntax to predicates. */
import { badRequest } from './api-error.ts'
import type { KubeObject } from './kube-object.ts'

export type Predicate = (object: KubeObject) => boolean

export const REQUIREMENTS_MAX = 100

const everything: Predicate = () => true

/**
 * `a=b, c!=d, e in (f,g), h notin (i), j, !k`
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 * @throws ApiError BadRequest
 */
export function parseLabelSelector(text: string | undefined): Predicate {
  if (text === undefined || text.trim() === '') return everything
  const requirements = splitOutsideParentheses(text).map(parseRequirement)
  limit(requirements.length, 'labelSelector')
  return ({ metadata: { labels = {} } }) => requirements.every((holds) => holds(labels))
}

function limit(count: number, what: string): void {
  if (count > REQUIREMENTS_MAX)
    throw badRequest(`${what} has ${count} requirements, at most ${REQUIREMENTS_MAX} are allowed`)
}

type Labels = Readonly<Record<string, string>>
type Requirement = (labels: Labels) => boolean

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = []
  let isInside = false
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '(') isInside = true
    else if (text[at] === ')') isInside = false
    else if (text[at] === ',' && !isInside) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, text.slice(start)]
}

const setForm = /^\s*(\S+)\s+(in|notin)\s*\(([^()]*)\)\s*$/
const equalityForm = /^\s*([^\s!=<>]+)\s*(==|=|!=)\s*([^\s!=,]*)\s*$/
const presenceForm = /^\s*(!?)\s*([A-Za-z0-9][-A-Za-z0-9_./]*)\s*$/

function parseRequirement(text: string): Requirement {
  const set = setForm.exec(text)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = new Set(list.split(',').map((value) => value.trim()))
    if (operator === 'in')
      return (labels) => Object.hasOwn(labels, key) && values.has(labels[key] ?? '')
    return (labels) => !Object.hasOwn(labels, key) || !values.has(labels[key] ?? '')
  }
  const equality = equalityForm.exec(text)
  if (equality !== null) {
    const [, key = '', operator, value = ''] = equality
    return operator === '!='
      ? (labels) => labels[key] !== value
      : (labels) => Object.hasOwn(labels, key) && labels[key] === value
  }
  const presence = presenceForm.exec(text)
  if (presence === null) throw badRequest(`unable to parse requirement: ${text.trim()}`)
  const [, not, key = ''] = presence
  return not === '!'
    ? (labels) => !Object.hasOwn(labels, key)
    : (labels) => Object.hasOwn(labels, key)
}

/** What a field selector may look at, for each resource; metadata.name and namespace always. */
const everywhere = ['metadata.name', 'metadata.namespace']
const selectable: Readonly<Record<string, readonly string[]>> = {
  pods: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.serviceAccountName',
    'status.phase',
    'status.podIP',
  ],
  events: [
    'involvedObject.apiVersion',
    'involvedObject.fieldPath',
    'involvedObject.kind',
    'involvedObject.name',
    'involvedObject.namespace',
    'involvedObject.resourceVersion',
    'involvedObject.uid',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  namespaces: ['status.phase'],
  nodes: ['spec.unschedulable'],
  secrets: ['type'],
  services: ['spec.clusterIP', 'spec.type'],
}

/**
 * `metadata.name=x,status.phase!=Running`
 * @param resource its plural
 * @throws ApiError BadRequest for syntax and for fields that cannot be selected by
 */
export function parseFieldSelector(text: string | undefined, resource: string): Predicate {
  if (text === undefined || text.trim() === '') return everything
  const tests = text.split(',').map((part) => parseFieldTest(part, resource))
  limit(tests.length, 'fieldSelector')
  return (object) => tests.every((test) => test(object))
}

function parseFieldTest(text: string, resource: string): Predicate {
  const match = /^\s*([A-Za-z.]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(text)
  if (match === null) throw badRequest(`invalid field selector: ${text}`)
  const [, field = '', operator, wanted = ''] = match
  if (![...everywhere, ...(selectable[resource] ?? [])].includes(field))
    throw badRequest(`field label not supported: ${field}`)
  const isWanted = operator !== '!='
  return (object) => (readField(object, field) === wanted) === isWanted
}

function readField(object: KubeObject, path: string): string {
  let value: unknown = object
  for (const field of path.split('.'))
    value =
      typeof value === 'object' && value !== null
        ? (value as Record<string, unknown>)[field]
        : undefined
  if (value === undefined || value === null) return path === 'spec.unschedulable' ? 'false' : ''
  return String(value)
}
