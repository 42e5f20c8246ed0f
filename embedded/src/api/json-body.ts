/** Request bodies: bytes to JSON, with every limit that keeps hostile ones harmless. */

import { parse as parseYaml } from 'yaml'
import { isFields } from '../schema/schema.ts'
import { ApiError, badRequest } from '../store/api-error.ts'

export const BODY_BYTES_MAX = 3 * 1024 * 1024
export const BODY_DEPTH_MAX = 200
const YAML_ALIASES_MAX = 100

export interface ParsedBody {
  readonly value: unknown
  /** Paths of fields that came twice; the last one counts. */
  readonly duplicateFields: readonly string[]
}

export const bodyTooLarge = (): ApiError =>
  new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${BODY_BYTES_MAX}`)

/** @throws ApiError BadRequest for invalid UTF-8, null bytes, invalid JSON, too deep nesting */
export function parseJsonBody(bytes: Uint8Array): ParsedBody {
  const text = decodeText(bytes)
  const duplicateFields = scan(text)
  return { value: decode(() => JSON.parse(text)), duplicateFields }
}

/** JSON or YAML, one document. @throws ApiError BadRequest */
export function parseYamlBody(bytes: Uint8Array): ParsedBody {
  const text = decodeText(bytes)
  if (/^\s*[{[]/.test(text)) return parseJsonBody(bytes)
  const value: unknown = decode(() =>
    parseYaml(text, { schema: 'core', maxAliasCount: YAML_ALIASES_MAX }),
  )
  checkTree(value, 1)
  return { value, duplicateFields: [] }
}

/** \u0000 that is not itself escaped */
const escapedNull = /(?<!\\)(?:\\\\)*\\u0000/

function decodeText(bytes: Uint8Array): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw badRequest('the body of the request is not valid UTF-8')
  }
  if (text.includes('\0') || (text.includes('\\u0000') && escapedNull.test(text)))
    throw badRequest('the body of the request contains a null byte')
  return text
}

function decode<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw badRequest(`the object provided is unrecognized (${reason})`)
  }
}

function checkTree(value: unknown, depth: number): void {
  if (depth > BODY_DEPTH_MAX) throw tooDeep()
  if (Array.isArray(value)) for (const item of value) checkTree(item, depth + 1)
  else if (isFields(value))
    for (const [field, child] of Object.entries(value)) {
      if (field === '__proto__') throw badRequest('"__proto__" is no field name')
      checkTree(child, depth + 1)
    }
}

const tooDeep = (): ApiError =>
  badRequest(`the body of the request is nested deeper than ${BODY_DEPTH_MAX} levels`)

/** Also takes a string that never ends, so that no input makes the search start over and over. */
const token = /"(?:[^"\\]+|\\[\s\S]?)*(?:"|$)|[{}[\],:]/g

interface Level {
  readonly path: string
  readonly seen: Set<string> | undefined
  index: number
  field: string
}

/**
 * One pass over the tokens before JSON.parse: depth, duplicate fields, and `__proto__`, which would
 * reach the prototype of a copy. Whether it is JSON at all is left to JSON.parse.
 */
function scan(text: string): string[] {
  const duplicates: string[] = []
  const levels: Level[] = []
  let lastString: string | undefined
  for (const [part] of text.matchAll(token)) {
    const level = levels.at(-1)
    if (part === '{' || part === '[') {
      if (levels.length >= BODY_DEPTH_MAX) throw tooDeep()
      const seen = part === '{' ? new Set<string>() : undefined
      levels.push({ path: pathTo(level), seen, index: 0, field: '' })
    } else if (part === '}' || part === ']') levels.pop()
    else if (part === ',') {
      if (level !== undefined) level.index += 1
    } else if (part === ':') noteField(level, lastString, duplicates)
    else lastString = part
  }
  return duplicates
}

function pathTo(level: Level | undefined): string {
  if (level === undefined) return ''
  if (level.seen === undefined) return `${level.path}[${level.index}]`
  return level.path === '' ? level.field : `${level.path}.${level.field}`
}

function noteField(level: Level | undefined, raw: string | undefined, duplicates: string[]): void {
  if (level?.seen === undefined || raw === undefined) return
  const field = decode(() => String(JSON.parse(raw)))
  if (field === '__proto__') throw badRequest('"__proto__" is no field name')
  level.field = field
  if (level.seen.has(field)) duplicates.push(pathTo(level))
  level.seen.add(field)
}
