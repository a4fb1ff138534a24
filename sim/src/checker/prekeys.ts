import type { HistoryEvent, PreKey } from '../history.ts'
import type { Facts } from './facts.ts'

/** A one-time key is handed out once, whoever asks. */
export function* preKeyOnce(facts: Facts): Iterable<string> {
  const claims = new Map<string, string>()
  for (const { of, key, device, id } of claimed(facts)) {
    if (key === null) continue
    const name = `${of} ${key.keyId}`
    const before = claims.get(name)
    if (before !== undefined) yield `${name} was handed to ${before} and to ${device} ${id}`
    claims.set(name, `${device} ${id}`)
  }
}

/** Only keys that were uploaded are handed out, as they were uploaded. */
export function* preKeyGenuine(facts: Facts): Iterable<string> {
  const uploads = new Map<string, string>()
  for (const event of facts.events) {
    if (event.event !== 'invoke' || event.op !== 'upload') continue
    for (const key of event.keys) uploads.set(`${event.device} ${key.keyId}`, key.digest)
  }
  for (const { of, key } of claimed(facts)) {
    if (key === null) continue
    const digest = uploads.get(`${of} ${key.keyId}`)
    if (digest === undefined) yield `${of} ${key.keyId} was handed out, not uploaded`
    else if (digest !== key.digest) yield `${of} ${key.keyId} was handed out as another key`
  }
}

/**
 * Where a device's keys have run out, each key that was surely uploaded was handed out, but for those that claims of
 * unknown outcome took with them.
 */
export function* preKeyConserved(facts: Facts): Iterable<string> {
  const held = new Map<string, Set<number>>()
  const taken = new Map<string, Set<number>>()
  const exhausted = new Set<string>()
  const unknown = new Map<string, number>()
  const uploads = new Map<string, readonly PreKey[]>()
  const claims = new Map<string, string>()

  for (const event of facts.events) {
    if (!('op' in event)) continue
    if (event.op === 'upload' && event.event === 'invoke') uploads.set(`${event.device} ${event.id}`, event.keys)
    if (event.op === 'upload' && event.event === 'ok') {
      for (const { keyId } of uploads.get(`${event.device} ${event.id}`) ?? []) setOf(held, event.device).add(keyId)
    }
    if (event.op === 'claim' && event.event === 'invoke') claims.set(`${event.device} ${event.id}`, event.user)
    if (event.op === 'claim' && event.event === 'info') {
      const user = claims.get(`${event.device} ${event.id}`) ?? ''
      unknown.set(user, (unknown.get(user) ?? 0) + 1)
    }
    if (event.op === 'claim' && event.event === 'ok') {
      if (event.key === null) exhausted.add(event.of)
      else setOf(taken, event.of).add(event.key.keyId)
    }
  }
  for (const device of exhausted) {
    const missing = [...setOf(held, device)].filter((keyId) => !setOf(taken, device).has(keyId))
    const excused = unknown.get(device.slice(0, device.lastIndexOf('/'))) ?? 0
    if (missing.length > excused) {
      yield `${device} has run out with ${missing.length} keys never handed out (${excused} claims unknown): ${missing.slice(0, 5)}`
    }
  }
}

function setOf(sets: Map<string, Set<number>>, key: string): Set<number> {
  const known = sets.get(key) ?? new Set<number>()
  sets.set(key, known)
  return known
}

type Claimed = Extract<HistoryEvent, { event: 'ok'; op: 'claim' }>

function* claimed(facts: Facts): Iterable<Claimed> {
  for (const event of facts.events) if (event.event === 'ok' && event.op === 'claim') yield event
}
