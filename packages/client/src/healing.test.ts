import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.ts'
import { memoryStorage } from './index.ts'
import { person, textsIn } from './people.suite.ts'
import { startRelay } from './transport/relay.suite.ts'

const eventually = { timeout: 25_000, interval: 20 }
const dayMs = 24 * 3_600_000

describe('keys that have been in use for long', () => {
  it('are replaced by a commit, though nothing else happens', async () => {
    const relay = await startRelay()
    const ahead = { ms: 0 }
    // Its tokens are of the server's time; only what the SDK thinks is a week has gone by.
    const clock = { now: () => Date.now() + ahead.ms, random: (bytes: number) => new Uint8Array(bytes).fill(0) }
    const alice = await person(relay, 'alice', { clock: { ...clock, random: systemClock.random } })
    const bob = await person(relay, 'bob')
    const chat = await alice.sotto.conversation('bob')
    await chat.send('before')
    await expect.poll(() => bob.texts(), eventually).toEqual(['before'])
    expect(bob.sotto.find(chat.id)!.toJSON().epoch).toBe(1)
    ahead.ms = 8 * dayMs
    const again = await alice.again({
      clock: {
        now: clock.now,
        random: (bytes) => new Uint8Array(systemClock.random(bytes)).map((byte, index) => (bytes === 2 && index < 2 ? 0 : byte)),
      },
    })
    await expect.poll(() => bob.sotto.find(chat.id)!.toJSON().epoch, eventually).toBe(2)
    await again.sotto.find(chat.id)!.send('after')
    await expect.poll(() => bob.texts(), eventually).toEqual(['before', 'after'])
  })
})

describe('a third device', () => {
  it('is linked by the second, and nobody takes it for a ghost', async () => {
    const relay = await startRelay()
    const phone = await person(relay, 'alice')
    const bob = await person(relay, 'bob')
    const chat = await phone.sotto.conversation('bob')
    await chat.send('hello')
    const laptop = await person(relay, 'alice', { link: { onCode: (code) => void phone.sotto.linkDevice(code) } })
    await expect.poll(() => laptop.sotto.find(chat.id)?.state, eventually).toBe('active')
    const added: string[] = []
    phone.sotto.on('deviceAdded', ({ device }) => void added.push(device.deviceId))
    const tablet = await person(relay, 'alice', { link: { onCode: (code) => void laptop.sotto.linkDevice(code) } })
    await expect.poll(() => tablet.sotto.find(chat.id)?.state, eventually).toBe('active')
    await expect.poll(() => added, eventually).toEqual([tablet.sotto.deviceId])
    // What bob encrypts before he has seen the third device is not for it.
    await expect.poll(() => bob.sotto.find(chat.id)!.toJSON().epoch, eventually).toBe(3)
    await bob.sotto.find(chat.id)!.send('to three devices')
    for (const one of [phone, laptop, tablet]) await expect.poll(() => one.texts().at(-1), eventually).toBe('to three devices')
    await tablet.sotto.find(chat.id)!.send('from the third')
    await expect.poll(() => bob.texts().at(-1), eventually).toBe('from the third')
    for (const one of [phone, laptop, tablet, bob]) expect(one.incidents).toEqual([])
  })
})

describe('a device of which too many key packages are claimed', () => {
  it('is added by its last-resort one', async () => {
    const relay = await startRelay()
    const bob = await person(relay, 'bob', { storage: memoryStorage() })
    await bob.sotto.close()
    const alice = await person(relay, 'alice')
    const groups: string[] = []
    // More than one user may claim of another: from then on the last-resort one is handed out.
    for (let n = 0; n < 10; n++) groups.push((await alice.sotto.createGroup({ name: `Group ${n}`, members: ['bob'] })).id)
    const back = await bob.again()
    await expect.poll(() => groups.filter((id) => back.sotto.find(id)?.state === 'active').length, eventually).toBe(10)
    await alice.sotto.find(groups[9]!)!.send('hello')
    await expect.poll(() => textsIn(back, groups[9]!), eventually).toEqual(['hello'])
  })
})
