/** Rules about metadata that hold for every kind: names, labels, annotations, finalizers. */
import type { StatusCause } from '../store/api-error.ts'
import { invalidValue, requiredValue } from './field-error.ts'
import { type Fields, isFields } from './schema.ts'

export const ANNOTATIONS_BYTES_MAX = 256 * 1024
const NAME_LENGTH_MAX = 253
const LABEL_LENGTH_MAX = 63

export type NameForm = 'subdomain' | 'label' | 'label-1035'

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const label1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const qualifiedPart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/

export const nameForms: Readonly<
  Record<NameForm, { pattern: RegExp; lengthMax: number; words: string }>
> = {
  subdomain: {
    pattern: subdomain,
    lengthMax: NAME_LENGTH_MAX,
    words:
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  },
  label: {
    pattern: label,
    lengthMax: LABEL_LENGTH_MAX,
    words:
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  },
  'label-1035': {
    pattern: label1035,
    lengthMax: LABEL_LENGTH_MAX,
    words:
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  },
}

/** Every violation in `metadata`, paths beginning with 'metadata.'. */
export function validateMetadata(
  metadata: Readonly<Fields>,
  { nameForm, isCustom }: { readonly nameForm: NameForm; readonly isCustom: boolean },
): StatusCause[] {
  return [
    ...validateName(metadata.name, nameForm),
    ...validateLabels(metadata.labels),
    ...validateAnnotations(metadata.annotations),
    ...validateFinalizers(metadata.finalizers, isCustom),
    ...validateOwners(metadata.ownerReferences),
  ]
}

function validateName(name: unknown, form: NameForm): StatusCause[] {
  const path = 'metadata.name'
  if (typeof name !== 'string' || name === '')
    return [requiredValue(path, 'name or generateName is required')]
  const { pattern, lengthMax, words } = nameForms[form]
  return [
    ...(name.length > lengthMax
      ? [invalidValue(path, name, `must be no more than ${lengthMax} bytes`)]
      : []),
    ...(pattern.test(name) ? [] : [invalidValue(path, name, words)]),
  ]
}

const qualifiedWords =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

/** What is wrong with a qualified name such as `app` or `example.com/app`; '' when nothing is. */
function qualifiedNameProblem(name: string): string {
  const parts = name.split('/')
  if (parts.length > 2) return qualifiedWords
  const [first = '', second] = parts
  if (second !== undefined && (!subdomain.test(first) || first.length > NAME_LENGTH_MAX))
    return `prefix part ${nameForms.subdomain.words}`
  const local = second ?? first
  if (local === '') return 'name part must be non-empty'
  if (local.length > LABEL_LENGTH_MAX)
    return `name part must be no more than ${LABEL_LENGTH_MAX} bytes`
  return qualifiedPart.test(local) ? '' : qualifiedWords
}

function validateLabels(labels: unknown): StatusCause[] {
  if (!isFields(labels)) return []
  const path = 'metadata.labels'
  return Object.entries(labels).flatMap(([key, value]) => {
    const problem = qualifiedNameProblem(key)
    const text = typeof value === 'string' ? value : ''
    return [
      ...(problem === '' ? [] : [invalidValue(path, key, problem)]),
      ...(text.length > LABEL_LENGTH_MAX
        ? [invalidValue(path, text, `must be no more than ${LABEL_LENGTH_MAX} bytes`)]
        : []),
      ...(text === '' || qualifiedPart.test(text)
        ? []
        : [
            invalidValue(
              path,
              text,
              "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            ),
          ]),
    ]
  })
}

function validateAnnotations(annotations: unknown): StatusCause[] {
  if (!isFields(annotations)) return []
  const path = 'metadata.annotations'
  const entries = Object.entries(annotations)
  const bytes = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(String(value)),
    0,
  )
  const keys = entries.flatMap(([key]) => {
    const problem = qualifiedNameProblem(key.toLowerCase())
    return problem === '' ? [] : [invalidValue(path, key, problem)]
  })
  if (bytes <= ANNOTATIONS_BYTES_MAX) return keys
  const message = `Too long: may not be more than ${ANNOTATIONS_BYTES_MAX} bytes`
  return [...keys, { reason: 'FieldValueTooLong', field: path, message }]
}

/** Those of Kubernetes itself. */
const standardFinalizers = [
  'customresourcecleanup.apiextensions.k8s.io',
  'foregroundDeletion',
  'kubernetes',
  'orphan',
]

/** Built-in kinds insist on a domain in the name. */
function validateFinalizers(finalizers: unknown, isCustom: boolean): StatusCause[] {
  if (!Array.isArray(finalizers)) return []
  return finalizers.map(String).flatMap((name, index) => {
    const problem = qualifiedNameProblem(name)
    if (problem !== '') return [invalidValue('metadata.finalizers', name, problem)]
    if (isCustom || name.includes('/') || standardFinalizers.includes(name)) return []
    const words = 'name is neither a standard finalizer name nor is it fully qualified'
    return [invalidValue(`metadata.finalizers[${index}]`, name, words)]
  })
}

const neededOfOwners = {
  apiVersion: 'version must not be empty',
  kind: 'must not be empty',
  name: 'must not be empty',
  uid: 'must not be empty',
}

function validateOwners(owners: unknown): StatusCause[] {
  if (!Array.isArray(owners)) return []
  const missing = owners.flatMap((owner) =>
    Object.entries(neededOfOwners)
      .filter(([field]) => !isFields(owner) || owner[field] === undefined || owner[field] === '')
      .map(([field, words]) => invalidValue(`metadata.ownerReferences.${field}`, '', words)),
  )
  const controllers = owners.filter((owner) => isFields(owner) && owner.controller === true)
  if (controllers.length < 2) return missing
  return [
    ...missing,
    invalidValue(
      'metadata.ownerReferences',
      owners,
      'Only one reference can have Controller set to true.',
    ),
  ]
}
