import { readFileSync } from 'node:fs'
import { checkClients } from '/work/main/sim/src/clients/checker/check-clients.ts'
const r = JSON.parse(readFileSync(process.argv[2] + '/record.json', 'utf8'))
for (const v of checkClients(r, { changesMin: 40, sendsMin: 400 })) console.log(v.invariant, v.detail.slice(0, 300))
console.log(r.refusals, r.changes)
const k: any = {}
for (const i of r.incidents) { const n = i.kind + ' ' + i.detail.replace(/[A-Za-z0-9_-]{20,}/g, '#').replace(/\d+/g, 'N').replace(/[a-z]+\/d[\w.]+/g, 'DEV').slice(0, 150); k[n] = (k[n] ?? 0) + 1 }
console.log(k)
const u: any = {}
for (const v of r.views) for (const g of v.groups) for (const m of g.messages) if (m.unreadable) u[m.unreadable] = (u[m.unreadable] ?? 0) + 1
console.log(u)
