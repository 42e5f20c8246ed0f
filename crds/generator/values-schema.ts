/**
 * The chart's values.schema.json. Helm refuses values that it does not know, so a misspelt name is
 * an error and not a setting without effect. What the pool may say comes from RuntimePool's schema.
 */
import { POOL_NAME_LENGTH_MAX, runtimePoolSchema } from '../src/index.ts'
import { buildStructuralSchema, type StructuralSchema } from './structural-schema.ts'

/** Fields of RuntimePool.spec that are values of the pool; the image is set in one place only. */
const poolFields = ['members', 'resources', 'storage'] as const

/** The file's text. Draft 2020-12, which Helm 4 reads. */
export function renderValuesSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Values of the chart miniredis',
    ...closed({ image, operator, pool: pool(), global: { type: 'object' } }),
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}

const image = closed({
  repository: { type: 'string', minLength: 1 },
  tag: { type: 'string', description: "Empty: the chart's appVersion." },
  pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
  pullSecrets: { type: 'array', items: { type: 'string' } },
})

const operator = closed({
  replicas: { type: 'integer', minimum: 1, maximum: 5 },
  logLevel: { enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] },
  resources: { type: 'object' },
  nodeSelector: { type: 'object', additionalProperties: { type: 'string' } },
  tolerations: { type: 'array', items: { type: 'object' } },
})

function pool(): object {
  const spec = buildStructuralSchema(runtimePoolSchema).properties?.spec?.properties ?? {}
  const fields = poolFields.map((name) => [name, toValue(spec[name] ?? {})] as const)
  return closed({
    enabled: { type: 'boolean' },
    name: {
      type: 'string',
      pattern: '^[a-z]([-a-z0-9]*[a-z0-9])?$',
      maxLength: POOL_NAME_LENGTH_MAX,
    },
    ...Object.fromEntries(fields),
  })
}

/** A structural schema without what only an API server understands. */
function toValue(schema: StructuralSchema): object {
  const known = Object.entries(schema).filter(([keyword]) => !keyword.startsWith('x-kubernetes-'))
  if (schema.properties === undefined) return Object.fromEntries(known)
  const children = Object.entries(schema.properties).map(([name, child]) => [name, toValue(child)])
  return { ...Object.fromEntries(known), ...closed(Object.fromEntries(children)) }
}

function closed(properties: Readonly<Record<string, object>>): object {
  return { type: 'object', additionalProperties: false, properties }
}
