import type { z } from 'zod'
import { SottoError } from './errors.ts'
import { type ClientFrame, type ClientFrameType, clientFrames } from './frames.ts'
import { isPlainAck, isPlainMsg } from './plain-frames.ts'

type Issue = z.core.$ZodIssue

/** Characters of a name that the sender chose, and of a whole reason: an error never carries a payload back. */
const nameLengthMax = 64
const reasonLengthMax = 256

function shortened(text: string, lengthMax: number): string {
  const whole = text.toWellFormed()
  return whole.length <= lengthMax ? whole : `${whole.slice(0, lengthMax - 1).toWellFormed()}…`
}

/** Of a union, the alternative that was meant: the first whose own type fits. */
function meant(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue
  const fits = (issues: Issue[]) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0)
  const inner = (issue.errors.find(fits) ?? issue.errors[0])?.[0]
  if (inner === undefined) return issue
  const found = meant(inner)
  return { ...found, path: [...issue.path, ...found.path] }
}

/** The first thing that is wrong, in words: `members.3: a user id must have …`. Names what is wrong, never its value. */
export function whatIsWrong(error: z.ZodError): string {
  const first = error.issues[0]
  if (first === undefined) return 'not valid'
  const issue = meant(first)
  const reason =
    issue.code === 'unrecognized_keys'
      ? `unknown member ${JSON.stringify(shortened(issue.keys[0] ?? '', nameLengthMax))}`
      : issue.message
  const path = issue.path.map((part) => shortened(String(part), nameLengthMax)).join('.')
  return shortened(path === '' ? reason : `${path}: ${reason}`, reasonLengthMax)
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
  const type = Object.hasOwn(value, 'type') ? (value as { type: unknown }).type : undefined
  if (typeof type !== 'string' || !Object.hasOwn(clientFrames, type)) {
    throw new SottoError('bad_frame', 'the frame has no known `type`')
  }
  if (type === 'msg' && isPlainMsg(value)) return value
  if (type === 'ack' && isPlainAck(value)) return value
  return parse(clientFrames[type as ClientFrameType], value) as ClientFrame
}
