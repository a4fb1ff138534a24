import type { ClientInvariant } from './client-facts.ts'

/** Calls may be refused because of what others did at the same time, or because the application was being closed. */
const allowedRefusals = [
  /^(closed|offline|not_a_member|not_permitted|owner_must_transfer|device_revoked)$/,
  // Another was faster.
  /^not_found: /,
]

/** What an honest server and honest members may bring about while connections break and handlers throw. */
const allowedIncidents: Readonly<Record<string, RegExp>> = {
  // Who left before a device came in has said goodbye to the others: an admin, or one of them, removes it.
  departure_unproven: /nothing is sent before/,
  handler_failed: /fails on purpose/,
  // Of the network: tried again.
  background_failed: /did not answer in time/,
}

/** Nothing is reported that should not happen among honest members over an honest server. */
export const noIncidents: ClientInvariant = function* ({ record, revoked }) {
  for (const { device, kind, group, detail } of record.incidents) {
    // It finds out in whatever it does.
    if (revoked.has(device) && (kind === 'session_ended' || /revoked/.test(detail))) continue
    // Out of the list, and not yet off the server, or not yet out of the group.
    const isOfRevoked = [...revoked].some((one) => detail.startsWith(one))
    if (isOfRevoked && (kind === 'key_package_refused' || kind === 'ghost_device')) continue
    if (!allowedIncidents[kind]?.test(detail)) yield `${device} ${group ?? ''}: ${kind}: ${detail}`
  }
}

/** No call is refused for a reason that its user could do nothing about. */
export const refusalsExplained: ClientInvariant = function* ({ record }) {
  for (const [reason, count] of Object.entries(record.refusals)) {
    if (!allowedRefusals.some((allowed) => allowed.test(reason))) yield `${count} calls were refused: ${reason}`
  }
}
