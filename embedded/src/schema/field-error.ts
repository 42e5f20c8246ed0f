/** Errors about one field, worded as k8s.io/apimachinery/pkg/util/validation/field words them. */
import type { StatusCause } from '../store/api-error.ts'

const cause = (reason: string, field: string, message: string): StatusCause => ({
  reason,
  message,
  field: field === '' ? '<nil>' : field,
})

const described = (text: string, detail: string): string =>
  detail === '' ? text : `${text}: ${detail}`

/** As Go prints it: strings quoted, everything else as JSON. */
export const printed = (value: unknown): string => JSON.stringify(value) ?? 'null'

export const invalidValue = (field: string, value: unknown, detail: string): StatusCause =>
  cause('FieldValueInvalid', field, described(`Invalid value: ${printed(value)}`, detail))

export const invalidType = (field: string, value: unknown, detail: string): StatusCause =>
  cause('FieldValueTypeInvalid', field, described(`Invalid value: ${printed(value)}`, detail))

export const requiredValue = (field: string, detail = ''): StatusCause =>
  cause('FieldValueRequired', field, described('Required value', detail))

export const forbiddenValue = (field: string, detail: string): StatusCause =>
  cause('FieldValueForbidden', field, described('Forbidden', detail))

export const duplicateValue = (field: string, value: unknown): StatusCause =>
  cause('FieldValueDuplicate', field, `Duplicate value: ${printed(value)}`)

export const unsupportedValue = (
  field: string,
  value: unknown,
  supported: readonly unknown[],
): StatusCause =>
  cause(
    'FieldValueNotSupported',
    field,
    `Unsupported value: ${printed(value)}: supported values: ${supported
      .map((item) => JSON.stringify(typeof item === 'string' ? item : JSON.stringify(item)))
      .join(', ')}`,
  )

export const tooLong = (field: string, lengthMax: number): StatusCause =>
  cause(
    'FieldValueTooLong',
    field,
    `Too long: may not be more than ${lengthMax} ${lengthMax === 1 ? 'byte' : 'bytes'}`,
  )

export const tooMany = (field: string, count: number, countMax: number): StatusCause =>
  cause(
    'FieldValueTooMany',
    field,
    `Too many: ${count}: must have at most ${countMax} ${countMax === 1 ? 'item' : 'items'}`,
  )
