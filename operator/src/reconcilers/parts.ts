/** The one list of what the operator reconciles. main.ts starts what is named here. */
import type { OperatorParts, Ports, WatchedKind } from '../parts.ts'

export const watchedKinds: readonly WatchedKind[] = []

export function createParts(_ports: Ports): OperatorParts {
  return { controllers: [], duties: [] }
}
