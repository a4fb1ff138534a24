import type { Conversation, Sotto } from '@sotto/client'
import { Refusal } from '../refusal.ts'

/** A group by its id, or by its name where only one has it. @throws Refusal. */
export function groupNamed(sotto: Sotto, wanted: string): Conversation {
  const groups = sotto.conversations().filter(({ kind }) => kind === 'group')
  const found = groups.filter(({ id }) => id === wanted)
  const named = found.length > 0 ? found : groups.filter(({ name }) => name === wanted)
  if (named.length > 1)
    throw new Refusal(`several groups are called ${wanted}: take the id, one of ${named.map(({ id }) => id).join(', ')}`)
  if (named[0] === undefined) throw new Refusal(`there is no group ${wanted} on this device: sotto chat lists what there is`)
  return named[0]
}
