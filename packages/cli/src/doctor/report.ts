import type { Paint } from '../terminal.ts'
import type { Finding, Summary } from './finding.ts'

const colours = { ok: 'green', note: 'cyan', warning: 'yellow', problem: 'red' } as const
const levelWidth = 'problem'.length
const checkWidth = 'durability'.length
const indent = ' '.repeat(2 + levelWidth + 2 + checkWidth + 2)

/** A finding for a person, with its line ends. */
export function findingText({ check, level, message, action, details = [] }: Finding, paint: Paint): string {
  const lines = [
    `  ${paint(colours[level], level.padEnd(levelWidth))}  ${check.padEnd(checkWidth)}  ${message}`,
    ...details.map((detail) => `${indent}  ${detail}`),
    ...(action === undefined ? [] : [`${indent}→ ${action}`]),
  ]
  return `${lines.join('\n')}\n`
}

/** The last line. */
export function summaryText({ problems, warnings }: Summary, paint: Paint): string {
  const words = [counted(problems, 'problem'), counted(warnings, 'warning')].join(', ')
  return `\n${paint(problems > 0 ? 'red' : warnings > 0 ? 'yellow' : 'green', words)}\n`
}

function counted(count: number, noun: string): string {
  return `${count === 0 ? 'no' : count} ${noun}${count === 1 ? '' : 's'}`
}
