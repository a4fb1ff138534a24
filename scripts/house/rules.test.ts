import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { importRules } from './import-rules.ts'
import { folderCycles, importsOf } from './imports.ts'
import { installScripts, packageRules } from './package-rules.ts'
import { sourcesUnder, withoutComments } from './source.ts'
import { textRules } from './text-rules.ts'

/** Each rule is shown what it must find, and what it must not. */

const rules = { ...importRules, ...textRules, ...packageRules }
type Sample = readonly [rule: keyof typeof rules, path: string, text: string]

const operation = 'packages/server/src/groups/add-members.ts'
const adapter = 'packages/server/src/store/sqlite/open.ts'
const protocol = 'packages/protocol/src/frames.ts'
const manifest = (members: object) => JSON.stringify({ name: 'x', license: 'Apache-2.0', type: 'module', ...members })
const lines = (count: number) => 'x\n'.repeat(count)

const bad: Sample[] = [
  ['protocolImports', protocol, "import { x } from '@sotto/server'"],
  ['protocolImports', protocol, "import type { x } from '../../server/src/clock.ts'"],
  ['protocolImports', protocol, "export * from '../../client/src/index.ts'"],
  ['protocolImports', protocol, "import { readFileSync } from 'node:fs'"],
  ['operationImports', operation, "import { systemClock } from '../clock.ts'"],
  ['operationImports', operation, "import { entryKinds } from '../store/store.ts'"],
  ['operationImports', operation, "import { type Store, entryKinds } from '../store/store.ts'"],
  ['operationImports', operation, "import { type Store } from '../store/store.ts'"],
  ['operationImports', operation, "import type { Ledger } from '../store/sqlite/ledger.ts'"],
  ['operationImports', operation, "import type { Session } from '../gateway/session.ts'"],
  ['operationImports', operation, "import { mayClaim } from '../keys/rules.ts'"],
  ['operationImports', operation, "const { x } = await import('../store/store.ts')"],
  ['operationImports', operation, "import '../config.ts'"],
  ['operationImports', operation, "import type { Client } from '@sotto/client'"],
  ['adapterImports', adapter, "import { decide } from '../../messages/rules.ts'"],
  ['adapterImports', adapter, "import type { Config } from '../../config.ts'"],
  ['adapterImports', adapter, "import type { Bus } from '../../bus/bus.ts'"],
  ['adapterImports', adapter, "new Worker(new URL('../../gateway/x.thread.ts', import.meta.url))"],
  ['adapterImports', 'packages/server/src/bus/nats.ts', "import { x } from '@sotto/client'"],
  ['contractImports', 'packages/server/src/store/store.ts', "import type { Ledger } from './sqlite/ledger.ts'"],
  ['contractImports', 'packages/server/src/bus/bus.ts', "export { localBus } from './local.ts'"],
  ['ownedImports', 'packages/server/src/messages/send.ts', "import { WebSocket } from 'ws'"],
  ['ownedImports', 'packages/server/src/main.ts', "import type { FastifyInstance } from 'fastify'"],
  ['ownedImports', 'packages/server/src/store/open.ts', "import { DatabaseSync } from 'node:sqlite'"],
  ['sidesApart', 'packages/server/src/main.ts', "import { x } from '@sotto/client'"],
  ['sidesApart', 'packages/client/src/index.ts', "import type { x } from '@sotto/server'"],
  ['sidesApart', 'packages/client/src/index.ts', "import { x } from '../../server/src/clock.ts'"],
  ['sqlOutsideStore', operation, 'db.exec(`\n  SELECT id\n  FROM groups`)'],
  ['sqlOutsideStore', operation, "db.exec('INSERT INTO groups VALUES (1)')"],
  ['sqlOutsideStore', operation, "db.exec('INSERT OR IGNORE INTO groups VALUES (1)')"],
  ['sqlOutsideStore', operation, "db.exec('UPDATE groups SET name = 1')"],
  ['sqlOutsideStore', operation, "db.exec('DELETE FROM groups')"],
  ['sqlOutsideStore', operation, "db.exec('CREATE UNIQUE INDEX i ON groups (id)')"],
  ['sqlOutsideStore', operation, "db.exec('PRAGMA synchronous = OFF')"],
  ['environmentOutsideConfig', 'packages/server/src/main.ts', 'const port = process.env.PORT'],
  ['environmentOutsideConfig', 'packages/server/src/main.ts', "process\n  .env['PORT']"],
  ['environmentOutsideConfig', 'packages/server/src/main.ts', 'process.loadEnvFile()'],
  ['chanceOutsideClock', operation, 'const now = Date.now()'],
  ['chanceOutsideClock', operation, 'const now = new Date()'],
  ['chanceOutsideClock', operation, 'call(Date.now)'],
  ['chanceOutsideClock', operation, 'Math.random()'],
  ['chanceOutsideClock', operation, "import { randomBytes } from 'node:crypto'"],
  ['chanceOutsideClock', operation, 'crypto.randomUUID()'],
  ['chanceOutsideClock', operation, 'crypto.getRandomValues(bytes)'],
  ['namesNotKebab', 'packages/server/src/groups/addMembers.ts', ''],
  ['namesNotKebab', 'packages/server/src/Groups/add.ts', ''],
  ['namesNotKebab', 'scripts/add_members.ts', ''],
  ['namesNotKebab', 'scripts/-add.ts', ''],
  ['namesWithoutMeaning', 'packages/server/src/groups/group-utils.ts', ''],
  ['namesWithoutMeaning', 'packages/server/src/helpers/text.ts', ''],
  ['namesWithoutMeaning', 'packages/server/src/session-manager.ts', ''],
  ['namesWithoutMeaning', 'packages/server/src/base.ts', ''],
  ['filesTooLong', operation, lines(401)],
  ['filesTooLong', 'bench/src/main.ts', `${lines(400)}x`],
  ['testsSwitchedOff', 'sim/a.test.ts', `it.${'only'}('x', () => {})`],
  ['testsSwitchedOff', 'sim/a.test.ts', `describe.${'skip'}('x', () => {})`],
  ['testsSwitchedOff', 'packages/server/src/store/store.suite.ts', `test.${'todo'}('x')`],
  ['testsNowhereRun', 'packages/server/a.test.ts', ''],
  ['testsNowhereRun', 'packages/server/src/a.test.js', ''],
  ['testsNowhereRun', 'examples/deep/a.test.ts', ''],
  ['inexactVersions', 'package.json', manifest({ dependencies: { a: '^1.0.0' } })],
  ['inexactVersions', 'bench/package.json', manifest({ devDependencies: { a: '*' } })],
  ['inexactVersions', 'package.json', manifest({ optionalDependencies: { a: '1.x' } })],
  ['inexactVersions', 'package.json', manifest({ peerDependencies: { a: '>=1.0.0' } })],
  ['inexactVersions', 'package.json', manifest({ dependencies: { a: 'https://example.org/a.tgz' } })],
  ['manifestsOutOfLine', 'packages/x/package.json', manifest({ scripts: { postinstall: 'node x.js' } })],
  ['manifestsOutOfLine', 'packages/x/package.json', manifest({ license: 'MIT' })],
  ['manifestsOutOfLine', 'packages/x/package.json', manifest({ type: 'commonjs' })],
]

const good: Sample[] = [
  ['protocolImports', protocol, "import { z } from 'zod'\nimport { wire } from './limits.ts'"],
  ['protocolImports', 'packages/protocol/src/docs.test.ts', "import { hash } from 'node:crypto'"],
  ['operationImports', operation, "import type { Store } from '../store/store.ts'\nimport { mayAdd } from './rules.ts'"],
  ['operationImports', operation, "import { SottoError } from '@sotto/protocol'\nimport { hash } from 'node:crypto'"],
  ['operationImports', 'packages/server/src/groups/rules.test.ts', "import { systemClock } from '../clock.ts'"],
  ['operationImports', 'packages/server/src/gateway/http.ts', "import { addMembers } from '../groups/add-members.ts'"],
  ['adapterImports', adapter, "import { entryKinds } from '../store.ts'\nimport type { Clock } from '../../clock.ts'"],
  ['contractImports', 'packages/server/src/store/store.ts', "import type { Clock } from '../clock.ts'"],
  ['ownedImports', 'packages/server/src/gateway/websocket.ts', "import { WebSocketServer } from 'ws'"],
  ['ownedImports', 'packages/server/src/gateway/websocket.test.ts', "import { jwtVerify } from 'jose'"],
  ['sidesApart', 'bench/src/main.ts', "import { x } from '@sotto/server'\nimport { y } from '@sotto/client'"],
  ['sidesApart', 'packages/server/src/gateway/socket.test.ts', "import { y } from '@sotto/client'"],
  ['sqlOutsideStore', adapter, "db.exec('DELETE FROM groups')"],
  ['sqlOutsideStore', operation, '// DELETE FROM groups is what the store does\nselect(from)'],
  ['environmentOutsideConfig', 'packages/server/src/config.ts', 'readConfig(process.env)'],
  ['environmentOutsideConfig', 'packages/cli/src/main.ts', 'process.env.NO_COLOR'],
  ['chanceOutsideClock', 'packages/server/src/clock.ts', 'Date.now()'],
  ['chanceOutsideClock', operation, 'new Date(clock.now())'],
  ['chanceOutsideClock', operation, '/** The only caller of Date.now. */'],
  ['namesNotKebab', 'packages/server/src/store/sqlite/writer.thread.ts', ''],
  ['namesNotKebab', 'packages/server/src/store/s3.ts', ''],
  ['namesWithoutMeaning', 'packages/server/src/base64.ts', ''],
  ['filesTooLong', operation, lines(400)],
  ['filesTooLong', 'packages/server/src/store/store.suite.ts', lines(900)],
  ['testsSwitchedOff', 'sim/a.test.ts', "test.each([1])('only %s', () => {})"],
  ['testsNowhereRun', 'packages/server/src/gateway/a.test.ts', ''],
  ['testsNowhereRun', 'examples/seed.test.ts', ''],
  ['inexactVersions', 'package.json', manifest({ dependencies: { a: '1.2.3', b: '1.2.3-beta.4' } })],
  ['manifestsOutOfLine', 'package.json', manifest({ scripts: { test: 'vitest run' } })],
]

test.each(bad)('%s finds %s: %j', (rule, file, text) => {
  const findings = rules[rule]([{ path: file, text }])
  expect(findings).toHaveLength(1)
  expect(findings[0]?.path).toBe(file)
})

test.each(good)('%s passes %s: %j', (rule, file, text) => {
  expect(rules[rule]([{ path: file, text }])).toEqual([])
})

test('every rule has samples of both kinds', () => {
  for (const rule of Object.keys(rules)) {
    expect(bad.map(([name]) => name)).toContain(rule)
    expect(good.map(([name]) => name)).toContain(rule)
  }
})

describe('imports', () => {
  test('are found in all their forms', () => {
    const text = [
      "import { a } from './a.ts'",
      "import type { b } from '../b.ts'",
      'import {\n  c,\n  type d,\n} from "../other/c.ts"',
      "import * as e from 'e'",
      "import f, { g } from 'f'",
      "import './side-effect.ts'",
      "export * from './h.ts'",
      "export type { i } from './i.ts'",
      "  const j = await import('./j.ts')",
      'new Worker(new URL(`./k.thread.ts`, import.meta.url))',
    ].join('\n')
    const found = importsOf({ path: 'packages/x/src/dir/file.ts', text })
    expect(found.map(({ to, typeOnly }) => `${to}${typeOnly ? ' (type)' : ''}`).sort()).toEqual(
      [
        'e',
        'f',
        'packages/x/src/b.ts (type)',
        'packages/x/src/dir/a.ts',
        'packages/x/src/dir/h.ts',
        'packages/x/src/dir/i.ts (type)',
        'packages/x/src/dir/j.ts',
        'packages/x/src/dir/k.thread.ts',
        'packages/x/src/dir/side-effect.ts',
        'packages/x/src/other/c.ts',
      ].sort(),
    )
  })

  test('do not run together with what stands before them, nor come from comments', () => {
    const text =
      "export type A = number\nimport { b } from './b.ts'\n// import { c } from './c.ts'\n/*\nimport { d } from './d.ts'\n*/\n"
    expect(importsOf({ path: 'src/a.ts', text })).toEqual([{ from: 'src/a.ts', to: 'src/b.ts', relative: true, typeOnly: false }])
  })
})

describe('circles between folders', () => {
  const file = (name: string, ...imports: string[]) => ({
    path: `src/${name}`,
    text: imports.map((to) => `import type { x } from '${to}'\n`).join(''),
  })

  test('are found, each once, however long', () => {
    const two = [file('a/x.ts', '../b/x.ts'), file('a/y.ts', '../b/y.ts'), file('b/x.ts', '../a/y.ts'), file('b/y.ts')]
    expect(folderCycles(two, 'src')).toEqual([['src/a', 'src/b']])
    const three = [
      file('a/x.ts', '../b/x.ts'),
      file('b/x.ts', '../c/x.ts'),
      file('c/x.ts', '../a/z.ts'),
      file('d/x.ts', '../a/x.ts'),
    ]
    expect(folderCycles(three, 'src')).toHaveLength(1)
  })

  test('are found between a folder and one inside of it, and through a file at the root', () => {
    expect(folderCycles([file('a/x.ts', './in/x.ts'), file('a/in/x.ts', '../y.ts')], 'src')).toHaveLength(1)
    expect(folderCycles([file('config.ts', './a/x.ts'), file('a/x.ts', '../config.ts')], 'src')).toHaveLength(1)
  })

  test('are none where everything points one way, or only tests point back', () => {
    const tree = [
      file('main.ts', './a/x.ts', './b/x.ts'),
      file('a/x.ts', './y.ts', '../b/x.ts', '../clock.ts'),
      file('b/x.ts', '../clock.ts'),
      file('clock.ts'),
    ]
    expect(folderCycles(tree, 'src')).toEqual([])
    expect(folderCycles([file('a/x.ts', '../b/x.ts'), file('b/x.test.ts', '../a/x.ts')], 'src')).toEqual([])
  })
})

describe('install scripts', () => {
  const lock = JSON.stringify({ packages: { '': {}, 'node_modules/a': { hasInstallScript: true }, 'node_modules/b': {} } })

  test('are found unless they are permitted, and a permission that is not needed is found too', () => {
    expect(installScripts(lock, [])).toEqual([{ path: 'package-lock.json', problem: 'node_modules/a has an install script' }])
    expect(installScripts(lock, ['node_modules/a'])).toEqual([])
    expect(installScripts(lock, ['node_modules/a', 'node_modules/b'])).toHaveLength(1)
  })
})

test('comments are left out, strings that look like comments are not', () => {
  expect(withoutComments("a // x\n/* y\n * z */\nconst url = 'https://b'\n")).not.toMatch(/[xyz]/)
  expect(withoutComments("const url = 'https://b'")).toBe("const url = 'https://b'")
  expect(withoutComments("const accept = '*/*'\nDate.now()\nconst glob = '**/*.ts'")).toContain('Date.now()')
})

test('sources are found wherever they stand, but for what is installed or built', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'sotto-house-'))
  try {
    for (const file of ['a/b/c.ts', 'package.json', 'a/notes.md', 'node_modules/x/index.js', 'a/dist/c.js', 'tool.mjs']) {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true })
      await writeFile(path.join(root, file), file)
    }
    expect(sourcesUnder(root)).toEqual(['a/b/c.ts', 'package.json', 'tool.mjs'].map((file) => ({ path: file, text: file })))
  } finally {
    await rm(root, { recursive: true })
  }
})
