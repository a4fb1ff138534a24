import type { Arena } from '../../arena.ts'
import type { Outcome, Row } from '../../report/row.ts'
import type { SdkSettings } from '../../settings.ts'
import type { ClientResult, MessagesRound, StorageKind } from '../client/job.ts'
import type { Host } from '../hosts.ts'
import { perSecond, type Scatter, scatter } from '../scatter.ts'
import { onStage, play, type Stage } from '../stage.ts'

/** (a) What one client sends and receives a second, beside the engine alone in the same process or page. */
export function measureMessages(arena: Arena): Promise<Outcome> {
  const { sdk } = arena.settings
  return onStage(arena, async (stage) => {
    const { node, chromium } = stage.hosts
    const places: readonly (readonly [Host, StorageKind])[] = [
      [node, 'memory'],
      [node, 'disk'],
      [chromium, 'disk'],
    ]
    const rows: Row[] = []
    const numbers: unknown[] = []
    for (const members of sdk.messages.members) {
      await stage.crowd(members - 2)
      for (const [host, storage] of places) {
        const where = `${host.name}, ${storage === 'disk' ? host.diskName : 'in memory'}`
        arena.note(`(a) messages, ${members} members, ${where}`)
        const result = await measured(stage, host, storage, members, sdk)
        const figures = figuresOf(result)
        rows.push(
          row(`(a) send, ${members} members, ${where}`, figures.sends, figures.encrypts, stage.others()),
          row(`    receive`, figures.receives, figures.decrypts, stage.others()),
        )
        numbers.push({ members, host: host.name, storage, buildSeconds: result.buildSeconds, ...figures })
      }
    }
    return { rows, numbers }
  })
}

async function measured(stage: Stage, host: Host, storage: StorageKind, members: number, { messages, textBytes }: SdkSettings) {
  return await play(stage, host, {
    kind: 'messages',
    storage,
    sender: stage.newAccount(),
    receiver: stage.newAccount(),
    others: await stage.crowd(members - 2),
    rounds: messages.rounds,
    messages: messages.each,
    warmUpMessages: messages.warmUp,
    textBytes,
  })
}

function figuresOf({ rounds }: ClientResult<'messages'>) {
  const each = (value: (round: MessagesRound) => number) => scatter(rounds.map(value))
  return {
    sends: each(({ sendsPerSecond }) => sendsPerSecond),
    encrypts: each(({ encryptsPerSecond }) => encryptsPerSecond),
    receives: each(({ receivesPerSecond }) => receivesPerSecond),
    decrypts: each(({ decryptsPerSecond }) => decryptsPerSecond),
  }
}

function row(label: string, subject: Scatter, reference: Scatter, otherCores: number): Row {
  const ratio = subject.median / reference.median
  return { label, subject: perSecond(subject), reference: perSecond(reference), ratio, otherCores }
}
