import type { Scope } from '@sotto/protocol'

/**
 * Hints between the parts of a server and between its processes (G6): at most once, in no order, never relied on
 * for messages. What a hint is about is read from the store.
 */
export interface Bus {
  /** Tells every listener, those of this process included. Never throws, never waits. */
  publish(event: BusEvent): void
  /** The returned function ends the subscription. */
  subscribe(listener: (event: BusEvent) => void): () => void
  ping(): Promise<void>
  close(): Promise<void>
}

export type BusEvent =
  /** An ephemeral message. */
  | {
      readonly type: 'signal'
      /** For whom: `deviceId` null: all devices of the user. */
      readonly to: readonly { readonly userId: string; readonly deviceId: string | null }[]
      /** The `signal` frame, ready to send. */
      readonly frame: string
      readonly from: { readonly userId: string; readonly deviceId: string }
      readonly scope: Scope
    }
  /** A device (null: all of the user) was revoked: its sessions end. */
  | { readonly type: 'revoked'; readonly userId: string; readonly deviceId: string | null }
  /** A newer reliable session of this device has begun: older ones end. */
  | { readonly type: 'replaced'; readonly userId: string; readonly deviceId: string; readonly session: string }
  /** A device has few one-time keys left. */
  | {
      readonly type: 'keysLow'
      readonly userId: string
      readonly deviceId: string
      readonly oneTimePreKeys: number
      readonly keyPackages: number
    }
