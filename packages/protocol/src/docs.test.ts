import { describe, expect, test } from 'vitest'
import { frameSections, generatedParts, limitWords, markdownTable, withGenerated } from './docs.ts'
import { errorCodes } from './errors.ts'
import { clientFrames, serverFrames } from './frames.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { limitNames } from './limits.ts'
import { meaningNames, memberMeaning } from './meanings.ts'
import { routeNames, routeOf } from './routes.ts'
import { memberRows, typeWords } from './schema-words.ts'

describe('a markdown table', () => {
  test('keeps its columns whatever its cells hold', () => {
    expect(markdownTable(['a', 'b'], [['x|y', 'two\nlines']])).toBe('| a | b |\n| --- | --- |\n| x\\|y | two lines |')
  })
})

describe('generated parts', () => {
  const parts = generatedParts()

  test('name everything that there is', () => {
    for (const code of errorCodes) expect(parts.errors).toContain(`| \`${code}\` |`)
    for (const name of limitNames) expect(parts.limits).toContain(`| \`${name}\` |`)
    for (const name of routeNames) {
      expect(parts.routes).toContain(`| ${routeOf(name).method} | \`${routeOf(name).path}\` |`)
      expect(parts['route-details']).toContain(`### ${name}\n`)
    }
    for (const type of Object.keys(clientFrames)) expect(parts['client-frames']).toContain(`### \`${type}\`\n`)
    for (const type of Object.keys(serverFrames)) expect(parts['server-frames']).toContain(`### \`${type}\`\n`)
  })

  test('are tables whose rows have as many columns as their heads', () => {
    for (const part of Object.values(parts)) {
      let columns = 0
      for (const line of part.split('\n')) {
        const cells = line.startsWith('|') ? line.replaceAll('\\|', '').split('|').length : 0
        if (columns !== 0 && cells !== 0) expect(cells).toBe(columns)
        columns = cells
      }
    }
  })

  test('list the members of a frame with type and need', () => {
    const frames = frameSections('client')
    expect(frames).toContain('| `seq` | integer, at least 1 | yes | the last entry that is stored by the device |')
    expect(frames).toContain('| `device` | string, 1 to 64 of `A-Za-z0-9._-` |  |')
  })

  test('fill a document between its markers and leave the rest', () => {
    const document = 'before\n<!-- generated: a -->\nold\n<!-- end -->\nbetween\n<!-- generated: b -->\n<!-- end -->\nafter\n'
    const filled = withGenerated(document, { a: 'new $& a', b: 'b' })
    expect(filled).toBe(
      'before\n<!-- generated: a -->\n\nnew $& a\n\n<!-- end -->\nbetween\n<!-- generated: b -->\n\nb\n\n<!-- end -->\nafter\n',
    )
    expect(withGenerated(filled, { a: 'new $& a', b: 'b' })).toBe(filled)
  })

  test('that nobody makes, or that have no end, are refused', () => {
    expect(() => withGenerated('<!-- generated: toString -->\n<!-- end -->', {})).toThrow('no generated part called toString')
    expect(() => withGenerated('<!-- generated: a -->\n', { a: 'x' })).toThrow('has no end')
  })
})

test('limits in bytes are said in units too', () => {
  expect(limitWords('BODY_BYTES', 1_048_576)).toBe('1,048,576 (1 MiB)')
  expect(limitWords('FRAME_BYTES', 196_608)).toBe('196,608 (192 KiB)')
  expect(limitWords('FRAME_BYTES', 1_000)).toBe('1,000')
  expect(limitWords('SOCKETS', 1_048_576)).toBe('1,048,576')
})

describe('types in words', () => {
  const cases: [JsonSchema, string][] = [
    [{}, 'anything'],
    [{ type: 'boolean' }, 'boolean'],
    [{ const: 'msg', type: 'string' }, '`"msg"`'],
    [{ enum: ['a', 'b'] }, '`"a"` or `"b"`'],
    [{ type: 'string', minLength: 1 }, 'string, not empty'],
    [{ type: 'string', minLength: 16, maxLength: 16 }, 'string, 16 characters'],
    [{ type: 'string', pattern: '^[a-z]{1,3}$' }, 'string, 1 to 3 of `a-z`'],
    [{ type: 'string', pattern: '^x+$', maxLength: 5 }, 'string like `^x+$`, at most 5 characters'],
    [{ type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }, 'integer'],
    [{ type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }, 'integer, at least 1'],
    [{ type: 'integer', minimum: 1, maximum: 5 }, 'integer, 1 to 5'],
    [{ type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 9 }, 'array of string, 1 to 9'],
    [{ type: 'object', additionalProperties: { type: 'integer' } }, 'object of integer by name'],
    [{ type: 'object', properties: { a: {}, b: {} }, required: ['a'] }, '`{a, b?}`'],
    [{ anyOf: [{ type: 'string' }, { type: 'string' }, { type: 'null' }] }, 'string or null'],
    [{ $ref: '#/components/schemas/Group' }, '`Group`'],
    [{ type: 'object', properties: { type: { const: 'msg' } }, required: ['type'] }, '`msg` frame'],
  ]
  test.each(cases)('%j', (schema, words) => expect(typeWords(schema)).toBe(words))

  test('members are listed with those below them, required only if every alternative requires them', () => {
    const key: JsonSchema = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] }
    const first: JsonSchema = {
      type: 'object',
      properties: { user: {}, keys: { type: 'array', items: key } },
      required: ['user', 'keys'],
    }
    const second: JsonSchema = { type: 'object', properties: { user: {} }, required: ['user'] }
    expect(memberRows({ anyOf: [first, second] }).map(({ path, required }) => [path, required])).toEqual([
      ['user', true],
      ['keys', false],
      ['keys[].id', true],
    ])
  })
})

describe('meanings', () => {
  const places: [string, JsonSchema][] = [
    ...Object.entries(clientFrames).map(([type, schema]): [string, JsonSchema] => [
      `client ${type}`,
      jsonSchemaOf(schema, 'input'),
    ]),
    ...Object.entries(serverFrames).map(([type, schema]): [string, JsonSchema] => [
      `server ${type}`,
      jsonSchemaOf(schema, 'output'),
    ]),
    ...routeNames.flatMap((name) => {
      const { params, query, body, answer } = routeOf(name)
      const inputs = [params, query, body].flatMap((schema) => (schema ? [jsonSchemaOf(schema, 'input')] : []))
      return [...inputs, ...(answer ? [jsonSchemaOf(answer, 'output')] : [])].map((schema): [string, JsonSchema] => [
        name,
        schema,
      ])
    }),
  ]

  test('every member of every frame and route has one', () => {
    const silent = places.flatMap(([place, schema]) =>
      memberRows(schema).flatMap(({ name }) => (memberMeaning(place, name) === undefined ? [`${place} ${name}`] : [])),
    )
    expect(silent).toEqual([])
  })

  test('none is written for a member that does not exist', () => {
    const members = places.flatMap(([place, schema]) =>
      memberRows(schema).flatMap(({ name }) => [`${place} ${name}`, `* ${name}`]),
    )
    const existing = new Set(members)
    expect(meaningNames().filter((name) => !existing.has(name))).toEqual([])
  })

  test('are not inherited', () => {
    expect(memberMeaning('constructor', 'constructor')).toBeUndefined()
    expect(memberMeaning('client msg', 'toString')).toBeUndefined()
  })
})
