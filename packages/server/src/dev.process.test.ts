import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

/** As `npm run dev` starts it. */
const flags = ['-C', 'source', '--watch', '--watch-preserve-output', fileURLToPath(new URL('dev.ts', import.meta.url))]

test('the development server starts without a complaint, and mints tokens for this machine', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-dev-'))
  const child = spawn(process.execPath, flags, {
    cwd: directory,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await once(child, 'exit')
    await rm(directory, { recursive: true, force: true })
  })
  const lines: { level: string; msg: string; url?: string }[] = []
  const listening = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return
    const entry = JSON.parse(line) as { level: string; msg: string; url?: string }
    lines.push(entry)
    if (entry.msg === 'listening') listening.resolve(entry.url!)
  })
  const answer = await fetch(`${await listening.promise}/auth/dev-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'alice' }),
  })
  expect(answer.status).toBe(200)
  await pause(1_000)
  expect(lines.filter(({ level }) => level !== 'info')).toEqual([])
})
