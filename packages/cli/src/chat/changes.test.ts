import { expect, test } from 'vitest'
import { changeLines, type Facts } from './changes.ts'

const before: Facts = {
  kind: 'group',
  name: 'Team',
  state: 'active',
  members: new Map([
    ['alice', 'owner'],
    ['bob', 'member'],
  ]),
  verified: new Set(),
  blockedBy: [],
}

test.each<[string, Facts | undefined, Partial<Facts>, string[]]>([
  ['nothing', before, {}, []],
  ['a new group', undefined, {}, ['a new group with bob']],
  ['a new conversation', undefined, { kind: 'direct' }, ['a new conversation']],
  ['a name', before, { name: 'Crew' }, ['the group is called Crew']],
  [
    'members',
    before,
    {
      members: new Map([
        ['alice', 'admin'],
        ['carol', 'member'],
      ]),
    },
    ['alice is admin now', 'carol is in the group now', 'bob is not in the group any more'],
  ],
  ['the end', before, { state: 'left', members: new Map() }, ['you are not in it any more']],
  ['trust', before, { verified: new Set(['bob']) }, ['bob is verified']],
])('%s', (_, then, change, lines) => expect(changeLines(then, { ...before, ...change }, 'alice')).toEqual(lines))
