/** What takes the place of a value that must not be written down (G9). */
const redacted = '[redacted]'

/** Names compared without case, `-` and `_`; also as the end of a longer name (`accessToken`, `oneTimePreKeys`). */
const secretNames = [
  'authorization',
  'cookie',
  'token',
  'tokens',
  'ticket',
  'secret',
  'password',
  'credential',
  'credentials',
  'ciphertext',
  'plaintext',
  'signature',
  'key',
  'keys',
  'jwk',
  'jwks',
  'keypackage',
  'keypackages',
  'welcome',
  'groupinfo',
  'body',
]
const depthMax = 16
/** Characters of one text in the log. */
const textLengthMax = 8_192

const secretParameters: readonly string[] = ['token', 'ticket', 'access_token', 'id_token', 'refresh_token', 'code']
const parameter = /([?&;])([^=&;?#\s"'<>]{1,64})=([^&;#\s"'<>]*)/g
/** A JWS or JWE in compact form, wherever it stands: base64url of `{"` begins with eyJ. */
const compactToken = /eyJ[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*){1,4}/g
const bearer = /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+/gi
/** Members of JSON that was cut off, so that it cannot be parsed. */
const member = /("(?:ciphertext|token|ticket|secret)"\s*:\s*")(?:[^"\\]|\\.)*/gi

/** Takes tokens and tickets out of any text: out of addresses (`?token=…`) and wherever else they can be told. */
export function scrub(text: string): string {
  const short = text.length > textLengthMax ? `${text.slice(0, textLengthMax)}…` : text
  return short
    .replace(compactToken, redacted)
    .replace(bearer, `$1 ${redacted}`)
    .replace(parameter, (whole, before: string, name: string) =>
      isSecretParameter(name) ? `${before}${name}=${redacted}` : whole,
    )
    .replace(member, `$1${redacted}`)
}

/**
 * A copy of what JSON holds with every secret replaced, at any depth and inside texts that are JSON themselves. Numbers,
 * booleans and null stay: `keys: 3` is a count. Byte arrays become their length.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value, depth)
  if (typeof value !== 'object' || value === null) return value
  if (depth === depthMax) return redacted
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1))
  const { type, data } = value as { type?: unknown; data?: unknown }
  if (type === 'Buffer' && Array.isArray(data)) return `[${data.length} bytes]`
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, isSecretName(name) ? hidden(item) : redact(item, depth + 1)]),
  )
}

function redactText(text: string, depth: number): unknown {
  if (depth < depthMax && /^\s*[{[]/.test(text)) {
    try {
      return JSON.stringify(redact(JSON.parse(text), depth + 1))
    } catch {
      // No JSON after all.
    }
  }
  return scrub(text)
}

function hidden(value: unknown): unknown {
  return value === null || typeof value === 'number' || typeof value === 'boolean' ? value : redacted
}

function isSecretName(name: string): boolean {
  const plain = name.replace(/[-_]/g, '').toLowerCase()
  return secretNames.some((secret) => plain.endsWith(secret))
}

function isSecretParameter(name: string): boolean {
  try {
    return secretParameters.includes(decodeURIComponent(name).toLowerCase())
  } catch {
    return false
  }
}
