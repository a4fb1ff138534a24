/**
 * Whether a JSON object, given as text that JSON.parse accepts, names a member of its own twice. Parsers differ in which
 * of the two they believe, so that a token of that kind may mean one thing to its issuer's gateway and another to us.
 */
export function repeatsMember(json: string): boolean {
  const names = new Set<string>()
  let depth = 0
  for (const [token, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[[\]{}]/g)) {
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    else if (depth === 1 && colon !== undefined) {
      const name = JSON.parse(token.slice(0, -colon.length)) as string
      if (names.has(name)) return true
      names.add(name)
    }
  }
  return false
}
