import type { z } from 'zod'
import { SottoError } from './errors.ts'
import { type ClientFrame, type ClientFrameType, clientFrames } from './frames.ts'

/** The first thing that is wrong, in words: `members.3: a user id must have …`. */
export function whatIsWrong(error: z.ZodError): string {
  const issue = error.issues[0]
  if (issue === undefined) return 'not valid'
  const path = issue.path.map(String).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

/** Parses what is untrusted. Throws `bad_request` that names the first thing wrong. */
export function parse<schema extends z.ZodType>(schema: schema, value: unknown): z.output<schema> {
  const result = schema.safeParse(value)
  if (!result.success) throw new SottoError('bad_request', whatIsWrong(result.error))
  return result.data
}

/**
 * Parses a client's frame. Throws `bad_frame` when it is no JSON object with a known `type`,
 * `bad_request` when a member is wrong.
 */
export function parseClientFrame(text: string): ClientFrame {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new SottoError('bad_frame', 'the frame is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SottoError('bad_frame', 'the frame is not a JSON object')
  }
  const type = (value as { type?: unknown }).type
  if (typeof type !== 'string' || !Object.hasOwn(clientFrames, type)) {
    throw new SottoError('bad_frame', 'the frame has no known `type`')
  }
  return parse(clientFrames[type as ClientFrameType], value) as ClientFrame
}
