import { clientsRun } from '/work/main/sim/src/clients/clients-run.ts'
import { mkdtempSync } from 'node:fs'
const [seed=1, changes=40, messages=400] = process.argv.slice(2).map(Number)
const d = mkdtempSync('/tmp/sotto-cl-')
console.log(d)
const r = await clientsRun({ directory: d, seed, changes, messages })
console.log(r.wallMs, r.counts, r.problems.slice(0, 40), r.problems.length)
process.exit(0)
