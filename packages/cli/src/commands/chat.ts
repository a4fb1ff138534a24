import { setTimeout as sleep } from 'node:timers/promises'
import { type Conversation, SottoClientError } from '@sotto/client'
import { obey, openConversation } from '../chat/actions.ts'
import { printableName } from '../chat/printable.ts'
import { Room } from '../chat/room.ts'
import { openScreen, type Screen } from '../chat/screen.ts'
import { sessionEnd } from '../device/session-end.ts'
import { type Device, type DeviceOptions, withDevice } from '../device/with-device.ts'
import { Refusal, UsageError } from '../refusal.ts'
import { isWatched, paintFor } from '../terminal.ts'

export interface ChatOptions extends DeviceOptions {
  readonly group?: string
}

/** How long what was written last may take to reach the server at the end. */
const settleMsMax = 10_000
/** How often somebody is looked for who has not opened Sotto yet. */
const lookMs = 1_000

/** `sotto chat`: talks until the end of the input. @throws UsageError, Refusal. */
export async function chatCommand(users: readonly string[], { group, ...options }: ChatOptions): Promise<void> {
  if (group === undefined && users.length > 1)
    throw new UsageError('with several users it is a group: give it a name with --group NAME')
  if (group !== undefined && users.length === 0) throw new UsageError('--group: name its members: --group NAME USER…')
  await withDevice(options, async (device) => {
    const isTerminal = process.stdin.isTTY === true && isWatched(process.stdout)
    const screen = openScreen(process.stdin, process.stdout, isTerminal)
    const close = () => screen.close()
    const ended = sessionEnd(device)
    void ended.promise.then(close)
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, close)
    process.stdout.once('error', close)
    try {
      await talk(device, screen, group === undefined ? users[0] : await device.sotto.createGroup({ name: group, members: users }))
    } finally {
      ended.off()
      screen.close()
    }
    const refusal = ended.refusal()
    if (refusal !== undefined) throw new Refusal(refusal)
  })
}

async function talk(device: Device, screen: Screen, start: string | Conversation | undefined): Promise<void> {
  const room = new Room(device, screen, paintFor(process.stdout))
  if (start === undefined) await choose(room)
  else if (typeof start === 'string') await begin(room, start)
  else await room.enter(start)
  const off = room.watch()
  if (screen.isTerminal) room.notice('/help says what else there is, Ctrl-D ends')
  for (let line = await screen.nextLine(); line !== undefined; line = await screen.nextLine()) {
    if (!(await obey(room, line))) break
  }
  const waiting = await room.settle(settleMsMax)
  if (waiting > 0)
    room.notice(`${waiting === 1 ? 'one message waits' : `${waiting} messages wait`} here, and will go out the next time`)
  off()
}

/** Whoever is first waits for the other. @throws SottoClientError `no_such_user` when the input ends before. */
async function begin(room: Room, wanted: string): Promise<void> {
  const closing = new AbortController()
  void room.screen.closed.then(() => closing.abort())
  for (let tries = 0; ; tries++) {
    try {
      // To look costs nobody a key package.
      if (tries > 0) await room.device.sotto.safetyNumber(wanted)
      return await openConversation(room, wanted)
    } catch (error) {
      const code = error instanceof SottoClientError ? error.code : undefined
      const mayChange = code === 'no_such_user' || (code === 'offline' && tries > 0)
      if (!mayChange || closing.signal.aborted) throw error
      if (tries === 0) room.notice(`${printableName(wanted)} has not opened Sotto yet, if that is the name: waiting; Ctrl-C ends`)
      await sleep(lookMs, undefined, { signal: closing.signal }).catch(() => {})
    }
  }
}

/** Without a name: what there is, and a choice. */
async function choose(room: Room): Promise<void> {
  const lines = room.conversationLines()
  if (lines.length === 0) room.screen.print('no conversation yet: type the name of a user, or /group NAME USER…')
  else room.screen.print([...lines, 'which one? Type its number, or the name of a user'])
}
