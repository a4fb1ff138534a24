import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { assemble, type Cast, type Stage } from './cast.ts'
import { check } from './checker/check.ts'
import { withinMs } from './deadline.ts'
import { readHistory } from './history.ts'
import { startObserver } from './observer.ts'
import { raisedLimits } from './raised-limits.ts'
import { countsOf, type RunReport } from './report.ts'
import { seeded } from './seeded.ts'
import { type ServerOptions, type ServerProcess, serverProcess } from './server-process.ts'
import { unsoundFiles } from './sqlite-files.ts'
import { startTraffic } from './traffic.ts'

export interface MessageRun extends Omit<ServerOptions, 'environment'> {
  /** Where the history goes. */
  readonly directory: string
  readonly seed: number
  /** Fewer accepted messages make the run fail. */
  readonly sendsMin: number
}

const healMs = 60_000

/**
 * Twelve devices talk while `nemesis` does to the server what it will. Afterwards everything heals, every device reads to
 * the end, before and after a clean restart, and the history is judged.
 */
export async function messageRun(run: MessageRun, nemesis: (stage: Stage) => Promise<void>): Promise<RunReport> {
  const { directory, seed, sendsMin, ...options } = run
  const began = performance.now()
  const chance = seeded(seed)
  const server = serverProcess({ ...options, environment: raisedLimits })
  const observer = startObserver(join(directory, 'history.jsonl'))
  const stage: Stage = { server, observer, chance }
  try {
    await server.start()
    const cast = await withinMs(healMs, assemble(stage), () => server.log())
    const traffic = startTraffic(cast, chance)
    await Promise.race([nemesis(stage), traffic.failed])
    await withinMs(healMs, traffic.stop(), () => stateOf(cast, server))
    await heal(cast, server)
    // Nothing is lost by a clean end: not even an acknowledgement.
    await server.stop()
    observer.record({ event: 'stop' })
    await server.start()
    observer.record({ event: 'restart' })
    await heal(cast, server)
    observer.record({ event: 'end', devices: cast.peers.map((peer) => peer.device) })
    for (const peer of cast.peers) peer.goOffline()
    await server.stop()
    await observer.close()
    const events = readHistory(observer.file)
    const violations = check(events, { sendsMin, claimsMin: 0 })
    return {
      wallMs: performance.now() - began,
      counts: countsOf(events),
      problems: [
        ...violations.map(({ invariant, detail }) => `${invariant}: ${detail}`),
        ...cast.peers.flatMap((peer) => peer.problems),
        ...unsoundFiles(options.dataDir),
      ],
    }
  } finally {
    await server.dispose()
  }
}

/** Every device opens a session of its own and reads all there is. */
async function heal(cast: Cast, server: ServerProcess): Promise<void> {
  await withinMs(healMs, Promise.all(cast.peers.map((peer) => peer.readAll())), () => stateOf(cast, server))
}

function stateOf({ peers }: Cast, server: ServerProcess): string {
  return JSON.stringify({
    peers: peers.map(({ device, unaccepted, problems }) => ({ device, unaccepted, problems })),
    log: server.log().slice(-4_000),
  })
}
