import type { Row } from './row.ts'

const columns: readonly (readonly [title: string, cell: (row: Row) => string])[] = [
  ['measurement', ({ label }) => label],
  ['Sotto', ({ subject }) => subject],
  ['reference', ({ reference }) => reference ?? ''],
  ['ratio', ({ ratio }) => (ratio === undefined ? '' : ratio.toFixed(2))],
  ['goal', ({ goal }) => goal ?? ''],
  ['', ({ met }) => (met === undefined ? '' : met ? 'met' : 'MISSED')],
  ['p50 / p99 ms', ({ latency }) => latency ?? ''],
  ['CPU s per 1,000', ({ cpu }) => cpu ?? ''],
  ['others', ({ otherCores }) => (otherCores === undefined ? '' : otherCores.toFixed(1))],
]

/** The rows as a Markdown table with aligned columns; without those that nothing is said in. */
export function table(rows: readonly Row[]): string {
  const used = columns.filter(([, cell]) => rows.some((row) => cell(row) !== ''))
  const cells = [used.map(([title]) => title), ...rows.map((row) => used.map(([, cell]) => cell(row)))]
  const widths = used.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  const render = (line: readonly string[]) => `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [render(cells[0]!), rule, ...cells.slice(1).map(render)].join('\n')
}
