import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { bareCode, type Snippet } from './snippets.suite.ts'

/** Examples become modules of their own, in a folder below the root, where they find our packages as an application would. */

export const root = fileURLToPath(new URL('../../../..', import.meta.url))
/** As a folder of the workshop sees it. */
const sceneModule = '../../packages/client/src/documentation/scene.suite.ts'

/** A fresh folder, gone after the test. Not in `node_modules`, where Node.js runs no TypeScript. */
export async function workshop(files: readonly (readonly [name: string, text: string])[]): Promise<string> {
  await mkdir(join(root, '.cache'), { recursive: true })
  const folder = await mkdtemp(join(root, '.cache', 'examples-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const [name, text] of files) await writeFile(join(folder, name), text)
  return folder
}

/**
 * What the compiler has against the TypeScript files of a folder, with the settings of this repository. What it has against our
 * sources themselves is left to the check of types.
 */
export async function typeErrors(folder: string, settings: Readonly<Record<string, boolean>> = {}): Promise<string> {
  const config = { extends: '../../tsconfig.json', compilerOptions: settings, include: ['*.ts'], exclude: [] }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  try {
    await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { cwd: root })
    return ''
  } catch (error) {
    const said = String((error as { readonly stdout?: string }).stdout || error)
    return said.replace(/^packages\/.*\n?(^\s.*\n?)*/gm, '')
  }
}

/** What an application imports, by the entry that has it. */
export type Entries = Readonly<Record<string, readonly string[]>>

/**
 * An example as a module with one function, `example`, that gets the scene. It imports what it names of the entries, and
 * says what else it imports itself.
 */
export function moduleOf({ code }: Snippet, entries: Entries, sceneNames: readonly string[]): string {
  const lines = code.split('\n')
  const own = lines.filter((line) => line.startsWith('import '))
  const body = lines.filter((line) => !line.startsWith('import '))
  const imports = Object.entries(entries).flatMap(([entry, names]) => {
    const used = namesIn(code, names).filter((name) => !own.some((line) => new RegExp(`\\b${name}\\b`).test(line)))
    return used.length === 0 ? [] : [`import { ${used.join(', ')} } from '${entry}'`]
  })
  const given = namesGivenTo(body.join('\n'), sceneNames)
  return `${[
    ...own,
    ...imports,
    `import type { Scene } from '${sceneModule}'`,
    '',
    `export async function example({ ${given.join(', ')} }: Scene): Promise<void> {`,
    '  {',
    ...body,
    '  }',
    '}',
  ].join('\n')}\n`
}

/** Which of these names the code uses as words of its own: not in a text, not as members of something. */
function namesIn<name extends string>(code: string, names: readonly name[]): name[] {
  const bare = bareCode(code).replace(/'[^'\n]*'/g, "''")
  return names.filter((name) => new RegExp(`(?<![.\\w])${name}\\b(?!['?]?:)`).test(bare))
}

/** Those that it uses and does not introduce itself. */
export function namesGivenTo<name extends string>(code: string, names: readonly name[]): name[] {
  const introduces = (name: string) => new RegExp(`(const|let) ${name}\\b|\\(${name}\\) =>`).test(code)
  return namesIn(code, names).filter((name) => !introduces(name))
}
