import { type Seeded, seeded } from '../../seeded.ts'
import type { JournalLine, KeptMessage } from '../journal.ts'
import type { KillRecord, Offer } from '../kill-record.ts'

const client = 'vic'
const peers = ['pat', 'quinn']
/** Who is in which group, beside the client. */
const membersOf: Readonly<Record<string, readonly string[]>> = { team: peers, 'with pat': ['pat'], 'with quinn': ['quinn'] }
const groups = Object.keys(membersOf)

/** Records of runs in which everything went well, made from a seed: what the checker must pass, and mutants start from. */
export function goodKills(seed: number): KillRecord {
  const chance = seeded(seed)
  const kills = 3 + chance.below(3)
  const journal: JournalLine[] = [{ event: 'opened', opening: 1 }]
  const offers: Offer[] = []
  const shown = new Map([client, ...peers].map((name): [string, KeptMessage[]] => [name, []]))
  const sends = new Map(peers.map((name): [string, { group: string; text: string; id: string }[]] => [name, []]))
  const heads = new Map<string, number>()
  const generations = new Map<string, number>()
  let texts = 0
  let epoch = 1

  function arrive(from: string, group: string, id: string, text: string): void {
    const seq = (heads.get(group) ?? 0) + 1
    heads.set(group, seq)
    for (const name of [client, ...membersOf[group]!]) {
      const own = name === from
      shown.get(name)!.push({ group, id, from, own, text, status: own ? 'delivered' : undefined, unreadable: undefined, seq })
    }
  }

  function offer(group: string, id: string): void {
    const name = `${group} ${epoch}`
    const generation = generations.get(name) ?? 0
    generations.set(name, generation + 1)
    const one = { group, id, ciphertext: `${name} ${generation}`, key: { epoch, generation } }
    offers.push(one)
    // Cut off, and said once more.
    if (chance.chance(0.2)) offers.push(one)
    // Too late for its epoch: encrypted anew in the next.
    if (!chance.chance(0.1)) return
    epoch++
    generations.set(`${group} ${epoch}`, 1)
    offers.push({ group, id, ciphertext: `${group} ${epoch} 0`, key: { epoch, generation: 0 } })
  }

  for (let opening = 2; opening <= kills + 2; opening++) {
    const isLast = opening === kills + 2
    journal.push({ event: 'opened', opening })
    for (let turn = isLast ? 0 : 6 + chance.below(5); turn > 0; turn--) {
      const group = chance.pick(groups)
      const id = `id-${++texts}`
      const text = `text ${texts}`
      if (chance.chance(0.5)) {
        journal.push({ event: 'calling', group, text })
        // Killed before it was queued, or between that and the line that says so.
        const isCut = turn === 1 && chance.chance(0.5)
        if (isCut && chance.chance(0.5)) break
        if (!isCut) journal.push({ event: 'sent', group, text, id })
        offer(group, id)
        arrive(client, group, id, text)
      } else {
        const from = chance.pick(membersOf[group]!)
        sends.get(from)!.push({ group, text, id })
        arrive(from, group, id, text)
        handle(chance, journal, opening, id)
      }
    }
  }
  return {
    client,
    kills,
    journal,
    history: shown.get(client)!.toReversed(),
    offers,
    comings: [],
    peers: peers.map((name) => ({ name, sends: sends.get(name)!, history: shown.get(name)!.toReversed() })),
  }
}

/** At once, or after a kill in the midst of it, or once more because what was handled had not been noted. */
function handle(chance: Seeded, journal: JournalLine[], opening: number, id: string): void {
  if (chance.chance(0.1)) journal.push({ event: 'handed', opening, id })
  journal.push({ event: 'handed', opening, id }, { event: 'handled', opening, id })
}
