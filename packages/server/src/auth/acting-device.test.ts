import { expect, it } from 'vitest'
import { actingDevice } from './acting-device.ts'

it.each<[string | null, unknown[], string]>([
  [null, [], 'default'],
  [null, [undefined, undefined], 'default'],
  [null, ['phone'], 'phone'],
  [null, [undefined, 'phone'], 'phone'],
  [null, ['phone', 'phone'], 'phone'],
  ['phone', [], 'phone'],
  ['phone', [undefined, undefined], 'phone'],
  ['phone', ['phone', 'phone'], 'phone'],
])('the token says %o, the request %o: %s acts', (claim, requested, device) => {
  expect(actingDevice(claim, ...requested)).toBe(device)
})

it.each<[string | null, unknown[], string]>([
  ['phone', ['tablet'], 'forbidden'],
  ['phone', ['phone', 'tablet'], 'forbidden'],
  ['phone', ['default'], 'forbidden'],
  ['phone', ['Phone'], 'forbidden'],
  [null, ['phone', 'tablet'], 'forbidden'],
  [null, [''], 'bad_request'],
  [null, ['a b'], 'bad_request'],
  [null, ['phone, tablet'], 'bad_request'],
  [null, ['../phone'], 'bad_request'],
  [null, ['d'.repeat(65)], 'bad_request'],
  [null, [['phone', 'tablet']], 'bad_request'],
  [null, [1], 'bad_request'],
  [null, [null], 'bad_request'],
  ['phone', ['a b'], 'bad_request'],
])('the token says %o, the request %o: %s', (claim, requested, code) => {
  expect(() => actingDevice(claim, ...requested)).toThrow(expect.objectContaining({ code }))
})
