import { describe, expect, test } from 'vitest'
import { leftBehind, perform, rowsOf } from './spectator.suite.ts'
import { countsOf, emptyLedger, type Ledger, type Outcome, problemsOf } from './stage/ledger.ts'
import { tracesOf } from './stage/traces.ts'

describe('the demo', () => {
  test('ends with every count as expected', async () => {
    const { ended, output } = perform('olm/demo.ts')
    expect(await ended, output()).toBe(0)
    expect(rowsOf(output())).toMatchObject({
      sent: '77',
      accepted: '77',
      'delivered once': '121 of 121',
      'delivered twice': '0',
      'altered, unreadable': '0',
      'holes in mailboxes': '0',
      lost: '0',
      'plaintexts at the server': '0 of 74, in its files and its log',
    })
    expect(output()).toContain('SIGKILL to pid')
    expect(output()).toContain('All as it should be.')
    expect(output()).not.toContain('\x1b')
    expect(leftBehind(output())).toEqual([])
  })

  test.each(['listens on', 'is cut off', 'SIGKILL to pid'])('Ctrl-C after “%s” leaves nothing behind', async (moment) => {
    const { child, says, ended, output } = perform('olm/demo.ts')
    await says(moment)
    // From the terminal, and passed on by npm.
    child.kill('SIGINT')
    child.kill('SIGINT')
    expect(await ended, output()).toBe(130)
    expect(output()).not.toContain('The counts')
    expect(leftBehind(output())).toEqual([])
  })
})

/** Two messages: one to bob, one to bob and carol; all went well, one came twice. */
function goodLedger(): Ledger {
  return {
    ...emptyLedger(),
    sent: [
      { id: 'a', text: 'one', readers: ['bob'] },
      { id: 'b', text: 'two', readers: ['bob', 'carol'] },
    ],
    sentAgain: [{ id: 'b' }],
    accepted: [
      { id: 'a', mailbox: 'm1', seq: 1, wasStored: false },
      { id: 'b', mailbox: 'm2', seq: 1, wasStored: true },
    ],
    read: [
      { id: 'a', reader: 'bob', text: 'one' },
      { id: 'b', reader: 'bob', text: 'two' },
      { id: 'b', reader: 'carol', text: 'two' },
    ],
    duplicates: [{ reader: 'carol', mailbox: 'm2', seq: 1 }],
  }
}

describe('the counts', () => {
  test('of a good run', () => {
    expect(countsOf(goodLedger())).toEqual({
      sent: 2,
      accepted: 2,
      sentAgain: 1,
      wereStored: 1,
      due: 3,
      deliveredOnce: 3,
      deliveredTwice: 0,
      altered: 0,
      lost: 0,
      duplicatesDropped: 1,
      unreadable: 0,
      holes: 0,
    })
  })

  test('tell a lost message', () => {
    const ledger = goodLedger()
    ledger.read.pop()
    expect(countsOf(ledger)).toMatchObject({ deliveredOnce: 2, lost: 1 })
  })

  test('tell a message that was shown twice', () => {
    const ledger = goodLedger()
    ledger.read.push({ id: 'b', reader: 'carol', text: 'two' })
    expect(countsOf(ledger)).toMatchObject({ deliveredOnce: 2, deliveredTwice: 1, lost: 0 })
  })

  test('tell another text, another reader, and what nobody has sent', () => {
    const ledger = goodLedger()
    ledger.read.push({ id: 'a', reader: 'bob', text: 'won' })
    ledger.read.push({ id: 'a', reader: 'carol', text: 'one' })
    ledger.read.push({ id: 'c', reader: 'bob', text: 'one' })
    expect(countsOf(ledger)).toMatchObject({ deliveredOnce: 3, altered: 3 })
  })

  test('take two messages at one place for one', () => {
    const ledger = goodLedger()
    ledger.accepted[1] = { id: 'b', mailbox: 'm1', seq: 1, wasStored: false }
    expect(countsOf(ledger)).toMatchObject({ accepted: 1 })
  })

  test('do not take a second answer for a second message', () => {
    const ledger = goodLedger()
    ledger.accepted[1] = { id: 'a', mailbox: 'm1', seq: 1, wasStored: true }
    expect(countsOf(ledger)).toMatchObject({ sent: 2, accepted: 1 })
  })
})

describe('the verdict', () => {
  const plan = { sent: 2, deliveries: 3 }
  const good: Outcome = {
    counts: countsOf(goodLedger()),
    inFlight: 1,
    traces: { secrets: 2, secretsFound: [], ciphertextsFound: 2 },
  }
  const { counts, traces } = good

  test('of a good run', () => expect(problemsOf(good, plan)).toEqual([]))

  test.each<[string, Outcome]>([
    ['messages sent: 1 instead of 2', { ...good, counts: { ...counts, sent: 1 } }],
    ['messages accepted: 1 instead of 2', { ...good, counts: { ...counts, accepted: 1 } }],
    ['deliveries due: 4 instead of 3', { ...good, counts: { ...counts, due: 4 } }],
    ['messages delivered once: 2 instead of 3', { ...good, counts: { ...counts, deliveredOnce: 2 } }],
    ['messages delivered twice: 1 instead of 0', { ...good, counts: { ...counts, deliveredTwice: 1 } }],
    ['messages altered: 1 instead of 0', { ...good, counts: { ...counts, altered: 1 } }],
    ['messages lost: 1 instead of 0', { ...good, counts: { ...counts, lost: 1 } }],
    ['messages unreadable: 1 instead of 0', { ...good, counts: { ...counts, unreadable: 1 } }],
    ['holes: 1 instead of 0', { ...good, counts: { ...counts, holes: 1 } }],
    ['secrets found at the server: 1 instead of 0', { ...good, traces: { ...traces, secretsFound: ['one'] } }],
    ['messages in flight at the kill: 0 instead of at least 1', { ...good, inFlight: 0 }],
    ['messages sent again: 0 instead of at least 1', { ...good, counts: { ...counts, sentAgain: 0 } }],
    ['duplicates dropped: 0 instead of at least 1', { ...good, counts: { ...counts, duplicatesDropped: 0 } }],
    ['secrets searched for: 0 instead of at least 1', { ...good, traces: { ...traces, secrets: 0 } }],
    ['ciphertexts found at the server: 0 instead of at least 1', { ...good, traces: { ...traces, ciphertextsFound: 0 } }],
  ])('%s', (problem, outcome) => expect(problemsOf(outcome, plan)).toEqual([problem]))
})

describe('the search for plaintext', () => {
  const text = 'Call me before noon, “née”.'
  const bytes = Buffer.from(text)
  const around = (begin: string, end: string) => Buffer.concat([Buffer.from(begin), bytes, Buffer.from(end)])

  test.each<[string, Buffer]>([
    ['as it is', around('\0\xff', 'x')],
    ['in UTF-16', Buffer.from(`x${text}`, 'utf16le')],
    ['in hexadecimal', Buffer.from(around('x', 'y').toString('hex'))],
    ['in upper-case hexadecimal', Buffer.from(around('x', 'y').toString('hex').toUpperCase())],
    ...['', 'x', 'xy', 'xyz'].flatMap((begin) =>
      ['', 'z', 'zy', 'zyx'].flatMap((end): [string, Buffer][] => [
        [`in base64, after '${begin}', before '${end}'`, Buffer.from(around(begin, end).toString('base64'))],
        [`in base64url, after '${begin}', before '${end}'`, Buffer.from(around(begin, end).toString('base64url'))],
      ]),
    ),
  ])('finds it %s', (_, place) => expect(tracesOf(['something else', text], [Buffer.alloc(10), place])).toEqual([text]))

  test('finds nothing where there is nothing', () => {
    expect(tracesOf([text], [Buffer.from('Call me before noon'), Buffer.alloc(1_000)])).toEqual([])
  })
})
