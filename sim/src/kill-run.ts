import { setTimeout as sleep } from 'node:timers/promises'
import { type Death, sigkill } from './death.ts'
import { messageRun } from './message-run.ts'
import type { RunReport } from './report.ts'

export interface KillRun {
  /** Where the history and, unless `death` says otherwise, the server's data go. */
  readonly directory: string
  readonly seed: number
  readonly kills: number
  /** Fewer accepted messages make the run fail. */
  readonly sendsMin: number
  /** How it dies; by SIGKILL unless given. */
  readonly death?: Death
  /** The first kill waits for messages too; otherwise it comes while everything is new and nothing has settled. */
  readonly calmStart?: boolean
}

/** Messages that the server accepts between two kills, at most, and how long it lives if it does not come to them. */
const acceptedMax = 160
const uptimeMsMax = 10_000
/** Part of the kills that hit the server while it starts, and when. */
const atStart = 0.15
const startMsMax = 400

/** Kills the server again and again, at moments that the seed chooses, and starts it at once. */
export async function killRun(run: KillRun): Promise<RunReport> {
  const { directory, seed, kills, sendsMin, death = sigkill(run.directory), calmStart = false } = run
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

    if (calmStart) await someMessages()
    for (let kill = 0; kill < kills; kill++) {
      if (kill > 0 && !clean && chance.chance(atStart)) {
        server.launch()
        await sleep(chance.below(startMsMax))
      } else if (kill > 0) {
        await restart()
        await someMessages()
      }
      server.assertAlive()
      await death.strike(server)
      observer.record(clean ? { event: 'stop' } : { event: 'crash', how: name })
    }
    await restart()
  })
}
