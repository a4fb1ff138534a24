import { deviceId, SottoError } from '@sotto/protocol'

/**
 * The device that acts (docs/http.md): the one that the token names, else the one that the request names, else `default`.
 * `claim`: the token's `deviceId`. `requested`: what the request says (the `X-Device-Id` header, `?device=`, `device` of a
 * hello), undefined where it is silent.
 * Throws `bad_request` for what is no device id, `forbidden` when two of them contradict each other.
 */
export function actingDevice(claim: string | null, ...requested: readonly unknown[]): string {
  let acting = claim
  for (const value of requested) {
    if (value === undefined) continue
    const parsed = deviceId.safeParse(value)
    if (!parsed.success) throw new SottoError('bad_request', 'a device id is 1 to 64 of A-Za-z0-9._-')
    if (acting !== null && acting !== parsed.data) {
      throw new SottoError('forbidden', claim === null ? 'the request names two devices' : 'the token is for another device')
    }
    acting = parsed.data
  }
  return acting ?? 'default'
}
