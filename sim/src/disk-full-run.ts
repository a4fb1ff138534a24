import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withinMs } from './deadline.ts'
import type { Unstamped } from './history.ts'
import { messageRun } from './message-run.ts'
import type { RunReport } from './report.ts'
import type { ServerProcess } from './server-process.ts'

export interface DiskFullRun {
  /** Where the history and, unless `disk` says otherwise, the server's data go. */
  readonly directory: string
  readonly seed: number
  /** How often the disk fills up. */
  readonly cycles: number
  /** Fewer accepted messages make the run fail. */
  readonly sendsMin: number
  /** A limit on the size of the server's files unless given: it needs no privileges. */
  readonly disk?: Disk
}

export interface Disk {
  readonly dataDir: string
  /** From now on the server's writes fail. */
  fill(server: ServerProcess): void
  free(server: ServerProcess): void
}

const noticedMs = 60_000
const fullMsMax = 600
const roomMsMax = 600

/**
 * Lets the disk fill up and be emptied again under a server that stays up: it must say `overloaded`, lose nothing that it
 * accepted, and take messages again by itself.
 */
export async function diskFullRun(run: DiskFullRun): Promise<RunReport> {
  const { directory, seed, cycles, sendsMin, disk = limitedFiles(directory) } = run
  const { dataDir } = disk
  return messageRun({ directory, seed, sendsMin, dataDir }, async ({ server, observer, chance }) => {
    const { pid } = server
    for (let cycle = 0; cycle < cycles; cycle++) {
      await sleep(chance.below(roomMsMax))
      observer.record({ event: 'nemesis', what: 'disk full', on: true })
      disk.fill(server)
      await seen('a refusal', (event) => event.event === 'info' && event.op === 'send' && event.reason === 'overloaded')
      await sleep(chance.below(fullMsMax))
      disk.free(server)
      observer.record({ event: 'nemesis', what: 'disk full', on: false })
      await seen('a new message', (event) => event.event === 'ok' && event.op === 'send' && !event.duplicate)
      server.assertAlive()
    }
    if (server.pid !== pid) throw new Error('the server did not stay up')

    async function seen(what: string, which: (event: Unstamped) => boolean): Promise<void> {
      await withinMs(noticedMs, observer.seen(which), () => `${what}; ${server.log().slice(-4_000)}`)
    }
  })
}

/**
 * RLIMIT_FSIZE (`prlimit`, Linux): beyond the limit a write fails with EFBIG, in old files and in new ones.
 */
function limitedFiles(directory: string): Disk {
  const dataDir = join(directory, 'data')
  mkdirSync(dataDir, { recursive: true })
  function limit(server: ServerProcess, bytes: string): void {
    execFileSync('prlimit', [`--pid=${server.pid}`, `--fsize=${bytes}:unlimited`])
  }
  return { dataDir, fill: (server) => limit(server, '4096'), free: (server) => limit(server, 'unlimited') }
}
