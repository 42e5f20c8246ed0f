/** Amounts of bytes as Kubernetes writes them. */

const units: Readonly<Record<string, number>> = {
  '': 1,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
}

/**
 * `1Gi` → 1073741824, `1.5G` → 1500000000; undefined for anything else.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function quantityBytes(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]*)$/.exec(text) ?? []
  const factor = units[unit]
  return number === undefined || factor === undefined ? undefined : Number(number) * factor
}
