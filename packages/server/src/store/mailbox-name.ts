/** Mailboxes by name on the wire: `m` and the store's number in base 36. Opaque to clients. */

export function mailboxName(no: number): string {
  return `m${no.toString(36)}`
}

/** The store's number in a name; 0 when the name is not one of ours. */
export function mailboxNumber(name: string): number {
  const no = Number.parseInt(name.slice(1), 36)
  return name.charCodeAt(0) === 109 && Number.isSafeInteger(no) && no > 0 && mailboxName(no) === name ? no : 0
}
