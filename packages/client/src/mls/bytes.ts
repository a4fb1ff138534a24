/** Small things about bytes that several files here need. */

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

export function base64url(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A group's id on the wire is the UTF-8 of its name. Undefined: the bytes are no UTF-8. */
export function groupName(id: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(id)
  } catch {
    return undefined
  }
}

export function wipeBytes(secrets: Iterable<Uint8Array>): void {
  for (const secret of secrets) secret.fill(0)
}
