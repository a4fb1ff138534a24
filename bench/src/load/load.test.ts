import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { startServer } from '../server-process.ts'
import { userName } from '../token.ts'
import { runDrain } from './drain.ts'
import { failure } from './failure.ts'
import { runFanOut } from './fan-out.ts'
import { runFill } from './fill.ts'
import type { DrainJob, PairsJob, Target } from './job.ts'
import { ciphertextBytes, runPairs } from './pairs.ts'
import { storingServer, type Tamper } from './storing-server.suite.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const ack = { entries: 16, afterMs: 20 }
const span = { warmUpMs: 50, measureMs: 150 }

async function reference(name: string, ...args: string[]): Promise<Target> {
  const file = fileURLToPath(new URL(`../reference/${name}.ts`, import.meta.url))
  const server = await startServer({ command: [process.execPath, '-C', 'source', file, ...args], env: {} })
  closing.push(() => server.stop())
  return { port: server.port, pid: server.pid, secret: 'unused' }
}

async function storing(tamper?: Tamper) {
  const server = await storingServer(tamper)
  closing.push(() => server.close())
  return server
}

function pairsJob(target: Target): PairsJob {
  return { kind: 'pairs', target, pairs: 5, depth: 4, ack, ...span }
}

describe('the load, against the references', () => {
  it('keeps pairs busy through the relay', async () => {
    const measured = await runPairs(pairsJob(await reference('relay')), failure())
    expect(measured.count).toBeGreaterThan(0)
    expect(measured.perSecond).toBeCloseTo(measured.count / measured.seconds)
    expect(measured.p50Ms).toBeGreaterThan(0)
    expect(measured.p99Ms).toBeGreaterThanOrEqual(measured.p50Ms)
  })

  it.each([[[]], [['--gathered']]])('fans out through the loop %j', async (args) => {
    const target = await reference('loop', ...args)
    const job = {
      kind: 'fanOut',
      target,
      groupId: 'loop',
      userPrefix: 'member',
      members: 30,
      senders: 2,
      depth: 3,
      ack: null,
    } as const
    const measured = await runFanOut({ ...job, ...span }, failure())
    expect(measured.count).toBeGreaterThan(0)
    expect(measured.p50Ms).toBeGreaterThan(0)
  })
})

describe('the load, against a server that stores', () => {
  it('sends what it is asked to, in equal shares, with ids of their own', async () => {
    const { target, mailboxes } = await storing()
    const job = { kind: 'fill', target, senders: 3, depth: 8, recipientPrefix: 'away', recipients: 7, messages: 700 } as const
    const filled = await runFill(job, failure())
    expect(filled.count).toBe(700)
    const stored = Array.from({ length: 7 }, (_, index) => mailboxes.get(userName('away', index))!.entries)
    expect(stored.map(({ length }) => length)).toEqual(Array(7).fill(100))
    expect(new Set(stored.flat().map(({ id }) => id)).size).toBe(700)
    expect(stored.flat().every(({ ciphertext }) => ciphertext.length === ciphertextBytes)).toBe(true)
  })

  it('drains what is stored and acknowledges all of it', async () => {
    const { target, mailboxes } = await storing()
    await runFill(
      { kind: 'fill', target, senders: 2, depth: 8, recipientPrefix: 'drained', recipients: 4, messages: 1_200 },
      failure(),
    )
    const job: DrainJob = { kind: 'drain', target, userPrefix: 'drained', firstUser: 1, devices: 3, entriesEach: 300, ack }
    expect((await runDrain(job, failure())).count).toBe(900)
    const acked = [0, 1, 2, 3].map((index) => mailboxes.get(userName('drained', index))!.acked)
    expect(acked).toEqual([0, 300, 300, 300])
  })

  it('ends a round with nothing left unacknowledged', async () => {
    const { target, mailboxes } = await storing()
    await runPairs(pairsJob(target), failure())
    for (let index = 0; index < 5; index++) {
      const { entries, acked } = mailboxes.get(userName('receiver', index))!
      expect(entries.length).toBeGreaterThan(0)
      expect(acked).toBe(entries.length)
    }
  })
})

describe('the load does not count what a server does wrong', () => {
  const after = (type: string, nth: number, wrong: Tamper): Tamper => {
    let seen = 0
    return (frame) => (frame.type === type && ++seen === nth ? wrong(frame) : [frame])
  }
  const fails = async (tamper: Tamper) => {
    const { target } = await storing(tamper)
    const failed = failure()
    return expect(runPairs({ ...pairsJob(target), pairs: 1 }, failed)).rejects
  }

  it('an entry left out', async () => {
    await (await fails(after('msg', 9, () => []))).toThrow('seq 10 came after 8')
  })
  it('an entry sent twice', async () => {
    await (await fails(after('msg', 9, (frame) => [frame, frame]))).toThrow('seq 9 came after 9')
  })
  it('an entry with another id', async () => {
    const wrong = after('msg', 9, (frame) => [{ ...frame, id: '00000000-0000-4000-8000-000000000063' }])
    await (await fails(wrong)).toThrow('message 99 (seq 9) was delivered in the turn of message 8')
  })
  it('an accepted that comes twice', async () => {
    await (await fails(after('accepted', 9, (frame) => [frame, frame]))).toThrow('one report too many for message 8')
  })
  it('an accepted of a message that was not sent', async () => {
    const wrong = after('accepted', 9, (frame) => [{ ...frame, id: '00000000-0000-4000-8000-000000000063' }])
    await (await fails(wrong)).toThrow('one report too many for message 99')
  })
  it('an error', async () => {
    const wrong = after('accepted', 9, () => [{ type: 'error', code: 'overloaded', message: 'too much' }])
    await (await fails(wrong)).toThrow('overloaded')
  })
  it('entries that will not come', async () => {
    await (await fails(after('msg', 9, () => [{ type: 'gone', mailbox: 'u1', from: 9, to: 9, reason: 'limit' }]))).toThrow('gone')
  })
  it('a refused handshake', async () => {
    const { target } = await storing()
    const job: DrainJob = { kind: 'drain', target, userPrefix: 'refused', firstUser: 0, devices: 1, entriesEach: 1, ack }
    await expect(runDrain(job, failure())).rejects.toThrow('401 Unauthorized')
  })
})
