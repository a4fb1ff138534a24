import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { utf8 } from './bytes.ts'
import type {
  Admit,
  CommitInput,
  CommitStep,
  GroupState,
  LocalLeaf,
  MlsEngine,
  NewKeyPackage,
  RecordChange,
  Step,
} from './engine.ts'
import { createMlsEngine } from './ts-mls-engine.ts'

/** Members of groups for tests: each keeps its records as a client would, and zeroes what was used up. */

/** Bytes and numbers that are the same for the same seed. */
export class Chance {
  readonly #seed: string
  #count = 0

  constructor(seed: string) {
    this.#seed = seed
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      this.#count += 1
      const block = createHash('sha256').update(`${this.#seed} ${this.#count}`).digest()
      bytes.set(block.subarray(0, length - at), at)
    }
    return bytes
  }

  /** 0 … below - 1. */
  number(below: number): number {
    return new DataView(this.bytes(4).buffer).getUint32(0) % below
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.number(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}

export const startMs = Date.UTC(2030, 0, 1)

export interface TestClock extends Clock {
  advance(ms: number): void
}

export function testClock(seed: string): TestClock {
  const chance = new Chance(seed)
  let now = startMs
  return {
    now: () => now,
    random: (bytes) => chance.bytes(bytes),
    advance: (ms) => {
      now += ms
    },
  }
}

export const testEngine = (seed: string) => createMlsEngine({ clock: testClock(seed) })

export const nobodyMinds = () => undefined
export const noRoster = utf8('roster')

export class Member {
  readonly name: string
  readonly engine: MlsEngine
  readonly device: LocalLeaf
  /** As on disk. */
  records = new Map<string, Uint8Array>()
  state: GroupState | undefined
  keyPackages = new Map<string, Uint8Array>()

  constructor(name: string, engine: MlsEngine, device: LocalLeaf) {
    this.name = name
    this.engine = engine
    this.device = device
  }

  static async create(name: string, engine: MlsEngine): Promise<Member> {
    return new Member(name, engine, { keys: await engine.generateSignatureKeys(), credential: utf8(name) })
  }

  get group(): GroupState {
    if (this.state === undefined) throw new Error(`${this.name} is in no group`)
    return this.state
  }

  /** Writes the changes, goes on with the new state, zeroes what was used. Answers with the bytes written. */
  take(step: Step): number {
    const bytes = applyChanges(this.records, step.changes)
    this.state = step.state
    step.wipe()
    return bytes
  }

  /** As after a restart. */
  reload(): void {
    this.state = this.engine.loadGroup(this.records)
  }

  async keyPackage(lastResort = false): Promise<NewKeyPackage> {
    const made = await this.engine.createKeyPackage(this.device, { lastResort })
    this.keyPackages.set(made.ref, made.secret)
    return made
  }

  async found(groupId: string): Promise<void> {
    this.take(await this.engine.createGroup(this.device, groupId))
  }

  prepare(change: Partial<CommitInput> = {}): Promise<CommitStep> {
    return this.engine.commit(this.group, { add: [], remove: [], aad: new Uint8Array(), roster: noRoster, ...change })
  }

  async join(welcome: Uint8Array) {
    const step = await this.engine.join({
      welcome,
      secretOf: async (ref) => this.keyPackages.get(ref),
      admitLeaf: nobodyMinds,
    })
    this.records.clear()
    this.take(step)
    return step
  }

  async send(text: string, options: { padTo?: number; aad?: Uint8Array } = {}): Promise<Uint8Array> {
    const step = await this.engine.encrypt(this.group, utf8(text), options)
    this.take(step)
    return step.message
  }

  async receive(message: Uint8Array, admit: Admit = nobodyMinds) {
    const step = await this.engine.process(this.group, message, admit)
    this.take(step)
    return step
  }

  async read(message: Uint8Array): Promise<string> {
    const step = await this.receive(message)
    if (step.kind !== 'application') throw new Error('not an application message')
    return new TextDecoder().decode(step.plaintext)
  }
}

/** Answers with the number of bytes written. */
export function applyChanges(records: Map<string, Uint8Array>, changes: readonly RecordChange[]): number {
  let bytes = 0
  for (const { name, value } of changes) {
    if (value === undefined) records.delete(name)
    else {
      records.set(name, value.slice())
      bytes += name.length + value.length
    }
  }
  return bytes
}

/** One makes a commit, everybody follows; those who are added join. */
export async function commitTo(
  members: readonly Member[],
  by: Member,
  change: { readonly add?: readonly Member[]; readonly remove?: readonly Member[] } = {},
): Promise<CommitStep> {
  const add = await Promise.all((change.add ?? []).map(async (member) => (await member.keyPackage()).keyPackage))
  const remove = (change.remove ?? []).map((member) => member.group.ownLeaf)
  const step = await by.prepare({ add, remove })
  by.take(step)
  for (const member of members) if (member !== by && !change.add?.includes(member)) await member.receive(step.commit)
  for (const member of change.add ?? []) await member.join(step.welcome ?? new Uint8Array())
  return step
}

/** A group of so many; the first one has added the others. */
export async function groupOf(count: number, engine: MlsEngine, groupId = 'a group'): Promise<Member[]> {
  const members = await Promise.all(Array.from({ length: count }, (_, i) => Member.create(`member ${i}`, engine)))
  const [first, ...others] = members
  if (first === undefined) throw new Error('a group has a member')
  await first.found(groupId)
  if (others.length > 0) await commitTo(members, first, { add: others })
  return members
}
