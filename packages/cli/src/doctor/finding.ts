/** ok: as it should be · note: nothing to do, good to know · warning: look at it · problem: the server will not work. */
export type Level = 'ok' | 'note' | 'warning' | 'problem'

export interface Finding {
  /** What was looked at, one word. */
  readonly check: string
  readonly level: Level
  /** One line. */
  readonly message: string
  /** What to do about it, one line. */
  readonly action?: string
  /** More lines, where one is not enough. */
  readonly details?: readonly string[]
}

export interface Summary {
  readonly problems: number
  readonly warnings: number
}

export function summaryOf(findings: readonly Finding[]): Summary {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length
  return { problems: count('problem'), warnings: count('warning') }
}
