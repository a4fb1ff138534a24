import { SottoClientError } from '../errors.ts'

/** Checks that need no test runner, so that the same cases run in Node.js and in a page. */

/** @throws when two values differ: JSON and bytes. */
export function same(actual: unknown, expected: unknown, what = 'value'): void {
  const [found, wanted] = [text(actual), text(expected)]
  if (found !== wanted) throw new Error(`${what}: expected ${wanted.slice(0, 400)}, found ${found.slice(0, 400)}`)
}

/** @throws when `run` does not reject with this code. */
export async function refused(code: string, run: Promise<unknown>, what = 'it'): Promise<SottoClientError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof SottoClientError && error.code === code) return error
  throw new Error(
    `${what}: expected ${code}, found ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
  )
}

/** Text in code units and bytes in hexadecimal: nothing is lost on the way, not even half a surrogate pair. */
function text(value: unknown): string {
  return (
    JSON.stringify(value, (_, part) => {
      if (!(part instanceof Uint8Array)) return part
      return part.length > 1024 ? `bytes ${part.length} ${checksum(part)}` : `bytes ${Array.from(part, hex).join('')}`
    }) ?? 'undefined'
  )
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0')

/** Fowler–Noll–Vo, 32 bits. */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193)
  return sum >>> 0
}

export const utf8 = (words: string) => new TextEncoder().encode(words)
export const words = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))
