import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every file under a directory, and the text beside them, as they are. */
export function everythingIn(directory: string, log: string): Buffer[] {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return [...files.map((file) => readFileSync(join(file.parentPath, file.name))), Buffer.from(log)]
}

/** The texts that stand in any of the places: as UTF-8 or UTF-16, in base64 at any offset, or in hexadecimal. */
export function tracesOf(texts: readonly string[], places: readonly Buffer[]): string[] {
  return texts.filter((text) => places.some((place) => appearances(text).some((appearance) => place.includes(appearance))))
}

function appearances(text: string): Buffer[] {
  const utf8 = Buffer.from(text)
  const hex = utf8.toString('hex')
  const encoded = [hex, hex.toUpperCase(), ...base64Cores(utf8, 'base64'), ...base64Cores(utf8, 'base64url')]
  return [utf8, Buffer.from(text, 'utf16le'), ...encoded.map((each) => Buffer.from(each))]
}

/** What base64 makes of the bytes, without the characters that depend on what stands before and after them. */
function base64Cores(bytes: Buffer, encoding: 'base64' | 'base64url'): string[] {
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString(encoding)
      .replace(/=+$/, '')
    const begin = offset === 0 ? 0 : offset + 1
    const end = Math.floor(((offset + bytes.length) * 8) / 6)
    return encoded.slice(begin, end)
  })
}
