import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { familyCpuSeconds } from './family-usage.ts'

it('counts what a child and a grandchild used, also after they have ended', async () => {
  const before = familyCpuSeconds(process.pid)
  // Asked now and then alone: asking is the kernel's time, not the user's.
  const busy = `const until = process.cpuUsage().user + 200_000; while (process.cpuUsage().user < until) for (let n = 0; n < 1e6; n++);`
  const both = `${busy} require('node:child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(busy)}])`
  await once(spawn(process.execPath, ['-e', both], { stdio: 'ignore' }), 'exit')
  expect(familyCpuSeconds(process.pid) - before).toBeGreaterThanOrEqual(0.38)
}, 60_000)
