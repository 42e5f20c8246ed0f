/** Events that people see with `kubectl describe`. */
import type { KubeObject } from './object.ts'

export interface EventRecorder {
  /** Notes something about an object. Never waits and never fails: events are best effort. */
  record(about: KubeObject, event: RecordedEvent): void
}

export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning'
  /** CamelCase, from the catalogue of reasons. */
  readonly reason: string
  readonly message: string
}
