/** What the story asks of a device's process, and what it tells. Plain data: it crosses a process boundary. */

export interface DeviceSetting {
  readonly url: string
  readonly userId: string
  /** Its database. */
  readonly file: string
  readonly name: string
  /** A further device of its user: it shows a code. */
  readonly link: boolean
  /** A message with this text is never handled: the battery dies first. */
  readonly diesReading?: string
}

export interface Orders {
  /** @returns the conversation's id. */
  direct(userId: string): Promise<string>
  group(name: string, members: readonly string[]): Promise<string>
  /** @returns the message's id, once it is on this device's disk. */
  send(conversationId: string, text: string): Promise<string>
  add(conversationId: string, userIds: readonly string[]): Promise<void>
  remove(conversationId: string, userId: string): Promise<void>
  makeAdmin(conversationId: string, userId: string): Promise<void>
  link(code: string): Promise<void>
  safetyDigits(userId: string): Promise<string>
  verify(userId: string, digits: string): Promise<void>
  standing(conversationId: string): Promise<Standing | undefined>
  /** Everything in this device's storage, oldest first. */
  history(): Promise<readonly Shown[]>
  close(): Promise<void>
}

/** How a conversation stands on a device. */
export interface Standing {
  readonly state: string
  readonly epoch: number | undefined
  /** User ids, sorted. */
  readonly members: readonly string[]
}

export interface Shown {
  readonly id: string
  readonly from: string
  readonly text: string | undefined
}

export interface Order {
  readonly n: number
  readonly name: keyof Orders
  readonly args: readonly unknown[]
}

export type Told =
  | { readonly type: 'open' }
  | { readonly type: 'code'; readonly code: string }
  | { readonly type: 'done'; readonly n: number; readonly answer: unknown }
  | { readonly type: 'failed'; readonly n: number; readonly code: string; readonly message: string }
  /** The application was given a message of somebody else; after a kill perhaps once more. */
  | { readonly type: 'handed'; readonly message: Shown }
  /** A message of this user, sent here or from another device, that the server has. */
  | { readonly type: 'own'; readonly message: Shown }
  | { readonly type: 'dying'; readonly message: Shown }
  | { readonly type: 'unreadable'; readonly reason: string }
  | { readonly type: 'incident'; readonly kind: string; readonly detail: string }
