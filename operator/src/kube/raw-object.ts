/** Objects as they come from the API, on their way to typed ones. Pure. */
import { z } from 'zod'
import { KubeError } from './errors.ts'
import type { KubeObject, ResourceType, Stored } from './object.ts'

/** As much as is relied on without looking; the API server has checked the rest. */
export const rawObjectSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), uid: z.string(), resourceVersion: z.string() }),
})
export type RawObject = z.output<typeof rawObjectSchema>

/** @throws KubeError Malformed */
export function parseAnswer<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new KubeError('Malformed', 'the API said something of an unknown form', {
    cause: parsed.error,
  })
}

/**
 * The object as the operator keeps it: with its kind, which items of lists lack, and without
 * managedFields, which would be most of the memory and which nothing here reads.
 */
export function stored<T extends KubeObject>(
  { apiVersion, kind }: ResourceType<T>,
  { metadata: { managedFields: _, ...metadata }, ...rest }: RawObject,
): Stored<T> {
  return { ...rest, apiVersion, kind, metadata } as unknown as Stored<T>
}
