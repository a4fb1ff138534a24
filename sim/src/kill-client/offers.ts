import type { MsgFrame } from '@sotto/protocol'
import { digestOf } from '../history.ts'
import type { Witness } from '../wire-tap.ts'
import type { EpochStates } from './epoch-states.ts'
import type { Offer } from './kill-record.ts'

/** Everything that a device offers the server to be stored in a group, as it passes by. */
export interface Offers {
  readonly witness: Witness
  readonly count: number
  readonly comings: readonly { readonly group: string }[]
  /** With the key of each, which members tell. */
  read(): Promise<Offer[]>
}

export function offersOf(states: EpochStates): Offers {
  const offered: { readonly group: string; readonly id: string; readonly ciphertext: string }[] = []
  const comings: { group: string }[] = []

  function take({ to, id = '', ciphertext, contentType }: MsgFrame): void {
    if (contentType === 'message/mls') offered.push({ group: to, id, ciphertext })
  }

  return {
    comings,
    get count() {
      return offered.length
    },
    witness: {
      sent(text) {
        const frame = JSON.parse(text) as MsgFrame
        if (frame.type === 'msg') take(frame)
      },
      received() {},
      asked({ method, path, body }) {
        if (method !== 'POST') return
        if (path === '/messages') take(JSON.parse(body) as MsgFrame)
        const group = /^\/groups\/([^/]+)\/commits$/.exec(path)?.[1]
        if (group !== undefined && (JSON.parse(body) as { readonly external?: boolean }).external === true)
          comings.push({ group })
      },
      answered() {},
    },
    async read() {
      const keys = new Map<string, Offer['key']>()
      const read: Offer[] = []
      for (const { group, id, ciphertext } of offered) {
        if (!keys.has(ciphertext)) keys.set(ciphertext, await states.keyOf(group, ciphertext))
        read.push({ group, id, ciphertext: digestOf(ciphertext), key: keys.get(ciphertext) })
      }
      return read
    },
  }
}
