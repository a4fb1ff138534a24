import { describe, expect, test } from 'vitest'
import type { Standing } from '../identity/vouching.ts'
import type { CommitClaim, MemberDevice, Role, Roster } from './membership.ts'
import { type CommitRefusal, commitRefusals } from './refusals.ts'
import { rosterHash } from './roster.ts'
import { rosterOfNew } from './roster-changes.ts'
import { type CommitCase, claimOf, judgeCommit } from './rules.ts'

/** The judge against a slow model that was written from its docstring alone, over commits by chance from a seed. */

function seeded(seed: number) {
  let state = seed >>> 0
  /** Mulberry32. */
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    chance: (probability: number) => next() < probability,
    pick: <item>(items: readonly item[]): item => items[below(items.length)]!,
    some: <item>(items: readonly item[], probability: number): item[] => items.filter(() => next() < probability),
    shuffled: <item>(items: readonly item[]): item[] =>
      items
        .map((item) => ({ item, at: next() }))
        .sort((one, other) => one.at - other.at)
        .map(({ item }) => item),
  }
}

type Chance = ReturnType<typeof seeded>

const people = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay']
const places = ['p', 'q']
const everyDevice = people.flatMap((userId) => places.map((deviceId) => ({ userId, deviceId })))
const nameOf = ({ userId, deviceId }: MemberDevice) => `${userId}:${deviceId}`
const isOneOf = (devices: readonly MemberDevice[], device: MemberDevice) => devices.some((one) => nameOf(one) === nameOf(device))

/** What is permitted, in the order of the words of `judgeCommit`; each user and device looked at on its own. */
function model(commit: CommitCase): Map<string, Role> | 'refused' {
  const { roster, effect, devicesBefore, leaves, claim, vouched, past } = commit
  const { by, external } = effect
  const added = external ? [by] : effect.added
  const { removed } = effect
  const isMember = (userId: string) => roster.members.has(userId)
  const roleOf = (userId: string) => (roster.direct ? 'nothing' : roster.members.get(userId))
  const mine = roleOf(by.userId)
  const counts = (device: MemberDevice) => vouched(device) === 'listed' || (past === true && vouched(device) === 'unlisted')
  const outranks = (userId: string) =>
    (mine === 'owner' && userId !== by.userId) || (mine === 'admin' && roleOf(userId) === 'member')

  // The tree, leaf after leaf.
  const tree = devicesBefore.map(nameOf)
  for (const device of removed) {
    const at = tree.indexOf(nameOf(device))
    if (at < 0) return 'refused'
    tree.splice(at, 1)
  }
  for (const device of added) {
    if (tree.includes(nameOf(device))) return 'refused'
    tree.push(nameOf(device))
  }
  const hasLeaf = (userId: string) => tree.some((name) => name.startsWith(`${userId}:`))

  // Who commits.
  if (!isMember(by.userId) || !counts(by)) return 'refused'
  if (external) {
    if (leaves.has(by.userId) || removed.some((device) => nameOf(device) !== nameOf(by))) return 'refused'
    if (claim.left.length > 0 || claim.roles.size > 0) return 'refused'
  } else if (!isOneOf(devicesBefore, by) || isOneOf(removed, by)) return 'refused'

  for (const device of added) {
    const mayAdd = isMember(device.userId) || mine === 'owner' || mine === 'admin'
    if (!mayAdd || !counts(device)) return 'refused'
  }

  for (const device of removed) {
    const grounds = [
      device.userId === by.userId,
      outranks(device.userId),
      vouched(device) === 'unlisted',
      leaves.has(device.userId),
    ]
    if (!grounds.includes(true)) return 'refused'
  }

  for (const userId of claim.left) {
    if (roster.direct || !isMember(userId) || hasLeaf(userId)) return 'refused'
    if (!leaves.has(userId) && !outranks(userId)) return 'refused'
  }

  // The roster, member after member.
  const next = new Map<string, Role>()
  for (const userId of people) {
    const stays = isMember(userId)
      ? !claim.left.includes(userId)
      : isOneOf(added, { userId, deviceId: 'p' }) || isOneOf(added, { userId, deviceId: 'q' })
    if (stays) next.set(userId, claim.roles.get(userId) ?? roster.members.get(userId) ?? 'member')
  }
  for (const [userId, role] of claim.roles) {
    if (mine !== 'owner' || !next.has(userId)) return 'refused'
    if (role === (roster.members.get(userId) ?? 'member')) return 'refused'
  }
  if (mine === 'owner') {
    const owners = [...next].filter(([, role]) => role === 'owner')
    if (owners.length !== 1) return 'refused'
    if (owners[0]![0] !== by.userId && claim.roles.get(by.userId) !== 'admin') return 'refused'
  }

  // The claim.
  const sorted = (devices: readonly MemberDevice[]) => devices.map(nameOf).sort().join()
  if (sorted(claim.added) !== sorted(added) || sorted(claim.removed) !== sorted(removed)) return 'refused'
  const hash = rosterHash({ direct: roster.direct, members: next })
  return Buffer.from(hash).equals(Buffer.from(claim.rosterHash)) ? next : 'refused'
}

function rosterBy(chance: Chance): Roster {
  if (chance.chance(0.2)) return rosterOfNew('ann', ['bob'], true)
  const [owner = '', ...others] = chance.shuffled(people).slice(0, 2 + Math.floor(people.length * 0.5))
  const members = new Map<string, Role>(others.map((userId) => [userId, chance.pick<Role>(['admin', 'member', 'member'])]))
  if (chance.chance(0.9)) members.set(owner, 'owner')
  return { direct: false, members }
}

function commitBy(chance: Chance): CommitCase {
  const roster = rosterBy(chance)
  const own = everyDevice.filter(({ userId }) => roster.members.has(userId))
  const devicesBefore = chance.some(own, 0.7)
  const external = chance.chance(0.15)
  const by =
    chance.chance(0.95) && devicesBefore.length > 0 && !external
      ? chance.pick(devicesBefore)
      : chance.pick(external ? own : everyDevice)
  const isAway = (device: MemberDevice) => chance.chance(0.05) || !isOneOf(devicesBefore, device)
  const addable = everyDevice.filter(isAway)
  const add = external ? [by] : chance.some(addable, chance.pick([0, 0, 0.1, 0.3]))
  const removable = external ? [by] : everyDevice.filter((device) => isOneOf(devicesBefore, device) || chance.chance(0.01))
  const victims = chance.chance(0.3) ? removable.filter(({ userId }) => userId === removable[0]?.userId) : []
  const isReplaced = external && isOneOf(devicesBefore, by) && chance.chance(0.9)
  const remove = external
    ? isReplaced
      ? [by]
      : []
    : [...new Set([...victims, ...chance.some(removable, chance.pick([0, 0, 0.2]))])]
  const leave = chance.some(people, external ? 0.02 : 0).concat(external ? [] : leavers(chance, roster, devicesBefore, remove))
  const roles = new Map<string, Role>(
    chance
      .some(people, chance.pick([0, 0, 0, external ? 0.02 : 0.2]))
      .map((userId) => [userId, chance.pick<Role>(['owner', 'admin', 'member'])]),
  )
  const standings = new Map(everyDevice.map((device) => [nameOf(device), standingBy(chance)]))
  return {
    roster,
    effect: { by, external, added: add, removed: remove },
    devicesBefore,
    departed: chance.some(everyDevice, 0.2),
    leaves: new Set(chance.some(people, 0.2)),
    claim: claimBy(chance, roster, { by, add, remove, leave, roles }, external),
    vouched: (device) => standings.get(nameOf(device)) ?? 'unknown',
    ...(chance.chance(0.2) ? { past: true } : {}),
  }
}

function standingBy(chance: Chance): Standing {
  if (chance.chance(0.85)) return 'listed'
  return chance.pick(['unlisted', 'unlisted', 'unknown'])
}

/** Users without a device afterwards, mostly. */
function leavers(
  chance: Chance,
  { members }: Roster,
  before: readonly MemberDevice[],
  remove: readonly MemberDevice[],
): string[] {
  return [...members.keys()].filter((userId) => {
    const stays = before.some((device) => device.userId === userId && !isOneOf(remove, device))
    return chance.chance(stays ? 0.01 : 0.4)
  })
}

function claimBy(chance: Chance, roster: Roster, change: Parameters<typeof claimOf>[1], external: boolean): CommitClaim {
  const claim = honestClaim(roster, change, external)
  if (!chance.chance(0.1)) return claim
  return chance.pick<CommitClaim>([
    { ...claim, added: claim.added.slice(1) },
    { ...claim, removed: [...claim.removed.slice(1), chance.pick(everyDevice)] },
    { ...claim, left: claim.left.slice(1) },
    { ...claim, left: [...new Set([...claim.left, chance.pick(people)])] },
    { ...claim, roles: new Map([...claim.roles].slice(1)) },
    { ...claim, roles: new Map([...claim.roles, [chance.pick(people), chance.pick<Role>(['owner', 'admin', 'member'])]]) },
    { ...claim, rosterHash: new Uint8Array(32) },
  ])
}

/** Where there is no such roster, the claim of who does not know better. */
function honestClaim(roster: Roster, change: Parameters<typeof claimOf>[1], external: boolean): CommitClaim {
  try {
    return claimOf(roster, change, external).claim
  } catch {
    const { add, remove, leave, roles = new Map() } = change
    return { added: add, removed: remove, left: leave, roles, goodbyes: [], rosterHash: rosterHash(roster) }
  }
}

type Tally = Map<CommitRefusal | 'permitted', number>

/** Judges commits by both; how often each verdict came up. */
function compare(seed: number, commits: number): Tally {
  const chance = seeded(seed)
  const tally: Tally = new Map()
  for (let turn = 0; turn < commits; turn++) {
    const commit = commitBy(chance)
    const verdict = judgeCommit(commit)
    const expected = model(commit)
    const outcome = 'refused' in verdict ? 'refused' : new Map([...verdict.roster.members].sort())
    const story = JSON.stringify({ seed, turn, verdict, commit, members: [...commit.roster.members] })
    expect(outcome, story).toEqual(expected === 'refused' ? 'refused' : new Map([...expected].sort()))
    if ('roster' in verdict) keepsTheHouse(commit, verdict.roster)
    const word = 'refused' in verdict ? verdict.refused : 'permitted'
    tally.set(word, (tally.get(word) ?? 0) + 1)
  }
  return tally
}

describe('the judge and the model agree', () => {
  test.each([1, 2, 3, 4, 5])('seed %i', (seed) => {
    expect(compare(seed, 4_000).get('permitted')).toBeGreaterThan(400)
  })

  test('on every verdict there is', () => {
    // The tables make what chance does not: a case that contradicts itself, ten thousand members.
    const words = Object.keys(commitRefusals).filter((word) => !['inconsistent', 'too_many_members'].includes(word))
    expect([...compare(6, 8_000).keys()]).toEqual(expect.arrayContaining(['permitted', ...words]))
  })
})

/** What must hold after every permitted commit, however it came to be. */
function keepsTheHouse({ roster, effect, devicesBefore, leaves }: CommitCase, next: Roster): void {
  const { by, added, removed, external } = effect
  const after = [...devicesBefore.filter((device) => !isOneOf(removed, device)), ...(external ? [by] : added)]
  expect(after.every(({ userId }) => next.members.has(userId))).toBe(true)
  expect(isOneOf(after, by)).toBe(true)
  expect(next.direct).toBe(roster.direct)
  if (roster.direct) expect(next.members).toEqual(roster.members)
  const ownerOf = ({ members }: Roster) => people.filter((userId) => members.get(userId) === 'owner').join()
  expect(ownerOf(next)).not.toContain(',')
  const owner = ownerOf(roster)
  if (by.userId !== owner && ownerOf(next) !== owner) expect([ownerOf(next), leaves.has(owner)]).toEqual(['', true])
  if (!['owner', 'admin'].includes(roster.members.get(by.userId)!)) {
    expect([...next.members.keys()].every((userId) => roster.members.has(userId))).toBe(true)
    for (const userId of roster.members.keys()) if (!next.members.has(userId)) expect(leaves.has(userId)).toBe(true)
  }
}
