import type { Paint } from './terminal.ts'

/** Members of a log line that stand in front, or that say nothing to a person. */
const passedOver = new Set(['level', 'time', 'msg'])

const colours = { warn: 'yellow', error: 'red', fatal: 'red' } as const

/** A line of the log, one JSON object, for a person: `14:03:07 listening port=8080 …`. What is no such line stays as it is. */
export function plainLine(line: string, paint: Paint): string {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch {
    return line
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return line
  const { level, time, msg } = entry as Record<string, unknown>
  const members = Object.entries(entry)
    .filter(([name]) => !passedOver.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const colour = Object.hasOwn(colours, String(level)) ? colours[level as keyof typeof colours] : undefined
  const words = [
    ...(typeof time === 'string' ? [paint('dim', localTime(time))] : []),
    ...(colour === undefined ? [] : [paint(colour, String(level))]),
    String(msg ?? ''),
    ...(members.length > 0 ? [paint('dim', members.join(' '))] : []),
  ]
  return `${words.join(' ')}\n`
}

function localTime(time: string): string {
  const at = new Date(time)
  return Number.isNaN(at.getTime()) ? time : at.toTimeString().slice(0, 8)
}
