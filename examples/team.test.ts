import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { leftBehind, perform, rowsOf } from './spectator.suite.ts'
import { countsOf, type Ledger, problemsOf, type Search } from './team/ledger.ts'

describe('the demo of the SDK', () => {
  test('ends with every count as expected', async () => {
    const { ended, output } = perform('team/demo.ts')
    expect(await ended, output()).toBe(0)
    expect(rowsOf(output())).toMatchObject({
      sent: '53',
      'shown exactly once': '190 of 190, a message for each device that is to have it',
      duplicates: '0',
      lost: '0',
      misplaced: '0',
      unreadable: '0',
      'texts at the server': '0 of 53, in its files and its log',
    })
    expect(output().match(/SIGKILL to pid/g)).toHaveLength(3)
    expect(output()).toContain('the last that he reads is “Nothing is missing here.”')
    expect(output()).toContain('All as it should be.')
    expect(output()).not.toContain('\x1b')
    expect(leftBehind(output())).toEqual([])
    expect(devicesLeft(output())).toEqual([])
  })

  test.each(['has made an identity', 'shows', 'is started again'])('Ctrl-C after “%s” leaves nothing behind', async (moment) => {
    const { child, says, ended, output } = perform('team/demo.ts')
    await says(moment)
    child.kill('SIGINT')
    expect(await ended, output()).toBe(130)
    expect(output()).not.toContain('The counts')
    expect(leftBehind(output())).toEqual([])
    expect(devicesLeft(output())).toEqual([])
  })
})

/** Devices' processes that still run, and what they have kept. */
function devicesLeft(output: string): string[] {
  const pids = [...output.matchAll(/\bpid (\d+) has made/g)].map(([, pid]) => Number(pid))
  const [, directory = ''] = /own, data in (\S+)/.exec(output) ?? []
  expect(pids.length).toBeGreaterThan(0)
  return [...pids.filter(isRunning).map(String), ...(existsSync(directory) ? [directory] : [])]
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Two messages of alice: one to bob, one to bob and carol, who was given it twice. */
function goodLedger() {
  return {
    sent: [
      { id: 'a', text: 'one', author: 'alice', readers: ['bob'] },
      { id: 'b', text: 'two', author: 'alice', readers: ['bob', 'carol'] },
    ],
    histories: new Map([
      ['alice', [shown('a', 'one'), shown('b', 'two')]],
      ['bob', [shown('a', 'one'), shown('b', 'two')]],
      ['carol', [shown('b', 'two')]],
    ]),
    handed: [
      { id: 'a', device: 'bob' },
      { id: 'b', device: 'bob' },
      { id: 'b', device: 'carol' },
      { id: 'b', device: 'carol' },
    ],
    unreadable: [],
  } satisfies Ledger
}

function shown(id: string, text: string) {
  return { id, from: 'alice', text }
}

describe('the counts of the team', () => {
  const good = { sent: 2, due: 3, shownOnce: 3, duplicates: 0, lost: 0, misplaced: 0, unreadable: 0, handedAgain: 1 }

  test('of a good run', () => expect(countsOf(goodLedger())).toEqual(good))

  test.each<[string, (ledger: ReturnType<typeof goodLedger>) => void, Partial<typeof good>]>([
    ['a lost message', ({ histories }) => histories.get('bob')!.pop(), { shownOnce: 2, lost: 1 }],
    ['a message shown twice', ({ histories }) => histories.get('bob')!.push(shown('a', 'one')), { shownOnce: 2, duplicates: 1 }],
    ['a copy too many at its author', ({ histories }) => histories.get('alice')!.push(shown('a', 'one')), { duplicates: 1 }],
    ['another text', ({ histories }) => histories.set('carol', [shown('b', 'too')]), { shownOnce: 2, lost: 1, misplaced: 1 }],
    ['another reader', ({ histories }) => histories.get('carol')!.push(shown('a', 'one')), { misplaced: 1 }],
    ['what nobody has sent', ({ histories }) => histories.get('carol')!.push(shown('c', 'x')), { misplaced: 1 }],
  ])('tell %s', (_, happens, expected) => {
    const ledger = goodLedger()
    happens(ledger)
    expect(countsOf(ledger)).toEqual({ ...good, ...expected })
  })

  const search: Search = { secrets: 2, atServer: [], onDevices: [], known: 1, knownFound: 1 }
  const plan = { sent: 2, due: 3 }

  test('a good run has no problem', () => expect(problemsOf(good, search, plan)).toEqual([]))

  test.each<[string, Partial<typeof good>, Partial<Search>]>([
    ['messages sent: 1 instead of 2', { sent: 1 }, {}],
    ['deliveries due: 2 instead of 3', { due: 2 }, {}],
    ['shown exactly once: 2 instead of 3', { shownOnce: 2 }, {}],
    ['duplicates: 1 instead of 0', { duplicates: 1 }, {}],
    ['lost: 1 instead of 0', { lost: 1 }, {}],
    ['misplaced: 1 instead of 0', { misplaced: 1 }, {}],
    ['unreadable: 1 instead of 0', { unreadable: 1 }, {}],
    ['texts found at the server: 1 instead of 0', {}, { atServer: ['one'] }],
    ['texts found in the files of the devices: 1 instead of 0', {}, { onDevices: ['one'] }],
    ['ids found at the server: 0 instead of 1', {}, { knownFound: 0 }],
    ['handed over again after a kill: 0 instead of at least 1', { handedAgain: 0 }, {}],
    ['texts searched for: 0 instead of at least 1', {}, { secrets: 0 }],
    ['ids searched for: 0 instead of at least 1', {}, { known: 0, knownFound: 0 }],
  ])('%s', (problem, counts, found) =>
    expect(problemsOf({ ...good, ...counts }, { ...search, ...found }, plan)).toEqual([problem]),
  )
})
