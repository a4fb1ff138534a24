import { type Conversation, type Message, SottoClientError } from '@sotto/client'
import { clientErrorInWords } from '../device/client-error.ts'
import { type ChatCommandName, chatCommands, chatHelpLines, entered, numbered } from './chat-command.ts'
import { deviceLines } from './device-lines.ts'
import { memberLines, safetyNumberLines } from './lines.ts'
import { printableName } from './printable.ts'
import type { Room } from './room.ts'

const historyDefault = 20
const historyMax = 1_000

/** What was typed cannot be done; the message is one line for the person. */
class NotDone extends Error {}

interface Typed {
  readonly room: Room
  readonly args: readonly string[]
  /** What follows the command's name, as it was typed. */
  readonly rest: string
}

type Action = (typed: Typed) => Promise<void>

/** Does what was typed. False: this is the end. Nothing that goes wrong ends a chat. */
export async function obey(room: Room, line: string): Promise<boolean> {
  const said = entered(line)
  try {
    if (said.kind === 'unknown') throw new NotDone(`there is no /${said.name}: /help lists what there is`)
    if (said.kind === 'text')
      await (room.current === undefined ? openConversation(room, said.text.trim()) : say(room, { text: said.text }))
    if (said.kind !== 'command') return true
    if (said.name === 'quit') return false
    await actions[said.name]({ room, args: said.args, rest: said.rest })
  } catch (error) {
    if (error instanceof NotDone) room.warning(error.message)
    else if (error instanceof SottoClientError) room.warning(clientErrorInWords(error, room.device.place))
    else throw error
  }
  return true
}

const actions: Readonly<Record<Exclude<ChatCommandName, 'quit'>, Action>> = {
  async help({ room }) {
    room.screen.print(chatHelpLines())
  },
  async chats({ room }) {
    const lines = room.conversationLines()
    room.screen.print(lines.length === 0 ? 'no conversation yet: /open USER begins one' : lines)
  },
  async open({ room, rest }) {
    await openConversation(room, rest === '' ? missing('open') : rest)
  },
  async group({ room, args }) {
    const [name = missing('group'), ...members] = args
    if (members.length === 0) missing('group')
    await room.enter(await room.device.sotto.createGroup({ name, members }))
  },
  async history({ room, rest }) {
    const count = rest === '' ? historyDefault : Number(rest)
    if (!Number.isInteger(count) || count < 1 || count > historyMax)
      throw new NotDone(`/history: a number from 1 to ${historyMax}`)
    here(room)
    await room.history(count)
  },
  async who({ room }) {
    room.screen.print(memberLines(here(room), room.device.sotto.userId))
  },
  async reply({ room, rest }) {
    const { number, rest: text } = numbered(rest)
    if (number === undefined || text === '') missing('reply')
    await say(room, { text, replyTo: (await target(room, number)).id })
  },
  async react({ room, rest }) {
    const { number, rest: emoji } = numbered(rest)
    if (emoji === '') missing('react')
    const { id, chat } = await target(room, number)
    await (emoji === '-' ? chat.unreact(id) : chat.react(id, emoji))
  },
  async edit({ room, rest }) {
    const { number, rest: text } = numbered(rest)
    if (text === '') missing('edit')
    const { id, chat } = await target(room, number, { own: true })
    await chat.edit(id, text)
  },
  async delete({ room, rest }) {
    const { number, rest: more } = numbered(rest)
    if (more !== '') missing('delete')
    const { id, chat } = await target(room, number, { own: true })
    await chat.delete(id)
  },
  async add({ room, args }) {
    await here(room).add(args.length === 0 ? missing('add') : args)
  },
  async remove({ room, rest }) {
    await here(room).remove(rest === '' ? missing('remove') : rest)
  },
  async role({ room, args }) {
    const [user = missing('role'), role] = args
    if (role !== 'owner' && role !== 'admin' && role !== 'member') throw new NotDone('/role: owner, admin or member')
    await here(room).setRole(user, role)
  },
  async rename({ room, rest }) {
    await here(room).rename(rest === '' ? missing('rename') : rest)
  },
  async leave({ room }) {
    await here(room).leave()
  },
  async verify({ room, args }) {
    const isDigits = /^[\d\s-]+$/.test(args[0] ?? '') || (args[0] ?? '').startsWith('sotto-safety-number:')
    const [user, compared] = isDigits ? [peerOf(room), args.join(' ')] : [args[0] ?? peerOf(room), args.slice(1).join(' ')]
    const number = await room.device.sotto.safetyNumber(user)
    if (compared === '') return room.screen.print(safetyNumberLines(number))
    await number.verify(compared)
    room.notice(`${printableName(user)} is verified: nobody is in between`)
  },
  async accept({ room, rest }) {
    const users = rest === '' ? here(room).blockedBy : [rest]
    if (users.length === 0) throw new NotDone('nobody here has another identity than before')
    for (const user of users) {
      const number = await room.device.sotto.safetyNumber(user)
      if (!number.changed) throw new NotDone(`${printableName(user)} has the same identity as before`)
      await number.accept()
      room.notice(`the new identity of ${printableName(user)} is accepted, not verified`)
    }
  },
  async devices({ room }) {
    room.screen.print(deviceLines(await room.device.sotto.devices()))
  },
  async link({ room, rest }) {
    const device = await room.device.sotto.linkDevice(rest === '' ? missing('link') : rest)
    room.notice(`linked ${printableName(device.name ?? device.deviceId)}: what is written from now on reaches it too`)
  },
  async revoke({ room, rest }) {
    await room.device.sotto.revokeDevice(rest === '' ? missing('revoke') : rest)
    room.notice(
      `${printableName(rest)} is taken out for good, and your identity key is a new one: tell those who have verified you`,
    )
  },
}

/** Goes to a conversation by its number in the list, its name, or the other's user id; begins one with a user. */
export async function openConversation(room: Room, wanted: string): Promise<void> {
  const { sotto } = room.device
  const listed = sotto.conversations()
  const byNumber = /^\d{1,4}$/.test(wanted) ? listed[Number(wanted) - 1] : undefined
  const byName = listed.filter(({ kind, name, id }) => kind === 'group' && (name === wanted || id === wanted))
  if (byName.length > 1) throw new NotDone(`several groups are called ${printableName(wanted)}: take the number of /chats`)
  await room.enter(byNumber ?? byName[0] ?? (await sotto.conversation(wanted)))
}

/** Writes to the open conversation, unless somebody in it has become another. */
async function say(room: Room, content: { readonly text: string; readonly replyTo?: string }): Promise<void> {
  const chat = here(room)
  if (chat.state === 'left') throw new NotDone('you are not in this conversation any more: nothing was sent')
  if (chat.blockedBy.length > 0) {
    const names = chat.blockedBy.map(printableName)
    throw new NotDone(`nothing was sent: ${names.join(', ')} changed identity; /verify or /accept first`)
  }
  await chat.send(content)
}

async function target(room: Room, number: number | undefined, { own = false } = {}): Promise<{ id: string; chat: Conversation }> {
  const id = number === undefined ? room.newest({ own }) : room.find(number)?.id
  const message: Message | undefined = id === undefined ? undefined : await room.device.sotto.message(id)
  const chat = message === undefined ? undefined : room.device.sotto.find(message.conversationId)
  if (message === undefined || chat === undefined)
    throw new NotDone(
      number === undefined ? `there is no message${own ? ' of yours' : ''} here` : `there is no message ${number}`,
    )
  return { id: message.id, chat }
}

function here(room: Room): Conversation {
  if (room.current === undefined) throw new NotDone('no conversation is open: /open USER, or /chats')
  return room.current
}

function peerOf(room: Room): string {
  return here(room).peer ?? missing('verify')
}

function missing(name: ChatCommandName): never {
  throw new NotDone(`it is ${chatCommands[name].usage}: ${chatCommands[name].does}`)
}
