import type { Clock } from './clock.ts'
import { SottoClientError } from './errors.ts'
import type { ClientStorage } from './storage/storage.ts'
import type { LinkOptions } from './sync/kept-device.ts'

export interface SottoOptions {
  /** The server: `http://…` or `https://…`. */
  readonly url: string
  /** Asked for a token (JWT) at start, before one expires, and when one was refused. */
  readonly token: () => string | Promise<string>
  readonly storage: ClientStorage
  /** How this device is called in the user's list. */
  readonly device?: { readonly name?: string }
  /** This is a new device of a user who has others: shows a code that one of them confirms with `linkDevice`. */
  readonly link?: LinkOptions
  /** All other devices are lost: begins a new identity. Contacts see `identityChanged`. */
  readonly reset?: boolean
  /** Receipts that this user sends; both are on by default, `delivered` in conversations of up to 20 users. */
  readonly receipts?: { readonly delivered?: boolean; readonly read?: boolean }
  /** `poll`: HTTP alone, where sockets are blocked; `auto` finds out by itself. */
  readonly connection?: 'auto' | 'socket' | 'poll'
  /** Time and chance; for tests. */
  readonly clock?: Clock
}

/** @throws SottoClientError `invalid_option`. */
export function checkOptions(options: SottoOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('Sotto.open takes an object')
  const { url, token, storage, link, reset } = options
  if (typeof url !== 'string' || !/^https?:\/\//.test(url)) throw invalid("`url` begins with 'http://' or 'https://'")
  if (typeof token !== 'function') throw invalid('`token` is a function that answers with a token: `token: async () => jwt`')
  if (typeof storage?.open !== 'function') throw invalid('`storage` is memoryStorage(), indexedDbStorage() or sqliteStorage()')
  if (link !== undefined && typeof link.onCode !== 'function') throw invalid('`link.onCode` is a function that shows the code')
  if (link !== undefined && reset === true) throw invalid('`link` and `reset` exclude each other')
}

function invalid(detail: string): SottoClientError {
  return new SottoClientError('invalid_option', detail)
}
