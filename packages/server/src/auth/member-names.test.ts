import { expect, it } from 'vitest'
import { repeatsMember } from './member-names.ts'

it.each([
  '{}',
  '{"a":1,"b":2}',
  '{"a":{"a":1},"b":[{"a":1},{"a":1}]}',
  '{"a":"b","b":"a","c":["a","a"]}',
  '{"a":"\\",\\"a\\":1","b":"}{"}',
  '{"a":"a","A":"a","\\u0041a":1}',
  '["a","a"]',
  '[{"a":1,"b":1}]',
])('%s names each member once', (json) => expect(repeatsMember(json)).toBe(false))

it.each([
  '{"a":1,"a":1}',
  '{"a":{"b":[1,{}]},"b":1,"a":2}',
  '{"a" :1, "b":"{", "a"\n:2}',
  '{"a":1,"\\u0061":2}',
  '{"\\u0061":1,"\\u0061":2}',
  '{"":1,"":2}',
  '{"__proto__":1,"__proto__":2}',
])('%s names one twice', (json) => expect(repeatsMember(json)).toBe(true))
