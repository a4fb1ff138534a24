import { type DestinationStream, destination, type Logger, pino } from 'pino'
import type { Clock } from '../clock.ts'
import { redact, scrub } from './redact.ts'

export type Log = Logger

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly clock: Clock
  /** Left out: the standard output. */
  readonly output?: DestinationStream
}

/**
 * The log: one JSON object a line, `level` by name, `time` in ISO 8601. Every line passes through one gate that redacts
 * the whole of it, whoever wrote it and however it was put together (child bindings, serializers, error texts).
 */
export function createLog({ level, clock, output }: LogOptions): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactLine },
    },
    output ?? destination({ dest: 1, sync: true }),
  )
}

/** A finished line, without its secrets. */
export function redactLine(line: string): string {
  try {
    return `${JSON.stringify(redact(JSON.parse(line)))}\n`
  } catch {
    return `${scrub(line.trimEnd())}\n`
  }
}
