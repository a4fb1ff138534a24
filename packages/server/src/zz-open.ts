import { openSqliteStore } from './store/sqlite/store.ts'
import { defaultLimits } from '@sotto/protocol'
import { systemClock } from './clock.ts'
import { mkdtempSync } from 'node:fs'
const dir = mkdtempSync('/tmp/zz')
let cpu = process.cpuUsage().user
const out = []
for (let i = 0; i < 8; i++) {
  const t0 = performance.now()
  const store = await openSqliteStore({ path: `${dir}/${i}.db`, clock: systemClock, limits: defaultLimits, retentionMs: 1e9, onAppended: () => {} })
  await store.openDevice({ userId: 'a', deviceId: 'b', holds: false })
  await store.listDevices('a')
  await store.close()
  out.push(`${(performance.now() - t0).toFixed()}/${(process.cpuUsage().user-cpu) / 1000 | 0}`)
  cpu = process.cpuUsage().user
}
console.log(out.join(' '))
