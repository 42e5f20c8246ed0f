/** CustomResourceDefinitions: their defaults and rules, and the resources that they define. */

import { builtInSchema } from '../schema/built-in-schemas.ts'
import { compileExpression } from '../schema/cel-environment.ts'
import { invalidValue, requiredValue, unsupportedValue } from '../schema/field-error.ts'
import { compilePattern } from '../schema/patterns.ts'
import { childPath, type Fields, isFields, itemPath, type Schema } from '../schema/schema.ts'
import type { StatusCause } from '../store/api-error.ts'
import { type KubeObject, resourceName } from '../store/kube-object.ts'
import { ageOf } from './ages.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { child, each, peek, setDefaults, text } from './draft.ts'
import { parseJsonPath, readJsonPath } from './json-path.ts'
import {
  type Column,
  everyVerb,
  type ResourceDefinition,
  type ScalePaths,
  type Strategy,
  type StrategyContext,
  type Subresource,
} from './resource-definition.ts'

/** Held until its collector has removed every object of the kind. */
export const CUSTOM_RESOURCE_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'

export const definitionStrategy: Strategy = {
  applyDefaults(draft) {
    const spec = child(draft, 'spec')
    const names = child(spec, 'names')
    setDefaults(spec, { conversion: { strategy: 'None' } })
    setDefaults(names, {
      singular: text(names.kind).toLowerCase(),
      listKind: `${text(names.kind)}List`,
    })
  },
  prepareCreate(draft, context) {
    const metadata = child(draft, 'metadata')
    const finalizers = Array.isArray(metadata.finalizers) ? metadata.finalizers : []
    metadata.finalizers = [...new Set([...finalizers, CUSTOM_RESOURCE_FINALIZER])]
    draft.status = {}
    establish(draft, context)
  },
  prepareUpdate: (draft, _old, context) => establish(draft, context),
  validate: validateDefinition,
}

/** Accepts the names and serves the kind at once; nothing here needs the real server's few seconds. */
function establish(draft: Fields, { now }: StrategyContext): void {
  const status = child(draft, 'status')
  const spec = peek(draft, 'spec')
  status.acceptedNames = structuredClone(peek(spec, 'names'))
  const stored = each(spec, 'versions').flatMap(({ name, storage }) => (storage ? [name] : []))
  const before = Array.isArray(status.storedVersions) ? status.storedVersions : []
  status.storedVersions = [...new Set([...before, ...stored])]
  if (each(status, 'conditions').length > 0) return
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    lastTransitionTime: now,
    reason,
    message,
  })
  status.conditions = [
    condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
    condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
  ]
}

function validateDefinition(draft: Fields, old: KubeObject | undefined): StatusCause[] {
  const spec = peek(draft, 'spec')
  const { group, scope } = spec
  const { plural } = peek(spec, 'names')
  const versions = each(spec, 'versions')
  const wantedName = `${text(plural)}.${text(group)}`
  const name = peek(draft, 'metadata').name
  const causes: StatusCause[] = []
  if (name !== wantedName)
    causes.push(invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group'))
  if (scope !== 'Namespaced' && scope !== 'Cluster')
    causes.push(unsupportedValue('spec.scope', scope ?? '', ['Cluster', 'Namespaced']))
  if (versions.filter(({ storage }) => storage === true).length !== 1)
    causes.push(
      invalidValue(
        'spec.versions',
        versions,
        'must have exactly one version marked as storage version',
      ),
    )
  if (old !== undefined && peek(old, 'spec').scope !== scope)
    causes.push(invalidValue('spec.scope', scope, 'field is immutable'))
  if (text(peek(spec, 'conversion').strategy) !== 'None')
    causes.push(unsupportedValue('spec.conversion.strategy', 'Webhook', ['None']))
  versions.forEach((version, index) => {
    causes.push(...validateVersion(version, `spec.versions[${index}]`))
  })
  return causes
}

function validateVersion(version: Readonly<Fields>, path: string): StatusCause[] {
  const schema = peek(version, 'schema').openAPIV3Schema
  const schemaPath = `${path}.schema.openAPIV3Schema`
  if (!isFields(schema)) return [requiredValue(schemaPath, 'schemas are required')]
  const columns = each(version, 'additionalPrinterColumns').flatMap(({ jsonPath }, index) =>
    isJsonPath(text(jsonPath))
      ? []
      : [
          invalidValue(
            `${path}.additionalPrinterColumns[${index}].jsonPath`,
            jsonPath,
            'must be a valid json path',
          ),
        ],
  )
  const root =
    schema.type === 'object'
      ? []
      : [invalidValue(`${schemaPath}.type`, schema.type ?? '', 'must be object at the root')]
  return [...root, ...validateStructure(schema as Schema, schemaPath), ...columns]
}

function isJsonPath(path: string): boolean {
  try {
    parseJsonPath(path)
    return true
  } catch {
    return false
  }
}

/** What makes a schema structural, and that its patterns and rules mean something. */
function validateStructure(schema: Schema, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (
    schema.type === undefined &&
    schema['x-kubernetes-int-or-string'] !== true &&
    schema['x-kubernetes-preserve-unknown-fields'] !== true
  )
    causes.push(requiredValue(`${path}.type`, 'must not be empty for specified object fields'))
  if (schema.type === 'array' && schema.items === undefined)
    causes.push(requiredValue(`${path}.items`, 'must be specified'))
  causes.push(...validatePattern(schema, path), ...validateExpressions(schema, path))
  for (const [field, property] of Object.entries(schema.properties ?? {}))
    causes.push(...validateStructure(property, `${childPath(path, 'properties')}[${field}]`))
  if (schema.items !== undefined)
    causes.push(...validateStructure(schema.items, childPath(path, 'items')))
  if (typeof schema.additionalProperties === 'object')
    causes.push(
      ...validateStructure(schema.additionalProperties, childPath(path, 'additionalProperties')),
    )
  return causes
}

function validatePattern({ pattern }: Schema, path: string): StatusCause[] {
  if (pattern === undefined) return []
  try {
    compilePattern(pattern)
    return []
  } catch (error) {
    return [
      invalidValue(`${path}.pattern`, pattern, `must be a valid regular expression: ${error}`),
    ]
  }
}

function validateExpressions(schema: Schema, path: string): StatusCause[] {
  const rules = schema['x-kubernetes-validations'] ?? []
  return rules.flatMap(({ rule }, index) => {
    const rulePath = `${itemPath(`${path}.x-kubernetes-validations`, index)}.rule`
    try {
      compileExpression(rule)
      return []
    } catch (error) {
      const [reason] = String(error).split('\n')
      return [invalidValue(rulePath, rule, `compilation failed: ${reason}`)]
    }
  })
}

/** The resources of a CRD, one for each served version, the stored one first. */
export function defineCustomResources(definition: KubeObject): ResourceDefinition[] {
  const spec = peek(definition, 'spec')
  return each(spec, 'versions')
    .filter(({ served }) => served === true)
    .sort((a, b) => Number(b.storage === true) - Number(a.storage === true))
    .map((version) => defineVersion(spec, version))
}

function defineVersion(spec: Readonly<Fields>, version: Readonly<Fields>): ResourceDefinition {
  const names = peek(spec, 'names')
  const resource = {
    group: text(spec.group),
    version: text(version.name),
    plural: text(names.plural),
  }
  const scale = peek(version, 'subresources').scale as ScalePaths | undefined
  const kind = text(names.kind)
  return {
    resource,
    collection: resourceName(resource),
    kind,
    listKind: text(names.listKind),
    singular: text(names.singular),
    shortNames: (names.shortNames ?? []) as string[],
    categories: (names.categories ?? []) as string[],
    isNamespaced: spec.scope === 'Namespaced',
    isCustom: true,
    verbs: everyVerb,
    subresources: subresourcesOf(version),
    scale,
    schema: completeSchema(peek(version, 'schema').openAPIV3Schema as Schema),
    component: `${resource.group.split('.').reverse().join('.')}.${resource.version}.${kind}`,
    nameForm: 'subdomain',
    hasGeneration: true,
    needsVersionToUpdate: true,
    columns: customColumns(each(version, 'additionalPrinterColumns')),
    strategy: {},
  }
}

const subresourcesOf = (version: Readonly<Fields>): Subresource[] =>
  (['status', 'scale'] as const).filter((name) => peek(version, 'subresources')[name] !== undefined)

/** The author's schema, with what every object has. */
function completeSchema(schema: Schema): Schema {
  const string = { type: 'string' }
  return {
    ...schema,
    properties: {
      apiVersion: string,
      kind: string,
      ...schema.properties,
      metadata: builtInSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'),
    },
  }
}

function customColumns(declared: readonly Fields[]): Column[] {
  if (declared.length === 0) return [nameColumn, ageColumn]
  return [nameColumn, ...declared.map(customColumn)]
}

function customColumn(declared: Readonly<Fields>): Column {
  const type = text(declared.type) as Column['type']
  const path = text(declared.jsonPath)
  return {
    name: text(declared.name),
    type,
    format: text(declared.format) || undefined,
    description: text(declared.description) || undefined,
    priority: Number(declared.priority ?? 0),
    cell: (object, nowMs) => cellValue(readJsonPath(object, path), type, nowMs),
  }
}

function cellValue(values: readonly unknown[], type: Column['type'], nowMs: number) {
  const [first] = values
  if (first === undefined) return null
  if (type === 'date') return ageOf(first, nowMs)
  if (typeof first === 'number' || typeof first === 'boolean') return first
  return typeof first === 'string' ? first : JSON.stringify(first)
}
