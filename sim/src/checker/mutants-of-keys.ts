import type { HistoryEvent } from '../history.ts'
import { insertAt, type Mutant, type MutantWorld, one, without } from './mutation.ts'

type Claimed = Extract<HistoryEvent, { event: 'ok'; op: 'claim' }>

/** What goes wrong with prekeys, and with whole histories, under the name of the invariant that must see it. */
export const keyMutants: Record<string, Record<string, Mutant>> = {
  'prekey-once': {
    'a key is handed to two users': ({ events, chance }) => {
      const [, claim] = one(chance, claims(events))
      return insertAt(events, events.length - 1, { ...claim, device: 'eve/phone', id: 'again' })
    },
    'a key is handed out again after a restart': ({ events, chance }) => {
      const restart = one(
        chance,
        indexesOf(events, (event) => event.event === 'restart'),
      )
      const [, claim] = one(
        chance,
        claims(events).filter(([index]) => index < restart),
      )
      return insertAt(events, restart + 1, { ...claim, id: 'again' })
    },
  },
  'prekey-genuine': {
    'a key is handed out that was never uploaded': (world) => otherKey(world, { keyId: 999_999_999 }),
    'a key is handed out with another public key': (world) => otherKey(world, { digest: 'another' }),
  },
  'prekey-conserved': {
    'keys vanish': ({ events, facts, chance }) => {
      const [, { of }] = one(chance, claims(events))
      const user = of.slice(0, of.indexOf('/'))
      const unknown = events.filter((event) => event.event === 'invoke' && event.op === 'claim' && event.user === user)
      const surely = new Set<string>()
      for (const event of events) if (event.event === 'ok' && event.op === 'upload') surely.add(`${event.device} ${event.id}`)
      const uploaded = events.flatMap((event) =>
        event.event === 'invoke' && event.op === 'upload' && surely.has(`${event.device} ${event.id}`) && event.device === of
          ? event.keys.map((key) => key.keyId)
          : [],
      )
      if (uploaded.length === 0 || unknown.length === 0 || facts.end === undefined) return one(chance, [])
      const isOk = (event: HistoryEvent) => event.event === 'ok' && event.op === 'claim' && event.of === of && event.key !== null
      // More are missing than all claims of unknown outcome could have taken.
      const excuses = events.filter((event) => event.event === 'info' && event.op === 'claim').length
      const taken = claims(events).filter(([, claim]) => claim.of === of && uploaded.includes(claim.key!.keyId))
      if (taken.length <= excuses) return one(chance, [])
      return without(events, isOk)
    },
  },
  enough: {
    'nothing happened': () => [],
    'the history stops in the middle': ({ events }) => events.slice(0, Math.floor(events.length / 2)),
    'nobody is alive at the end': ({ events }) =>
      events.map((event) => (event.event === 'end' ? { ...event, devices: [] } : event)),
    'nothing was accepted': ({ events }) => without(events, (event) => event.event === 'ok' && event.op === 'send'),
    'nothing was claimed': ({ events }) => without(events, (event) => event.event === 'ok' && event.op === 'claim'),
  },
  'final-read': {
    'a device does not read to the end': ({ events, facts, chance }) => {
      const device = one(chance, facts.end?.devices ?? [])
      const last = events.findLastIndex((event) => event.event === 'connect' && event.device === device)
      return without(events, (event, index) => index > last && event.event === 'synced' && event.device === device)
    },
  },
}

function indexesOf(events: readonly HistoryEvent[], which: (event: HistoryEvent) => boolean): number[] {
  return events.flatMap((event, index) => (which(event) ? [index] : []))
}

function claims(events: readonly HistoryEvent[]): [number, Claimed][] {
  return events.flatMap((event, index): [number, Claimed][] =>
    event.event === 'ok' && event.op === 'claim' && event.key !== null ? [[index, event]] : [],
  )
}

function otherKey(
  { events, chance }: MutantWorld,
  change: { readonly keyId?: number; readonly digest?: string },
): HistoryEvent[] {
  const [index, claim] = one(chance, claims(events))
  return events.with(index, { ...claim, key: { ...claim.key!, ...change } })
}
