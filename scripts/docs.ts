import { readFileSync, writeFileSync } from 'node:fs'
import { generatedParts, withGenerated } from '../packages/protocol/src/docs.ts'
import { openApiDocument } from '../packages/protocol/src/openapi.ts'
import { clientParts } from './client-docs.ts'

/** Makes the generated parts of docs/ anew; with --check only says which are stale. */

const root = new URL('..', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const readIfThere = (path: string) => {
  try {
    return read(path)
  } catch {
    return undefined
  }
}

const { version } = JSON.parse(read('packages/protocol/package.json')) as { version: string }
const parts = { ...generatedParts(), ...clientParts() }

const documents = new Map([['docs/openapi.json', `${JSON.stringify(openApiDocument(version), null, 2)}\n`]])
for (const name of ['errors', 'limits', 'http', 'socket', 'sdk-errors']) {
  const path = `docs/${name}.md`
  documents.set(path, withGenerated(read(path), parts))
}

const stale = [...documents].filter(([path, text]) => readIfThere(path) !== text)
if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is stale: run \`npm run docs\``)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const [path, text] of stale) {
    writeFileSync(new URL(path, root), text)
    console.log(`wrote ${path}`)
  }
}
