/** Code that documents show: found in their text, so that what is tested is what is read. */
export interface Snippet {
  /** Where it stands: `docs/sdk.md:12`. */
  readonly place: string
  readonly code: string
}

/** The fenced blocks of a Markdown text in one language. */
export function fencedBlocks(path: string, markdown: string, language: string): Snippet[] {
  const lines = markdown.split('\n')
  const found: Snippet[] = []
  for (let begin = 0; begin < lines.length; begin++) {
    if (!lines[begin]!.startsWith('```')) continue
    const end = lines.indexOf('```', begin + 1)
    if (end < 0) throw new Error(`${path}:${begin + 1} begins a block that does not end`)
    if (lines[begin] === `\`\`\`${language}`)
      found.push({ place: `${path}:${begin + 1}`, code: lines.slice(begin + 1, end).join('\n') })
    begin = end
  }
  return found
}

/** Something that an application may name: an export, or what a class or interface has. */
export interface PublicItem {
  /** `Conversation.send` */
  readonly name: string
  readonly kind: 'class' | 'function' | 'value' | 'method' | 'getter'
  readonly docstring: string
  readonly examples: readonly Snippet[]
}

/** The `@example` blocks of a comment. */
export function examplesIn(place: string, docstring: string): Snippet[] {
  return docstring
    .split('@example')
    .slice(1)
    .map((rest) => ({ place, code: rest.split(/^@\w+/m)[0]!.trim() }))
}

/** An exported class with its public members, or an exported function or constant. @throws Error when it is not there. */
export function publicItems(path: string, source: string, name: string): PublicItem[] {
  const lines = source.split('\n')
  const at = lines.findIndex((line) => new RegExp(`^export (class|(async )?function|const) ${name}\\b`).test(line))
  if (at < 0) throw new Error(`${path} declares no ${name}`)
  const kind = /^export (?:async )?(\w+)/.exec(lines[at]!)![1]!
  const item = itemAt(path, lines, at, name, kind === 'const' ? 'value' : (kind as 'class' | 'function'))
  return kind === 'class' ? [item, ...members(path, lines, at, name)] : [item]
}

function members(path: string, lines: readonly string[], begin: number, className: string): PublicItem[] {
  const end = lines.indexOf('}', begin)
  const found: PublicItem[] = []
  for (let at = begin + 1; at < end; at++) {
    const member = /^ {2}(?:static )?(?:async )?\*?(get |readonly )?(\w+)[(<:]/.exec(lines[at]!)
    if (member === null || member[2] === 'constructor') continue
    found.push(itemAt(path, lines, at, `${className}.${member[2]}`, member[1] === undefined ? 'method' : 'getter'))
  }
  return found
}

function itemAt(path: string, lines: readonly string[], at: number, name: string, kind: PublicItem['kind']): PublicItem {
  const docstring = commentBefore(lines, at)
  return { name, kind, docstring, examples: examplesIn(`${path}:${at + 1} ${name}`, docstring) }
}

/** The text of the comment that ends in the line before, without its stars. */
function commentBefore(lines: readonly string[], at: number): string {
  if (at === 0 || !lines[at - 1]!.endsWith('*/')) return ''
  let begin = at - 1
  while (begin > 0 && !lines[begin]!.trimStart().startsWith('/**')) begin--
  return lines
    .slice(begin, at)
    .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*) ?/, '').replace(/ ?\*\/$/, ''))
    .join('\n')
}

/** Names of the members of an exported interface. */
export function interfaceMembers(path: string, source: string, name: string): string[] {
  const lines = source.split('\n')
  const begin = lines.findIndex((line) => line.startsWith(`export interface ${name} `))
  if (begin < 0) throw new Error(`${path} declares no interface ${name}`)
  return lines
    .slice(begin + 1, lines.indexOf('}', begin))
    .flatMap((line) => /^ {2}(?:readonly )?(\w+)\??[:(]/.exec(line)?.[1] ?? [])
}

/** What an entry module exports as values, by name, with the file that declares it. */
export function valueExports(source: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, names = '', file = ''] of source.matchAll(/^export \{([^}]*)\} from '([^']+)'/gm)) {
    for (const name of names.split(',').map((one) => one.trim())) {
      if (name !== '' && !name.startsWith('type ')) found.set(name, file.replace('./', ''))
    }
  }
  return found
}

/** The interfaces that an entry module exports, by name, with the file that declares them. */
export function interfaceExports(source: string, read: (file: string) => string): Map<string, string> {
  const found = new Map<string, string>()
  const declared = (file: string) => [...read(file).matchAll(/^export interface (\w+)/gm)].map(([, name = '']) => name)
  for (const [, file = ''] of source.matchAll(/^export type \* from '\.\/([^']+)'/gm))
    for (const name of declared(file)) found.set(name, file)
  for (const [, allTypes, names = '', file = ''] of source.matchAll(/^export (type )?\{([^}]*)\} from '\.\/([^']+)'/gm)) {
    const interfaces = declared(file)
    for (const one of names.split(',').map((each) => each.trim())) {
      const name = one.replace(/^type /, '')
      if ((allTypes !== undefined || one !== name) && interfaces.includes(name)) found.set(name, file)
    }
  }
  return found
}

/** Code without its comments. */
export function bareCode(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}
