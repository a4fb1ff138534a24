import { parseArgs } from 'node:util'
import { commitRun } from './commit-run.ts'
import { sigterm } from './death.ts'
import { diskFullRun } from './disk-full-run.ts'
import { keyPackages } from './key-family.ts'
import { killRun } from './kill-run.ts'
import { orderRun } from './order-run.ts'
import { preKeyRun } from './prekey-run.ts'
import type { RunReport } from './report.ts'
import { inScratch } from './scratch.ts'

const usage =
  'usage: npm run sim -- [kills | stops | prekeys | key-packages | commits | order | disk-full] [--kills N] [--cycles N] [--keys N] [--seed N]'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '100' },
    cycles: { type: 'string', default: '20' },
    keys: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const [kills, cycles, keys, seed] = [values.kills, values.cycles, values.keys, values.seed].map(Number) as [
  number,
  number,
  number,
  number,
]

/** Accepted messages wanted for each kill, and for each time that the disk is full. */
const sendsMinEach = 50

const runs: Record<string, (directory: string) => Promise<RunReport>> = {
  kills: (directory) => killRun({ directory, seed, kills, sendsMin: kills * sendsMinEach }),
  stops: (directory) => killRun({ directory, seed, kills, sendsMin: kills * sendsMinEach, death: sigterm(directory) }),
  prekeys: (directory) => preKeyRun({ directory, seed, kills, keys, claimers: 64 }),
  'key-packages': (directory) => preKeyRun({ directory, seed, kills, keys, claimers: 64, family: keyPackages }),
  commits: (directory) => commitRun({ directory, seed, kills, committers: 50, epochs: kills * 10 }),
  order: (directory) => orderRun({ directory, seed, bursts: cycles * 10 }),
  'disk-full': (directory) => diskFullRun({ directory, seed, cycles, sendsMin: cycles * sendsMinEach }),
}

const name = positionals[0] ?? 'kills'
const run = runs[name]
if (run === undefined || positionals.length > 1) {
  console.error(usage)
  process.exit(2)
}
console.log(`${name}, seed ${seed}`)
const report = await inScratch(run)
console.log(report)
process.exit(report.problems.length === 0 ? 0 : 1)
