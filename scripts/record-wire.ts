import { hash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { type WireChange, wireText } from '../packages/protocol/src/wire-lock.ts'

/** `npm run wire:record -- "what changed"` adds the wire as it is to packages/protocol/wire-history.json. */

const file = new URL('../packages/protocol/wire-history.json', import.meta.url)
const history = JSON.parse(readFileSync(file, 'utf8')) as WireChange[]
const wireHash = hash('sha256', wireText())
const change = process.argv.slice(2).join(' ').trim()

if (history.at(-1)?.hash === wireHash) {
  console.log('nothing to record: the wire is as its newest version says')
} else if (change === '') {
  console.error('say what changed: npm run wire:record -- "what changed"')
  process.exitCode = 1
} else {
  const version = history.length + 1
  const entry: WireChange = { version, date: new Date().toISOString().slice(0, 10), hash: wireHash, change }
  writeFileSync(file, `${JSON.stringify([...history, entry], null, 2)}\n`)
  console.log(`recorded version ${version} of the wire`)
}
