import { describe, expect, test } from 'vitest'
import { type ErrorMeaning, errorTable } from './error-table.ts'
import { closeCodes, errorCodes, errorFrame, problemOf, SottoError } from './errors.ts'

const statuses: Record<string, number> = {
  bad_request: 400,
  bad_frame: 400,
  unauthenticated: 401,
  token_expired: 401,
  forbidden: 403,
  dev_tokens_disabled: 403,
  device_revoked: 403,
  not_member: 403,
  not_found: 404,
  no_prekeys: 404,
  id_conflict: 409,
  key_conflict: 409,
  stale_epoch: 409,
  stale_version: 409,
  group_exists: 409,
  removal_pending: 409,
  use_commit: 409,
  owner_must_transfer: 409,
  limit_reached: 409,
  too_large: 413,
  rate_limited: 429,
  mailbox_full: 507,
  overloaded: 503,
  internal: 500,
}

describe('the error table', () => {
  test('has every code of the wire with its status, and no other', () => {
    expect(Object.fromEntries(errorCodes.map((code) => [code, errorTable[code].status]))).toEqual(statuses)
  })

  test('closes with the codes of the wire', () => {
    const closing = Object.entries<ErrorMeaning>(errorTable).filter(([, { close }]) => close !== undefined)
    expect(Object.fromEntries(closing.map(([code, { close }]) => [code, close]))).toEqual({
      bad_frame: 4400,
      unauthenticated: 4401,
      token_expired: 4401,
      device_revoked: 4403,
      too_large: 4413,
      rate_limited: 4429,
      overloaded: 1013,
    })
    expect(Object.values(closeCodes).sort()).toEqual([1012, 1013, 4400, 4401, 4403, 4408, 4409, 4413, 4429])
    for (const [, { close }] of closing) expect(Object.values(closeCodes)).toContain(close)
  })

  test('says of each what it means and what to do', () => {
    for (const code of errorCodes) {
      const { title, meaning, action } = errorTable[code]
      for (const words of [meaning, action]) expect(words).toMatch(/^[`A-Z].{15,}\.$/)
      expect(title).toMatch(/^[A-Z].*[^.]$/)
    }
  })
})

describe('an error', () => {
  const error = new SottoError('rate_limited', 'too fast', { limit: 'SENDS_PER_SECOND', retryAfterMs: 400 })

  test('is a problem over HTTP', () => {
    expect(problemOf(error)).toEqual({
      type: 'urn:sotto:error:rate_limited',
      title: 'Too many requests',
      status: 429,
      code: 'rate_limited',
      detail: 'too fast',
      limit: 'SENDS_PER_SECOND',
      retryAfterMs: 400,
    })
  })

  test('is a frame over the socket, with the same further members', () => {
    const further = { limit: 'SENDS_PER_SECOND', retryAfterMs: 400 }
    expect(errorFrame(error, 'm-1')).toEqual({ type: 'error', id: 'm-1', code: 'rate_limited', message: 'too fast', ...further })
    expect(errorFrame(error)).not.toHaveProperty('id')
  })

  test('without a detail says the title', () => {
    expect(new SottoError('not_member').message).toBe(errorTable.not_member.title)
    expect(new SottoError('not_member').status).toBe(403)
  })
})
