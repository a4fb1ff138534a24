import type { Content, Custom, Envelope } from './content.ts'
import { contentLimits } from './limits.ts'
import { messageId } from './message-id.ts'

/** Chance from a seed: the same seed, the same cases. */
export interface Chance {
  /** 0 to below `below`. */
  integer(below: number): number
  flip(): boolean
  bytes(length: number): Uint8Array
  of<item>(items: readonly item[]): item
}

export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0
  // mulberry32: 32 bits of state are plenty to pick test cases by.
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (below: number) => Math.floor(next() * below)
  return {
    integer,
    flip: () => next() < 0.5,
    bytes: (length) => Uint8Array.from({ length }, () => integer(256)),
    of: (items) => items[integer(items.length)] as (typeof items)[number],
  }
}

export function shuffled<item>(chance: Chance, items: readonly item[]): item[] {
  const mixed = [...items]
  for (let index = mixed.length - 1; index > 0; index -= 1) {
    const other = chance.integer(index + 1)
    const kept = mixed[index] as item
    mixed[index] = mixed[other] as item
    mixed[other] = kept
  }
  return mixed
}

const fragments = [
  'a',
  'Grüße',
  ' ',
  '\n',
  '\u0000',
  '日本',
  '🙂',
  '👩‍👩‍👧‍👦',
  '\ufeff',
  '\ufffd',
  'é',
  '<b>',
  '\u202e',
  '__proto__',
]
const emoji = ['👍', '❤️', '👩🏽‍🚒', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🇩🇪', 'é', 'x']

export function randomText(chance: Chance, pieces = 12): string {
  return Array.from({ length: chance.integer(pieces) }, () => chance.of(fragments)).join('')
}

function randomId(chance: Chance): string {
  return messageId({ groupId: 'group', senderUserId: 'user', senderDeviceId: 'device' }, chance.bytes(8))
}

export function randomJson(chance: Chance, depth = 4): unknown {
  const kind = chance.integer(depth === 0 ? 6 : 8)
  switch (kind) {
    case 0:
      return null
    case 1:
      return chance.flip()
    case 2:
      return chance.integer(1_000) - 500
    case 3:
      return chance.of([2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 60, 1.5, 0.1, -1e-300, Number.MAX_VALUE, 65_536.25])
    case 4:
    case 5:
      return randomText(chance)
    case 6:
      return Array.from({ length: chance.integer(4) }, () => randomJson(chance, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length: chance.integer(4) }, (_, index) => [
          `${randomText(chance, 3)}${index}`,
          randomJson(chance, depth - 1),
        ]),
      )
  }
}

function randomCustom(chance: Chance): Custom {
  return {
    type: chance.of(['application/vnd.example.poll+json', 'text/markdown;charset=utf-8', 'x/y']),
    data: randomJson(chance),
  }
}

const kinds = ['text', 'custom', 'edit', 'delete', 'reaction', 'receipt', 'state', 'stateRequest', 'sync', 'unknown'] as const

function randomContent(chance: Chance): Content {
  const kind = chance.of(kinds)
  const custom = chance.flip() ? { custom: randomCustom(chance) } : {}
  const replyTo = chance.flip() ? { replyTo: randomId(chance) } : {}
  const ids = (above: number) => Array.from({ length: above + chance.integer(5) }, () => randomId(chance))
  switch (kind) {
    case 'text':
      return { kind, text: `${randomText(chance)}.`, ...replyTo, ...custom }
    case 'custom':
      return { kind, custom: randomCustom(chance), ...replyTo }
    case 'edit':
      return { kind, replaces: randomId(chance), text: `${randomText(chance)}.`, ...custom }
    case 'delete':
      return { kind, replaces: randomId(chance) }
    case 'reaction':
      return { kind, to: randomId(chance), ...(chance.flip() ? { emoji: chance.of(emoji) } : {}) }
    case 'receipt':
      return { kind, delivered: ids(0), read: ids(1) }
    case 'state':
      return { kind, revision: chance.integer(1_000_000), ...(chance.flip() ? { name: 'Team 🙂' } : {}) }
    case 'stateRequest':
      return { kind }
    case 'sync':
      return { kind, name: chance.of(['read', 'contacts.verified']), data: chance.bytes(chance.integer(60)) }
    case 'unknown':
      return { kind, mediaType: chance.of(['application/x-newer', 'image/png']), bytes: chance.bytes(chance.integer(60)) }
  }
}

export function randomEnvelope(chance: Chance): Envelope {
  return {
    salt: chance.bytes(contentLimits.saltBytes),
    sentAt: chance.integer(2 ** 52),
    ...(chance.flip() ? { expiresAt: chance.integer(2 ** 52) } : {}),
    content: randomContent(chance),
  }
}
