import type { ClientInvariant } from './client-facts.ts'

/** Calls may be refused because of what others did at the same time, or because the application was being closed. */
const allowedRefusals = new Set(['closed', 'offline', 'not_a_member', 'not_permitted', 'owner_must_transfer', 'not_found'])

/** What an honest server and honest members may bring about while connections break and handlers throw. */
const allowedIncidents: Readonly<Record<string, RegExp>> = {
  handler_failed: /fails on purpose/,
  // Of the network: tried again.
  background_failed: /did not answer in time/,
}

/** Nothing is reported that should not happen among honest members over an honest server. */
export const noIncidents: ClientInvariant = function* ({ record, revoked }) {
  for (const { device, kind, group, detail } of record.incidents) {
    if (kind === 'session_ended' && revoked.has(device)) continue
    if (!allowedIncidents[kind]?.test(detail)) yield `${device} ${group ?? ''}: ${kind}: ${detail}`
  }
}

/** No call is refused for a reason that its user could do nothing about. */
export const refusalsExplained: ClientInvariant = function* ({ record }) {
  for (const [code, count] of Object.entries(record.refusals)) {
    if (!allowedRefusals.has(code)) yield `${count} calls were refused: ${code}`
  }
}
