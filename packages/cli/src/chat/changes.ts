import type { Conversation } from '@sotto/client'
import { printableName } from './printable.ts'

/** What is told when a conversation changes. */
export interface Facts {
  readonly kind: 'direct' | 'group'
  readonly name: string | undefined
  readonly state: Conversation['state']
  /** Role by user id. */
  readonly members: ReadonlyMap<string, string>
  readonly verified: ReadonlySet<string>
  readonly blockedBy: readonly string[]
}

export function factsOf({ kind, name, state, members, blockedBy }: Conversation): Facts {
  return {
    kind,
    name,
    state,
    members: new Map(members.map(({ userId, role }) => [userId, role])),
    verified: new Set(members.filter(({ verified }) => verified).map(({ userId }) => userId)),
    blockedBy: [...blockedBy],
  }
}

const stateWords: Readonly<Record<Facts['state'], string>> = {
  active: 'you are in it again',
  joining: 'this device is being let in',
  left: 'you are not in it any more',
  broken: 'a forbidden change was refused: it is being set up anew',
}

/** One line for each thing that is otherwise than before. `before` undefined: the conversation is new. */
export function changeLines(before: Facts | undefined, after: Facts, self: string): string[] {
  if (before === undefined) {
    const others = [...after.members.keys()].filter((userId) => userId !== self).map(printableName)
    return [after.kind === 'group' ? `a new group with ${others.join(', ')}` : 'a new conversation']
  }
  if (before.state !== after.state) return [stateWords[after.state]]
  const lines: string[] = []
  if (after.kind === 'group' && after.name !== undefined && after.name !== before.name)
    lines.push(`the group is called ${printableName(after.name)}`)
  for (const [userId, role] of after.members) {
    const was = before.members.get(userId)
    if (was === undefined) lines.push(`${printableName(userId)} is in the group now`)
    else if (was !== role) lines.push(`${printableName(userId)} is ${role} now`)
  }
  for (const userId of before.members.keys())
    if (!after.members.has(userId)) lines.push(`${printableName(userId)} is not in the group any more`)
  for (const userId of after.verified) if (!before.verified.has(userId)) lines.push(`${printableName(userId)} is verified`)
  return lines
}
