import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { bareCode, type Snippet } from './snippets.suite.ts'

/** Examples become modules of their own, in a folder below the root, where they find our packages as an application would. */

export const root = fileURLToPath(new URL('../../../..', import.meta.url))
const sceneModule = fileURLToPath(new URL('scene.suite.ts', import.meta.url))

/** A fresh folder that nobody keeps, gone after the test. Not in `node_modules`, where Node.js runs no TypeScript. */
export async function workshop(files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(join(root, '.cache'), { recursive: true })
  const folder = await mkdtemp(join(root, '.cache', 'examples-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

/** What the compiler has against the TypeScript files of a folder, with the settings of this repository. */
export async function typeErrors(folder: string, settings: Readonly<Record<string, boolean>> = {}): Promise<string> {
  const config = { extends: '../../tsconfig.json', compilerOptions: settings, include: ['*.ts'], exclude: [] }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  try {
    await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { cwd: root })
    return ''
  } catch (error) {
    return String((error as { readonly stdout?: string }).stdout || error)
  }
}

/** What an application imports, by the entry that has it. */
export type Entries = Readonly<Record<string, readonly string[]>>

/**
 * An example as a module with one function, `example`, that gets the scene. It imports what it names of the entries, and
 * says what else it imports itself.
 */
export function moduleOf({ code }: Snippet, folder: string, entries: Entries, sceneNames: readonly string[]): string {
  const lines = code.split('\n')
  const own = lines.filter((line) => line.startsWith('import '))
  const body = lines.filter((line) => !line.startsWith('import '))
  const imports = Object.entries(entries).flatMap(([entry, names]) => {
    const used = namesIn(code, names).filter((name) => !own.some((line) => new RegExp(`\\b${name}\\b`).test(line)))
    return used.length === 0 ? [] : [`import { ${used.join(', ')} } from '${entry}'`]
  })
  const given = namesIn(body.join('\n'), sceneNames)
  return `${[
    ...own,
    ...imports,
    `import type { Scene } from './${relative(folder, sceneModule)}'`,
    '',
    `export async function example({ ${given.join(', ')} }: Scene): Promise<void> {`,
    '  {',
    ...body,
    '  }',
    '}',
  ].join('\n')}\n`
}

/** Which of these names the code uses as words of its own, not as members of something. */
export function namesIn(code: string, names: readonly string[]): string[] {
  const bare = bareCode(code)
  return names.filter((name) => new RegExp(`(?<![.\\w'])${name}\\b(?!['?]?:)`).test(bare))
}
