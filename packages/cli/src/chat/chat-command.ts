/** What can be typed in a chat. */
export const chatCommands = {
  chats: { usage: '/chats', does: 'list the conversations' },
  open: { usage: '/open USER or N', does: 'go to the conversation with USER, or to N of /chats' },
  group: { usage: '/group NAME USER...', does: 'begin a group' },
  history: { usage: '/history [COUNT]', does: 'show the last messages, with their marks' },
  who: { usage: '/who', does: 'who is in here, and who is verified' },
  reply: { usage: '/reply N TEXT', does: 'answer message N' },
  react: { usage: '/react [N] EMOJI', does: 'react to message N, or to the last one; - takes it back' },
  edit: { usage: '/edit [N] TEXT', does: 'change your message N, or your last one' },
  delete: { usage: '/delete [N]', does: 'delete your message N, or your last one, for everybody' },
  add: { usage: '/add USER...', does: 'add to the group' },
  remove: { usage: '/remove USER', does: 'remove from the group: reads nothing from then on' },
  role: { usage: '/role USER ROLE', does: 'make somebody owner, admin or member' },
  rename: { usage: '/rename NAME', does: 'name the group' },
  leave: { usage: '/leave', does: 'leave the group' },
  verify: { usage: '/verify [USER] [NUMBER]', does: 'show the safety number, or compare with NUMBER' },
  accept: { usage: '/accept [USER]', does: 'go on with a changed identity that you could not verify' },
  devices: { usage: '/devices', does: 'list your devices' },
  link: { usage: '/link CODE', does: 'let in the new device that shows CODE' },
  revoke: { usage: '/revoke DEVICE', does: 'take a lost device out for good' },
  help: { usage: '/help', does: 'this list' },
  quit: { usage: '/quit', does: 'end; so does Ctrl-D' },
} as const satisfies Record<string, { readonly usage: string; readonly does: string }>

export type ChatCommandName = keyof typeof chatCommands

export type Entered =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'command'; readonly name: ChatCommandName; readonly args: readonly string[]; readonly rest: string }
  | { readonly kind: 'unknown'; readonly name: string }

/** What a typed line means. `//…` is a text that begins with a slash. `rest` is what follows the command's name, as it was typed. */
export function entered(line: string): Entered {
  if (line.trim() === '') return { kind: 'nothing' }
  if (!line.startsWith('/')) return { kind: 'text', text: line }
  if (line.startsWith('//')) return { kind: 'text', text: line.slice(1) }
  const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/s.exec(line.trim()) ?? []
  if (!Object.hasOwn(chatCommands, name)) return { kind: 'unknown', name }
  return { kind: 'command', name: name as ChatCommandName, args: rest === '' ? [] : rest.split(/\s+/), rest }
}

/** `/help` */
export function chatHelpLines(): string[] {
  const width = Math.max(...Object.values(chatCommands).map(({ usage }) => usage.length)) + 2
  return Object.values(chatCommands).map(({ usage, does }) => `  ${usage.padEnd(width)}${does}`)
}

/** `[N] REST`: a number of a message in front, if there is one that is one. */
export function numbered(rest: string): { readonly number: number | undefined; readonly rest: string } {
  const [, digits, after = ''] = /^(\d{1,6})(?:\s+(.*))?$/s.exec(rest) ?? []
  return digits === undefined ? { number: undefined, rest } : { number: Number(digits), rest: after }
}
