import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Target } from './load/job.ts'
import { type ServerProcess, type ServerShape, startServer } from './server-process.ts'
import type { Settings } from './settings.ts'
import { subjectEnv } from './subject.ts'

export interface Contestant {
  readonly target: Target
  stop(): Promise<void>
}

const references = {
  relay: new URL('./reference/relay.ts', import.meta.url),
  loop: new URL('./reference/loop.ts', import.meta.url),
} as const

export type ReferenceName = keyof typeof references

/** Where measurements take place: starts the servers that they need, each with fresh data, and ends them all. */
export interface Arena {
  readonly settings: Settings
  /** On a real disk: whoever puts something there removes it. */
  readonly dataDir: string
  /** Where CPU profiles go, if any are to be made. */
  readonly profileDir: string | undefined
  /** Tells the person who waits what is going on. */
  note(text: string): void
  /** `env`: settings of its own beside the usual ones. */
  startSubject(env?: Readonly<Record<string, string>>): Promise<Contestant>
  startReference(name: ReferenceName, args?: readonly string[]): Promise<Contestant>
  /** Ends what still runs and removes its data. */
  close(): Promise<void>
}

export interface ArenaShape {
  readonly settings: Settings
  readonly subject: readonly string[]
  /** On a real disk; a folder for each subject is made in it, and removed. */
  readonly dataDir: string
  /** Write CPU profiles of the subject into this folder. */
  readonly profileDir: string | undefined
  readonly note: (text: string) => void
}

export function openArena({ settings, subject, dataDir, profileDir, note }: ArenaShape): Arena {
  const starting = new Set<Promise<Contestant>>()
  const running = new Set<Contestant>()
  let subjects = 0

  function start(shape: ServerShape, secret: string, clean: () => void): Promise<Contestant> {
    const entering = startServer(shape).then(
      (server) => enter(server, secret, clean),
      (error: unknown) => {
        clean()
        throw error
      },
    )
    starting.add(entering)
    return entering.finally(() => starting.delete(entering))
  }

  function enter(server: ServerProcess, secret: string, clean: () => void): Contestant {
    const contestant = {
      target: { port: server.port, pid: server.pid, secret },
      async stop() {
        if (!running.delete(contestant)) return
        await server.stop()
        clean()
      },
    }
    running.add(contestant)
    return contestant
  }

  return {
    settings,
    dataDir,
    profileDir,
    note,
    async startSubject(env = {}) {
      subjects += 1
      const own = join(dataDir, `subject-${process.pid}-${subjects}`)
      mkdirSync(own, { recursive: true })
      const clean = () => rmSync(own, { recursive: true, force: true })
      const secret = randomBytes(32).toString('base64url')
      const profile = profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` }
      return start({ command: subject, env: { ...subjectEnv(own, secret), ...profile, ...env }, cwd: own }, secret, clean)
    },
    async startReference(name, args = []) {
      const file = fileURLToPath(references[name])
      return start({ command: [process.execPath, '-C', 'source', file, ...args], env: {} }, 'unused', () => {})
    },
    async close() {
      await Promise.allSettled(starting)
      await Promise.all([...running].map((contestant) => contestant.stop()))
    },
  }
}
