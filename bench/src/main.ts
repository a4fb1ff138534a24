import { mkdirSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Arena, openArena } from './arena.ts'
import { machine, revision } from './machine.ts'
import { measureDrain } from './measurements/drain.ts'
import { measureFanOut } from './measurements/fan-out.ts'
import { measureIdle } from './measurements/idle.ts'
import { measureRelay } from './measurements/relay.ts'
import { measureStored } from './measurements/stored.ts'
import { type Letter, type Options, parseOptions, type Suite, usage } from './options.ts'
import { count, short } from './report/format.ts'
import { isWhole, writeResults } from './report/results-file.ts'
import type { Outcome, Row } from './report/row.ts'
import { table } from './report/table.ts'
import { measureBundle } from './sdk/measurements/bundle.ts'
import { measureFirstMessages } from './sdk/measurements/first-message.ts'
import { measureIdleClients } from './sdk/measurements/idle.ts'
import { measureMessages } from './sdk/measurements/messages.ts'
import { measureOpening } from './sdk/measurements/opening.ts'
import { fullSettings, quickSettings } from './settings.ts'
import { subjectCommand, subjectInWords } from './subject.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = resolve(root, '.cache/bench')
const inMemory = ['tmpfs', 'ramfs']

const measurements: Record<Suite, Record<Letter, (arena: Arena) => Promise<Outcome>>> = {
  server: { a: measureRelay, b: measureFanOut, c: measureDrain, d: measureIdle, e: measureStored },
  sdk: { a: measureMessages, b: measureFirstMessages, c: measureBundle, d: measureOpening, e: measureIdleClients },
}

async function main(options: Options): Promise<void> {
  const beginMs = performance.now()
  const settings = options.quick ? quickSettings : fullSettings
  const dataDir = resolve(options.dataDir ?? cache)
  mkdirSync(dataDir, { recursive: true })
  const facts = machine(dataDir)
  if (inMemory.includes(facts.filesystem))
    throw new Error(`${dataDir} is in memory (${facts.filesystem}): name a disk with --data-dir`)
  const profileDir = options.profile ? resolve(cache, 'profiles') : undefined
  const subject = subjectCommand(options.subject, root)
  const arena = openArena({ settings, subject, dataDir, profileDir, note: (text) => console.error(text) })
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true
      void arena.close().finally(() => process.exit(130))
    })
  }

  const rows: Row[] = []
  const numbers: Record<string, unknown> = {}
  for (const letter of options.only) {
    try {
      const outcome = await measurements[options.suite][letter](arena)
      rows.push(...outcome.rows)
      numbers[letter] = outcome.numbers
    } catch (error) {
      if (interrupted) return
      const reason = error instanceof Error ? error.message : String(error)
      console.error(`(${letter}) failed: ${reason}`)
      rows.push({ label: `(${letter})`, subject: 'failed, see above', met: false })
      numbers[letter] = { error: reason }
      process.exitCode = 1
    } finally {
      await arena.close()
    }
  }

  const gib = short(facts.memoryBytes / 1024 ** 3)
  console.log(
    `\n${facts.cpu}, ${facts.cores} cores, ${gib} GiB; ${facts.filesystem}, fdatasync ${short(facts.fdatasyncMs)} ms; ` +
      `Node.js ${facts.node}; load average before ${short(facts.loadAverage)}`,
  )
  const rounds = options.suite === 'sdk' ? settings.sdk.rounds : settings.rounds
  console.log(`medians of ${rounds} rounds; after a semicolon the reference's figures\n\n${table(rows)}\n`)
  const took = `${count((performance.now() - beginMs) / 1_000)} s`
  if (profileDir !== undefined) console.log(`took ${took}; profiles in ${relative(root, profileDir)}`)
  else {
    const date = new Date().toISOString()
    const words = subjectInWords(subject, root)
    const results = { date, revision: revision(root), options, subject: words, settings, machine: facts, rows, numbers }
    const path = writeResults(isWhole(results) ? resolve(root, 'bench/results') : resolve(cache, 'results'), results)
    console.log(`took ${took}; every number in ${relative(root, path)}`)
  }
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) console.log(usage)
  else await main(options)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
