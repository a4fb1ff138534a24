import { SottoClientError } from '../errors.ts'
import type { CoreApi, CoreMethod } from '../sync/core-api.ts'
import { loadAccount } from '../sync/late-account.ts'

export type Result = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

/**
 * What a call that was asked before has come to: of some the second asking is refused for the very reason that the first
 * one has got through. `result`: of the second asking.
 */
export async function asBefore(core: CoreApi, method: CoreMethod, args: readonly unknown[], result: Result): Promise<Result> {
  const code = !result.ok && result.error instanceof SottoClientError ? result.error.code : undefined
  switch (method) {
    case 'revokeDevice':
      return code === 'not_found' ? { ok: true, value: undefined } : result
    case 'linkDevice': {
      if (code !== 'link_refused') return result
      const { readLinkCode } = await loadAccount()
      const { deviceId } = readLinkCode(args[0] as string, core.self.userId)
      const linked = (await core.call('devices')).find((device) => device.deviceId === deviceId)
      return linked === undefined ? result : { ok: true, value: linked }
    }
    case 'retry': {
      if (code !== 'invalid_content') return result
      const message = await core.call('message', args[1] as string)
      return message?.own === true && message.status !== 'failed' ? { ok: true, value: undefined } : result
    }
    case 'discard': {
      if (!result.ok || result.value === true) return result
      return (await core.call('message', args[1] as string)) === undefined ? { ok: true, value: true } : result
    }
    default:
      return result
  }
}
