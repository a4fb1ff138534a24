import { describe, expect, test } from 'vitest'
import { bareCode, examplesIn, fencedBlocks, interfaceMembers, publicItems, valueExports } from './snippets.suite.ts'

describe('blocks of a Markdown text', () => {
  test('are those of one language, whole, with their place', () => {
    const text = '# A\n\n```bash\nls\n```\n\n```ts\nconst a = 1\n\nconst b = 2\n```\n'
    expect(fencedBlocks('a.md', text, 'ts')).toEqual([{ place: 'a.md:7', code: 'const a = 1\n\nconst b = 2' }])
  })

  test('have an end', () => {
    expect(() => fencedBlocks('a.md', '```ts\nconst a = 1\n', 'ts')).toThrow('a.md:1 begins a block that does not end')
  })
})

describe('examples of a comment', () => {
  test('go up to the next one, the next tag, or the end', () => {
    const docstring = 'Does it.\n@example one()\n@throws never\n@example\ntwo()\nthree()\n'
    expect(examplesIn('here', docstring).map(({ code }) => code)).toEqual(['one()', 'two()\nthree()'])
  })
})

const source = `
/** A door. @example open(new Door()) */
export class Door {
  private lock = 1
  readonly width: number

  constructor(width: number) {
    this.width = width
  }

  static async open(door: Door): Promise<void> {
    if (door.width > 1) return
  }

  /**
   * Whether.
   * @example
   * door.isOpen
   */
  get isOpen(): boolean {
    return true
  }

  /** For the house alone. @internal */
  update(): void {}

  async *steps<T>(): AsyncGenerator<T> {}

  private async secret(): Promise<void> {}
}

export const doors = {}
export function build(
  count: number,
): Door[] {}

export interface Options {
  /** How wide. */
  readonly width?: number
  open(door: Door): void
}
`

describe('public items', () => {
  test('of a class are it and its members, but for the private ones', () => {
    const items = publicItems('door.ts', source, 'Door')
    expect(items.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'class Door',
      'getter Door.width',
      'method Door.open',
      'getter Door.isOpen',
      'method Door.update',
      'method Door.steps',
    ])
    expect(items[0]!.examples.map(({ code }) => code)).toEqual(['open(new Door())'])
    expect(items[3]!.examples).toEqual([{ place: 'door.ts:20 Door.isOpen', code: 'door.isOpen' }])
    expect(items[4]!.docstring).toBe('For the house alone. @internal')
    expect(items[5]!.examples).toEqual([])
  })

  test('may be functions and constants, and must be there', () => {
    expect(publicItems('door.ts', source, 'doors').map(({ kind }) => kind)).toEqual(['value'])
    expect(publicItems('door.ts', source, 'build').map(({ kind }) => kind)).toEqual(['function'])
    expect(() => publicItems('door.ts', source, 'Window')).toThrow('door.ts declares no Window')
  })

  test('of an interface are its members', () => {
    expect(interfaceMembers('door.ts', source, 'Options')).toEqual(['width', 'open'])
  })

  test('of an entry are its values, types left aside', () => {
    const entry = "export type { A } from './a.ts'\nexport { type B, c, D } from './b.ts'\nexport type * from './e.ts'\n"
    expect([...valueExports(entry)]).toEqual([
      ['c', 'b.ts'],
      ['D', 'b.ts'],
    ])
  })
})

test('bare code has no comments', () => {
  expect(bareCode("open('http://a') // close()\n/* lock() */")).toBe("open('http://a') \n")
})
