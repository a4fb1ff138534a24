import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Installs libsignal into this folder, unless the version in package-lock.json is there already, and runs the example. */

interface Lock {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>
}

/** What is, or is to be, installed: paths and the hashes of what npm has unpacked there. */
function packagesIn(lock: string): string[] {
  const { packages } = JSON.parse(readFileSync(new URL(lock, import.meta.url), 'utf8')) as Lock
  return Object.entries(packages).flatMap(([path, { integrity }]) => (path === '' ? [] : [`${path} ${integrity}`]))
}

function isInstalled(): boolean {
  try {
    return packagesIn('node_modules/.package-lock.json').join() === packagesIn('package-lock.json').join()
  } catch {
    return false
  }
}

function install(): void {
  // Its native part is in the package: nothing has to run while it is installed.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const { npm_execpath: npm } = process.env
  const [program, ...before] = npm === undefined ? ['npm'] : [process.execPath, npm]
  const { status, error } = spawnSync(program!, [...before, ...args], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: 'inherit',
    shell: npm === undefined && process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm ${args.join(' ')} did not succeed`, { cause: error })
}

if (!isInstalled()) {
  console.log('Installing @signalapp/libsignal-client, about 150 MB, for this example alone …')
  install()
}
await import('./interop.ts')
