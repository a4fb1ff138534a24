/** Mailboxes by name on the wire: a letter for the kind and the store's number, in base 36. Opaque to clients. */

export type MailboxKind = 'user' | 'device' | 'group'

const letters = { user: 'u', device: 'd', group: 'g' } as const

export function mailboxName(kind: MailboxKind, no: number): string {
  return letters[kind] + no.toString(36)
}

/** The store's number in a name; 0 when the name is not one of ours. */
export function mailboxNumber(name: string): number {
  const no = Number.parseInt(name.slice(1), 36)
  return Number.isSafeInteger(no) && no > 0 && `udg`.includes(name.charAt(0)) ? no : 0
}
