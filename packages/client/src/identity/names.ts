import { malformed, readText } from './canonical.ts'

/** Ids as the protocol has them (docs/wire.md), checked here without its schemas, which browsers need not load. */

/** A device of a user: a leaf of a group, an entry of a device list. */
export interface DeviceName {
  readonly userId: string
  readonly deviceId: string
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const control = /[\u0000-\u001f\u007f-\u009f]/

function isName(text: string, lengthMax: number): boolean {
  // Characters are code points, as for the protocol; a text of more than twice as many code units has more.
  const length = text.length > 2 * lengthMax ? Number.POSITIVE_INFINITY : Array.from(text).length
  return length > 0 && length <= lengthMax && !control.test(text) && text.isWellFormed()
}

export function isUserId(text: string): boolean {
  return isName(text, 128)
}

/** What a user calls a device. */
export function isLabel(text: string): boolean {
  return isName(text, 128)
}

export function isDeviceId(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(text)
}

export function readUserId(value: unknown): string {
  const text = readText(value)
  if (!isUserId(text)) throw malformed('no user id')
  return text
}

export function readDeviceId(value: unknown): string {
  const text = readText(value)
  if (!isDeviceId(text)) throw malformed('no device id')
  return text
}

export function readLabel(value: unknown): string {
  const text = readText(value)
  if (!isLabel(text)) throw malformed('no name of a device')
  return text
}
