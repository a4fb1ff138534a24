#!/usr/bin/env node
import { nodeRefusal } from './node-version.ts'

// Nothing else is imported before this: an older Node.js would stop at what it does not know, with a stack trace.
const refusal = nodeRefusal(process.versions.node)
if (refusal === undefined) {
  const { run } = await import('./program.ts')
  process.exitCode = await run(process.argv.slice(2))
} else {
  process.stderr.write(`sotto: ${refusal}\n`)
  process.exitCode = 1
}
