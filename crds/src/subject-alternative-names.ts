/**
 * Who a certificate speaks for. Node prints subject alternative names as one line,
 * `DNS:a.example, URI:"miniredis://a, b"`; a name with a comma or a quote is a JSON string, so
 * that a splitting at commas alone could be made to see names that nobody signed.
 */

const entry = /\s*([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:,|$)/y

/** The URI names of a line of subject alternative names; none when the line is malformed. */
export function uriNames(subjectAltName: string | undefined): readonly string[] {
  if (subjectAltName === undefined) return []
  try {
    return parseNames(subjectAltName)
  } catch {
    return []
  }
}

function parseNames(subjectAltName: string): readonly string[] {
  const names: string[] = []
  entry.lastIndex = 0
  for (let at = 0; at < subjectAltName.length; at = entry.lastIndex) {
    const match = entry.exec(subjectAltName)
    if (match === null) throw new Error('malformed')
    if (match[1] === 'URI') names.push(unquoted(match[2] ?? ''))
  }
  return names
}

const unquoted = (name: string): string => (name.startsWith('"') ? String(JSON.parse(name)) : name)
