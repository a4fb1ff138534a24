import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root, typeErrors } from './documentation/modules.suite.ts'
import { read } from './documentation/public-api.suite.ts'
import { developmentServer, readmeExample } from './documentation/readme.suite.ts'

/** The example of the README, as it stands there. In Chromium: `examples.browser.test.ts`. */

const timeout = 120_000

test('compiles with the settings of this repository', { timeout }, async () => {
  expect(await typeErrors(await readmeExample('http://localhost:1'))).toBe('')
})

test('has ten lines at most', async () => {
  const [, talk = ''] = /```ts\n([\s\S]*?)```/.exec(read('README.md')) ?? []
  const lines = talk.split('\n').filter((line) => line.trim() !== '')
  expect(lines.length).toBeGreaterThan(5)
  expect(lines.length).toBeLessThanOrEqual(10)
})

/** Runs a file as the README says; resolves once it has printed a line, or ended. */
async function firstLine(file: string): Promise<string> {
  const child = spawn(process.execPath, ['-C', 'source', file], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let said = ''
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('\n')) resolve()
    })
    void ended.then(() => resolve())
  })
  return said === '' ? complaints : said
}

test('runs against a development server, and the second time says that the keys are gone', { timeout }, async () => {
  const folder = await readmeExample(await developmentServer())
  const readme = read('README.md')
  const shown = await firstLine(join(folder, 'talk.ts'))
  expect(shown).toBe('alice: hello\n')
  expect(readme).toContain(`\n\`\`\`\n${shown}\`\`\`\n`)
  expect(await firstLine(join(folder, 'talk.ts'))).toContain('link_required')
})
