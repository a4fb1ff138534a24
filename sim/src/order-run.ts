import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from './checker/check.ts'
import { withinMs } from './deadline.ts'
import { readHistory } from './history.ts'
import { startObserver } from './observer.ts'
import { createPeer, type Outgoing } from './peer.ts'
import { raisedLimits } from './raised-limits.ts'
import { countsOf, type RunReport } from './report.ts'
import { type Asking, request } from './request.ts'
import { seeded } from './seeded.ts'
import { serverProcess } from './server-process.ts'
import { mintToken } from './token.ts'

export interface OrderRun {
  /** Where the history and the server's data go. */
  readonly directory: string
  readonly seed: number
  /** Bursts of new messages, each behind repetitions of old ones that the server has to look up. */
  readonly bursts: number
}

const oldMessages = 300
/** Until ids have left the server's memory for its index. */
const settledMs = 3_000
const repeatedPerBurst = 20
const newPerBurst = 8
const overallMs = 120_000

/**
 * One device sends to a group, repeating old messages in between, while the group's members change without a pause: what
 * was decided on an older membership is decided again, and must not be overtaken.
 */
export async function orderRun({ directory, seed, bursts }: OrderRun): Promise<RunReport> {
  const began = performance.now()
  const chance = seeded(seed)
  const dataDir = join(directory, 'data')
  mkdirSync(dataDir, { recursive: true })
  const server = serverProcess({ dataDir, environment: raisedLimits })
  const observer = startObserver(join(directory, 'history.jsonl'))
  const ending = new AbortController()
  try {
    await server.start()
    const sender = createPeer({ server, userId: 'bo', deviceId: 'phone', observer, chance })
    const reader = createPeer({ server, userId: 'cy', deviceId: 'phone', observer, chance })
    await Promise.all([sender.readAll(), reader.readAll()])
    for (const { device } of [sender, reader]) observer.record({ event: 'device', device })
    const owner: Asking = { address: server.address, token: mintToken(server.secret, 'ada'), deviceId: 'phone' }
    const created = await request<{ readonly groupId: string }>(owner, 'POST', '/groups', { members: ['bo', 'cy'] })
    if (created.kind !== 'ok') throw new Error(`no group: ${JSON.stringify(created)}`)
    const { groupId } = created.answer
    for (const user of ['bo', 'cy']) {
      for (const state of ['joining', 'joined'] as const) observer.record({ event: 'member', group: groupId, user, state })
    }

    async function change(): Promise<void> {
      while (!ending.signal.aborted) {
        await request(owner, 'POST', `/groups/${groupId}/members`, { members: ['hal'] })
        await request(owner, 'DELETE', `/groups/${groupId}/members/hal`)
      }
    }

    let sent = 0
    const next = (): Outgoing => ({ id: `m${++sent}`, to: groupId, scope: 'group', ciphertext: `message ${sent}` })
    async function talk(): Promise<void> {
      const first = Array.from({ length: oldMessages }, () => sender.send(next()))
      await Promise.all(first)
      await sleep(settledMs)
      const changing = change()
      const pending: Promise<void>[] = []
      for (let burst = 0; burst < bursts; burst++) {
        for (let repeat = 0; repeat < repeatedPerBurst; repeat++) sender.resend()
        for (let each = 0; each < newPerBurst; each++) {
          pending.push(sender.send(next()))
          if (chance.chance(0.5)) await sleep(1)
        }
      }
      await Promise.all(pending)
      ending.abort()
      await changing
      await Promise.all([sender.readAll(), reader.readAll()])
    }

    await withinMs(overallMs, talk(), () => `${sender.unaccepted} unaccepted; ${server.log().slice(-2_000)}`)
    observer.record({ event: 'end', devices: [sender.device, reader.device] })
    for (const peer of [sender, reader]) peer.goOffline()
    await server.stop()
    await observer.close()
    const events = readHistory(observer.file)
    const violations = check(events, { sendsMin: bursts * newPerBurst, claimsMin: 0 })
    return {
      wallMs: performance.now() - began,
      counts: countsOf(events),
      problems: [...violations.map(({ invariant, detail }) => `${invariant}: ${detail}`), ...sender.problems, ...reader.problems],
    }
  } finally {
    ending.abort()
    await server.dispose()
  }
}
