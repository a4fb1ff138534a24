import { describe, expect, it } from 'vitest'
import { numbersOf, sizesOf } from './module-sizes.ts'

describe('sizes of modules', () => {
  it('reads Base64 VLQ', () => {
    expect(numbersOf('AAgBC')).toEqual([0, 0, 16, 1])
    expect(numbersOf('D2Bf')).toEqual([-1, 27, -15])
    expect(numbersOf('')).toEqual([])
  })

  it('charges each part of the code to the module that it comes from', () => {
    // 'aaaa' of the first source, 'bb' of the second, 'c' of none, and on the next line 'ddd' of the second.
    const map = {
      sources: ['../../repository/packages/client/src/sync/core.ts', '../../repository/node_modules/@scope/name/lib/x.js'],
      mappings: 'AAAA,ICAA,E;AAAA',
    }
    expect(sizesOf('aaaabbc\nddd', map, '/repository/')).toEqual([
      { path: 'node_modules/@scope/name/lib/x.js', group: '@scope/name', bytes: 5 },
      { path: 'packages/client/src/sync/core.ts', group: '@sotto/client, sync/', bytes: 4 },
    ])
  })
})
