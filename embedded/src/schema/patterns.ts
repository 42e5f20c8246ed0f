/** RE2 patterns of schemas and CEL rules, as JavaScript regular expressions. */

const compiled = new Map<string, RegExp>()
const COMPILED_MAX = 1_000

/** @throws SyntaxError when the pattern means nothing to JavaScript, or uses what RE2 lacks */
export function compilePattern(pattern: string): RegExp {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  if (/\(\?[=!]|\(\?<[=!]|\\[1-9]|\\k</.test(pattern))
    throw new SyntaxError(`error parsing regexp: look-around and back-references: \`${pattern}\``)
  const expression = translate(pattern)
  if (compiled.size >= COMPILED_MAX) compiled.clear()
  compiled.set(pattern, expression)
  return expression
}

function translate(pattern: string): RegExp {
  const [, letters = '', rest = ''] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(pattern) ?? []
  // RE2's \z and \A are the plain anchors of JavaScript without the m flag; \pN is \p{N}
  const source = rest
    .replaceAll('\\z', '$')
    .replaceAll('\\A', '^')
    .replace(/\\([pP])([A-Z])/g, '\\$1{$2}')
  try {
    return new RegExp(source, `u${letters}`)
  } catch {
    // the u flag refuses needless escapes (\-) that RE2 allows
    return new RegExp(source, letters)
  }
}
