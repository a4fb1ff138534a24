import { contentFailureReasons } from '../packages/client/src/content/failure.ts'
import { clientErrorTable } from '../packages/client/src/error-table.ts'
import { commitRefusals } from '../packages/client/src/membership/refusals.ts'
import { mlsFailureReasons } from '../packages/client/src/mls/engine.ts'
import { incidentKinds } from '../packages/client/src/sync/core-api.ts'
import { markdownTable } from '../packages/protocol/src/docs.ts'

/** The generated parts of docs/sdk-errors.md. */

const code = (name: string) => `\`${name}\``

/** Reasons that are of other things than messages, or that are told as `replayed`. */
const notOfMessages = [
  'duplicate',
  'own_message',
  'invalid_key_package',
  'no_key_package',
  'invalid_welcome',
  'invalid_group_info',
  'refused_leaf',
]

function meanings(head: string, table: Readonly<Record<string, string>>): string {
  return markdownTable(
    [head, 'meaning'],
    Object.entries(table).map(([name, meaning]) => [code(name), meaning]),
  )
}

export function clientParts(): Record<string, string> {
  const reasons = { ...contentFailureReasons, ...mlsFailureReasons }
  const ofMessages = Object.entries(reasons).filter(([name]) => !notOfMessages.includes(name))
  return {
    'sdk-errors': markdownTable(
      ['code', 'meaning', 'what to do'],
      Object.entries(clientErrorTable).map(([name, { meaning, action }]) => [code(name), meaning, action]),
    ),
    incidents: meanings('kind', incidentKinds),
    unreadable: meanings('reason', Object.fromEntries(ofMessages)),
    'commit-refusals': meanings('reason', commitRefusals),
  }
}
