/** Sizes as people write them in a manifest: a whole number of Mi or Gi. */

const unitBytes = { Mi: 2 ** 20, Gi: 2 ** 30 } as const

export const byteSizePattern = '^[1-9][0-9]{0,5}(Mi|Gi)$'

const byteSize = new RegExp(byteSizePattern)

/**
 * `64Mi` → 67108864.
 * @throws RangeError when the text is not a whole number of Mi or Gi
 */
export function parseByteSize(text: string): number {
  if (!byteSize.test(text)) throw new RangeError(`not a size in Mi or Gi: ${text}`)
  const unit = text.endsWith('Gi') ? unitBytes.Gi : unitBytes.Mi
  return Number.parseInt(text, 10) * unit
}
