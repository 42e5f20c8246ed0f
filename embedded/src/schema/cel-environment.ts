/** CEL as custom resources may use it: the language, and Kubernetes' functions that cel-js lacks. */
import { Environment, type ParseResult } from '@marcbachmann/cel-js'
import { compilePattern } from './patterns.ts'
import {
  isWholeQuantity,
  nanoOf,
  parseQuantity,
  quantityToNumber,
  wholeQuantity,
} from './quantity.ts'

class CelQuantity {
  readonly nano: bigint
  constructor(nano: bigint) {
    this.nano = nano
  }
}

const sign = (value: bigint): bigint => (value > 0n ? 1n : value < 0n ? -1n : 0n)

function quantity(text: string): CelQuantity {
  const nano = parseQuantity(text)
  if (nano === undefined) throw new Error(`quantities must match the regular expression: ${text}`)
  return new CelQuantity(nano)
}

function asInteger({ nano }: CelQuantity): bigint {
  if (!isWholeQuantity(nano)) throw new Error('cannot convert value to integer')
  return wholeQuantity(nano)
}

type Order = (a: CelQuantity, b: CelQuantity) => unknown

const orders: Readonly<Record<string, Order>> = {
  'Quantity.compareTo(Quantity): int': (a, b) => sign(a.nano - b.nano),
  'Quantity.isGreaterThan(Quantity): bool': (a, b) => a.nano > b.nano,
  'Quantity.isLessThan(Quantity): bool': (a, b) => a.nano < b.nano,
  'Quantity.add(Quantity): Quantity': (a, b) => new CelQuantity(a.nano + b.nano),
  'Quantity.sub(Quantity): Quantity': (a, b) => new CelQuantity(a.nano - b.nano),
}

function createEnvironment(): Environment {
  const cel = new Environment({
    unlistedVariablesAreDyn: true,
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
  })
  cel.registerType('Quantity', { ctor: CelQuantity, fields: {} })
  cel.registerFunction('quantity(string): Quantity', quantity)
  cel.registerFunction(
    'isQuantity(string): bool',
    (text: string) => parseQuantity(text) !== undefined,
  )
  for (const [signature, run] of Object.entries(orders)) cel.registerFunction(signature, run)
  cel.registerFunction('Quantity.add(int): Quantity', (a: CelQuantity, b: bigint) => {
    return new CelQuantity(a.nano + nanoOf(b))
  })
  cel.registerFunction('Quantity.isInteger(): bool', ({ nano }: CelQuantity) =>
    isWholeQuantity(nano),
  )
  cel.registerFunction('Quantity.asInteger(): int', asInteger)
  cel.registerFunction('Quantity.asApproximateFloat(): double', ({ nano }: CelQuantity) =>
    quantityToNumber(nano),
  )
  cel.registerFunction('Quantity.sign(): int', ({ nano }: CelQuantity) => sign(nano))
  cel.registerFunction(
    'string.find(string): string',
    (text: string, pattern: string) => compilePattern(pattern).exec(text)?.[0] ?? '',
  )
  cel.registerFunction('string.replace(string, string): string', replaceAll)
  cel.registerFunction('list<dyn>.sum(): dyn', sum)
  return cel
}

const replaceAll = (text: string, from: string, to: string): string => text.replaceAll(from, to)

const sum = (items: readonly (bigint | number)[]): bigint | number =>
  items.every((item) => typeof item === 'bigint')
    ? items.reduce((a, b) => a + b, 0n)
    : items.map(Number).reduce((a, b) => a + b, 0)

const environment = createEnvironment()

const programs = new Map<string, ParseResult>()
const PROGRAMS_MAX = 1_000

/** A compiled expression, from a bounded cache. @throws Error when it does not parse */
export function compileExpression(expression: string): ParseResult {
  const known = programs.get(expression)
  if (known !== undefined) return known
  const program = environment.parse(expression)
  if (programs.size >= PROGRAMS_MAX) programs.clear()
  programs.set(expression, program)
  return program
}
