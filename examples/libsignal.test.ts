import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { leftBehind, perform, rowsOf } from './spectator.suite.ts'

test('libsignal speaks through the server: PQXDH, Double Ratchet, a kill in between', async () => {
  const { ended, output } = perform('libsignal/install-and-run.ts')
  expect(await ended, output()).toBe(0)
  expect(rowsOf(output())).toMatchObject({
    sent: '26',
    accepted: '26',
    'delivered once': '26 of 26',
    'delivered twice': '0',
    'altered, unreadable': '0',
    'holes in mailboxes': '0',
    lost: '0',
    'plaintexts at the server': '0 of 26, in its files and its log',
  })
  expect(output()).toContain('SIGKILL to pid')
  expect(leftBehind(output())).toEqual([])

  // Its types can be checked only now that libsignal is installed.
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
  const project = fileURLToPath(new URL('libsignal', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' })
  expect(status, stdout).toBe(0)
})
