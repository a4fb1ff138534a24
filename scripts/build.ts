import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Builds the published packages, those that others depend on first: sources to dist/, from nothing. */

const root = fileURLToPath(new URL('..', import.meta.url))
const packages = ['protocol', 'server', 'client', 'cli']

for (const name of packages) rmSync(`${root}packages/${name}/dist`, { recursive: true, force: true })

const projects = packages.map((name) => `packages/${name}/tsconfig.build.json`)
const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(/package\.json$/, 'bin/tsc')
const { status, error } = spawnSync(process.execPath, [compiler, '-b', ...projects], { cwd: root, stdio: 'inherit' })
if (error !== undefined) throw error
process.exitCode = status ?? 1
