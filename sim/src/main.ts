import { parseArgs } from 'node:util'
import { clientsRun } from './clients/clients-run.ts'
import { commitRun } from './commit-run.ts'
import { sigterm } from './death.ts'
import { diskFullRun } from './disk-full-run.ts'
import { keyPackages } from './key-family.ts'
import { killClientRun } from './kill-client/kill-client-run.ts'
import { killRun } from './kill-run.ts'
import { orderRun } from './order-run.ts'
import { preKeyRun } from './prekey-run.ts'
import type { RunReport } from './report.ts'
import { inScratch } from './scratch.ts'

const usage =
  'usage: npm run sim -- [kills | stops | prekeys | key-packages | commits | order | disk-full | clients | kill-client]' +
  ' [--kills N] [--cycles N] [--keys N] [--changes N] [--messages N] [--seed N] [--seeds N]'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '100' },
    cycles: { type: 'string', default: '20' },
    keys: { type: 'string', default: '5000' },
    changes: { type: 'string', default: '200' },
    messages: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    seeds: { type: 'string', default: '1' },
  },
})
const { kills, cycles, keys, changes, messages, seed: firstSeed, seeds } = numbers(values)

/** Accepted messages wanted for each kill, and for each time that the disk is full. */
const sendsMinEach = 50

const runs: Record<string, (directory: string, seed: number) => Promise<RunReport>> = {
  kills: (directory, seed) => killRun({ directory, seed, kills, sendsMin: kills * sendsMinEach }),
  stops: (directory, seed) => killRun({ directory, seed, kills, sendsMin: kills * sendsMinEach, death: sigterm(directory) }),
  prekeys: (directory, seed) => preKeyRun({ directory, seed, kills, keys, claimers: 64 }),
  'key-packages': (directory, seed) => preKeyRun({ directory, seed, kills, keys, claimers: 64, family: keyPackages }),
  commits: (directory, seed) => commitRun({ directory, seed, kills, committers: 50, epochs: kills * 10 }),
  order: (directory, seed) => orderRun({ directory, seed, bursts: cycles * 10 }),
  'disk-full': (directory, seed) => diskFullRun({ directory, seed, cycles, sendsMin: cycles * sendsMinEach }),
  clients: (directory, seed) => clientsRun({ directory, seed, changes, messages }),
  'kill-client': (directory, seed) => killClientRun({ directory, seed, kills }),
}

const name = positionals[0] ?? 'kills'
const run = runs[name]
if (run === undefined || positionals.length > 1) {
  console.error(usage)
  process.exit(2)
}
let isRight = true
for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
  const { wallMs, counts, problems } = await inScratch((directory) => run(directory, seed))
  const told = Object.entries(counts).map(([what, count]) => `${what} ${count}`)
  console.log(`${name}, seed ${seed}: ${problems.length} problems in ${Math.round(wallMs / 1_000)} s; ${told.join(', ')}`)
  for (const problem of problems) console.log(`  ${problem}`)
  isRight &&= problems.length === 0
}
process.exit(isRight ? 0 : 1)

function numbers<name extends string>(texts: Readonly<Record<name, string>>): Record<name, number> {
  const entries = Object.entries<string>(texts).map(([key, text]) => [key, Number(text)])
  return Object.fromEntries(entries) as Record<name, number>
}
