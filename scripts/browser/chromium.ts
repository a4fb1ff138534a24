import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, type BrowserContext, chromium, type LaunchOptions } from 'playwright-core'

/** A real Chromium for tests and measurements. It comes through npm with what it needs, and is unpacked once. */

const cacheFolder = fileURLToPath(new URL('../../node_modules/.cache/chromium', import.meta.url))

/** The package unpacks into the folder for temporary files. */
const unpacker = `const { default: packed } = await import('@sparticuz/chromium'); await packed.executablePath()`
/** It brings the shared libraries that Chromium needs and small systems lack (NSS, Expat), and unpacks them where it sees this. */
const withLibraries = { AWS_LAMBDA_JS_RUNTIME: 'nodejs24.x' }

/**
 * Starts Chromium without a window. Pages of one context of it share storage, which is gone when the context closes.
 * The caller closes it; it also ends with this process.
 */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch(await launchOptions())
}

/** Starts Chromium on a profile: what its pages store lies in files under the folder, and is there again next time. */
export async function openProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, await launchOptions())
}

async function launchOptions(): Promise<LaunchOptions> {
  const args = ['--disable-gpu', '--disable-dev-shm-usage']
  if (process.platform !== 'linux' || process.arch !== 'x64') return { channel: 'chrome', args }
  const folder = await unpacked()
  return {
    executablePath: `${folder}/chromium`,
    args,
    env: { ...process.env, LD_LIBRARY_PATH: `${folder}/al2023/lib`, FONTCONFIG_PATH: `${folder}/fonts` },
  }
}

/** The folder with the unpacked Chromium: `chromium`, `al2023/lib`, `fonts`. Several processes may ask at once. */
async function unpacked(): Promise<string> {
  const manifest = new URL('../package.json', import.meta.resolve('@sparticuz/chromium'))
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  const folder = `${cacheFolder}/${version}`
  if (existsSync(folder)) return folder
  await mkdir(cacheFolder, { recursive: true })
  const fresh = await mkdtemp(`${cacheFolder}/unpacking-`)
  try {
    const env = { ...process.env, ...withLibraries, TMPDIR: fresh }
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', unpacker], { cwd: import.meta.dirname, env })
    const fonts = `${fresh}/fonts/fonts.conf`
    await writeFile(fonts, (await readFile(fonts, 'utf8')).replaceAll('/tmp/fonts', `${folder}/fonts`))
    await rename(fresh, folder)
  } catch (error) {
    // Somebody else was faster: a folder that is there whole is as good.
    if (!existsSync(folder)) throw error
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return folder
}
