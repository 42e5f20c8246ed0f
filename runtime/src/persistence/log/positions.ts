/** Order of log positions. Epochs never go down, and within one offsets only grow. Pure. */
import type { LogPosition } from './log.ts'

export const isCovered = (position: LogPosition, by: LogPosition | undefined): boolean =>
  by !== undefined &&
  (position.epoch < by.epoch || (position.epoch === by.epoch && position.offset <= by.offset))

export const textOf = ({ epoch, offset }: LogPosition): string => `${epoch}:${offset}`
