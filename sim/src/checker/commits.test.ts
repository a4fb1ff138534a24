import { describe, expect, test } from 'vitest'
import { type AcceptedCommit, checkCommits, type LoggedCommit } from './commits.ts'

const log: LoggedCommit[] = [0, 1, 2, 3].map((epoch) => ({
  id: `id-${epoch}`,
  userId: `user-${epoch % 2}`,
  epoch,
  seq: epoch + 1,
  commit: `bytes ${epoch}`,
}))
const accepted: AcceptedCommit[] = log.filter(({ epoch }) => epoch !== 2).map(({ commit: _, ...each }) => each)
const sent = new Map([...log, { ...log[1]!, id: 'loser', userId: 'user-0' }].map(({ id, ...each }) => [id, each]))

const changed = <item>(list: readonly item[], at: number, change: Partial<item>) =>
  list.map((each, index) => (index === at ? { ...each, ...change } : each))

test('a good log is good, also where an answer was cut off', () => {
  expect(checkCommits(log, accepted, sent, 4)).toEqual([])
})

describe('a log is bad in which', () => {
  test.each<[string, readonly LoggedCommit[], readonly AcceptedCommit[]]>([
    ['an epoch is missing', log.slice(0, 3), accepted.slice(0, 2)],
    ['an epoch stands twice', [...log.slice(0, 2), { ...log[1]!, seq: 3 }, ...log.slice(3)], accepted],
    ['two commits have changed places', [log[1]!, log[0]!, ...log.slice(2)], accepted],
    ['a number is left out', changed(log, 3, { seq: 9 }), accepted],
    ['something stands that nobody has sent', changed(log, 2, { id: 'nobody' }), accepted],
    ['a commit is not as it was sent', changed(log, 2, { commit: 'other bytes' }), accepted],
    ['another is named as its author', changed(log, 2, { userId: 'user-1' }), accepted],
    ['an accepted commit is missing', log, [...accepted, { id: 'loser', userId: 'user-0', epoch: 1, seq: 2 }]],
    ['an accepted commit stands elsewhere', log, changed(accepted, 1, { seq: 3 })],
  ])('%s', (_, bad, told) => {
    expect(checkCommits(bad, told, sent, 4).length).toBeGreaterThan(0)
  })
})
