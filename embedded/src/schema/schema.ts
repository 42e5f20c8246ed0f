/**
 * One shape for the schemas of built-in kinds and of custom resources: the structural schema of
 * apiextensions.k8s.io/v1, as plain JSON. Built-in schemas are a graph with cycles.
 */
import type { Json } from '../store/kube-object.ts'

export interface ValidationRule {
  readonly rule: string
  readonly message?: string
  readonly messageExpression?: string
  readonly reason?: string
  readonly fieldPath?: string
  readonly optionalOldSelf?: boolean
}

export interface Schema {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly required?: readonly string[]
  readonly default?: Json
  readonly nullable?: boolean
  readonly enum?: readonly Json[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly multipleOf?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly not?: Schema
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-embedded-resource'?: boolean
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular'
  readonly 'x-kubernetes-patch-strategy'?: string
  readonly 'x-kubernetes-patch-merge-key'?: string
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[]
}

/** A JSON object while it is being worked on. */
export type Fields = Record<string, unknown>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The schema of one field; `undefined` when the schema does not know the field. */
export function fieldSchema(schema: Schema | undefined, field: string): Schema | undefined {
  const own = schema?.properties
  if (own !== undefined && Object.hasOwn(own, field)) return own[field]
  const rest = schema?.additionalProperties
  if (rest === true) return anything
  return typeof rest === 'object' ? rest : undefined
}

/** True for objects whose keys are data (labels), not fields. */
export const isMap = (schema: Schema | undefined): boolean =>
  schema?.additionalProperties !== undefined && schema.additionalProperties !== false

export const anything: Schema = { 'x-kubernetes-preserve-unknown-fields': true }

/** 'spec.containers[0].name'; keys that are data come as `labels[app]`. */
export const childPath = (path: string, field: string, isKey = false): string => {
  if (isKey) return `${path}[${field}]`
  return path === '' ? field : `${path}.${field}`
}

export const itemPath = (path: string, index: number): string => `${path}[${index}]`
