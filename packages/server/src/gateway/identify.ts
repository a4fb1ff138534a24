import { SottoError } from '@sotto/protocol'
import { actingDevice } from '../auth/acting-device.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { bearerToken } from '../auth/rules.ts'
import type { Caller } from '../caller.ts'
import type { Device, Store } from '../store/store.ts'
import type { TokenBuckets } from './rate.ts'

/** What a request says about its sender. */
export interface Credentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined
  /** Devices that it names: the `X-Device-Id` header, `?device=`. Undefined where it is silent. */
  readonly devices: readonly unknown[]
  /** Made when it is asked for: few requests wait. */
  readonly signal: () => AbortSignal
}

export interface IdentifyWith {
  readonly authenticator: Pick<Authenticator, 'verify'>
  readonly store: Pick<Store, 'findDevice' | 'openDevice'>
  /** One for each user. */
  readonly requests: TokenBuckets
}

/**
 * Who sent the request. Costs the user one of its requests, unless the token is refused.
 * Throws `unauthenticated`, `token_expired`, `rate_limited`, `bad_request`, `forbidden` (device), `device_revoked`.
 */
export async function identify({ authenticator, store, requests }: IdentifyWith, credentials: Credentials): Promise<Caller> {
  const token = bearerToken(credentials.authorization)
  if (token === undefined) throw new SottoError('unauthenticated', 'the request has no Authorization header')
  const { userId, deviceId: claimed, expiresAt } = await authenticator.verify(token)
  const retryAfterMs = requests.take(userId)
  if (retryAfterMs > 0) throw new SottoError('rate_limited', undefined, { limit: 'REQUESTS_PER_SECOND', retryAfterMs })
  const deviceId = actingDevice(claimed, ...credentials.devices)
  const known = await store.findDevice(userId, deviceId)
  let opened: Promise<Device> | undefined
  let signal: AbortSignal | undefined
  return {
    userId,
    deviceId,
    expiresAt,
    known,
    async device() {
      if (known !== undefined) return known
      opened ??= store.openDevice({ userId, deviceId, holds: false })
      return await opened
    },
    get signal() {
      signal ??= credentials.signal()
      return signal
    },
  }
}
