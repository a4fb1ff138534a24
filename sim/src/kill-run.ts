import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageRun } from './message-run.ts'
import type { RunReport } from './report.ts'
import type { ServerProcess } from './server-process.ts'

export interface KillRun {
  /** Where the history and, unless `death` says otherwise, the server's data go. */
  readonly directory: string
  readonly seed: number
  readonly kills: number
  /** Fewer accepted messages make the run fail. */
  readonly sendsMin: number
  /** How it dies; by SIGKILL unless given. */
  readonly death?: Death
}

/** A way for the server to end. */
export interface Death {
  readonly name: string
  /** The server has time to put everything in order: not even an acknowledgement may be lost. */
  readonly clean: boolean
  /** Where the server's data lies; what is not synced there may be lost by `strike`. */
  readonly dataDir: string
  /** Arguments of Node.js before the server's file. */
  readonly execArgv: readonly string[]
  /** Resolves when the server is gone and may be started again. */
  strike(server: ServerProcess): Promise<void>
}

/** Messages that the server accepts between two kills, at most, and how long it lives if it does not come to them. */
const acceptedMax = 200
const uptimeMsMax = 3_000
/** Part of the kills that hit the server while it starts, and when. */
const atStart = 0.15
const startMsMax = 400

/** Kills the server again and again, at moments that the seed chooses, and starts it at once. */
export async function killRun({ directory, seed, kills, sendsMin, death = sigkill(directory) }: KillRun): Promise<RunReport> {
  const { name, clean, dataDir, execArgv } = death
  return messageRun({ directory, seed, sendsMin, dataDir, execArgv }, async ({ server, observer, chance }) => {
    async function restart(): Promise<void> {
      await server.start()
      observer.record({ event: 'restart' })
    }

    /** In the midst of traffic: a while after so many messages, however fast the machine is. */
    async function someMessages(): Promise<void> {
      let left = chance.below(acceptedMax)
      const enough = observer.seen((event) => event.event === 'ok' && event.op === 'send' && --left < 0)
      await Promise.race([enough, sleep(uptimeMsMax, undefined, { ref: false })])
      await sleep(chance.below(20))
    }

    for (let kill = 0; kill < kills; kill++) {
      if (chance.chance(atStart) && kill > 0 && !clean) {
        server.launch()
        await sleep(chance.below(startMsMax))
      } else {
        if (kill > 0) await restart()
        await someMessages()
      }
      server.assertAlive()
      await death.strike(server)
      observer.record(clean ? { event: 'stop' } : { event: 'crash', how: name })
    }
    await restart()
  })
}

/** SIGKILL: what the kernel has taken stays, what the process had not written is lost. */
function sigkill(directory: string): Death {
  return { name: 'SIGKILL', clean: false, dataDir: dataIn(directory), execArgv: [], strike: (server) => server.kill() }
}

/** SIGTERM, which the server answers by ending in good order. */
export function sigterm(directory: string): Death {
  return { name: 'SIGTERM', clean: true, dataDir: dataIn(directory), execArgv: [], strike: (server) => server.stop() }
}

function dataIn(directory: string): string {
  const dataDir = join(directory, 'data')
  mkdirSync(dataDir, { recursive: true })
  return dataDir
}
