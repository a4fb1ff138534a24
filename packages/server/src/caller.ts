import type { Device } from './store/store.ts'

/** Who asks, once the token is verified: a user, and the device that acts for it. */
export interface Caller {
  readonly userId: string
  /** The acting device: the token's, else the one that the request names, else `default`. */
  readonly deviceId: string
  /** When the token expires. */
  readonly expiresAt: number
  /** The acting device, if it was registered when the request came. Reads do with this: they register nothing. */
  readonly known: Device | undefined
  /** The acting device, registered if it is new. Throws `device_revoked`, `limit_reached`. */
  device(): Promise<Device>
  /** Aborts when the client has gone or the server stops: ends a long poll. */
  readonly signal: AbortSignal
}
