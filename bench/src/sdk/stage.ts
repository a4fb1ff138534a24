import type { Arena, Contestant } from '../arena.ts'
import { signToken, userName } from '../token.ts'
import type { Account, ClientJob, ClientResult } from './client/job.ts'
import { watchOthers } from './family-usage.ts'
import { type Host, type Hosts, openHosts } from './hosts.ts'

/** Registers this many accounts in one process. */
const registeredAtOnce = 100

/** A server, and somewhere for clients to run. */
export interface Stage {
  readonly hosts: Hosts
  readonly url: string
  /** A user who was not there before. */
  newAccount(): Account
  /** This many users whom others can write to; always the same ones. */
  crowd(count: number): Promise<readonly string[]>
  /** Cores that everything but this measurement has kept busy since the stage was opened. */
  others(): number
}

type Bare<job> = job extends ClientJob ? Omit<job, 'url'> : never

/** Runs a job of a client of this stage's server. */
export function play<job extends Bare<ClientJob>>(stage: Stage, host: Host, job: job): Promise<ClientResult<job['kind']>> {
  return host.run({ ...job, url: stage.url } as unknown as ClientJob & { readonly kind: job['kind'] })
}

export async function onStage<result>(arena: Arena, perform: (stage: Stage) => Promise<result>): Promise<result> {
  const others = watchOthers()
  const hosts = await openHosts(arena.dataDir, arena.profileDir)
  let subject: Contestant | undefined
  try {
    subject = await arena.startSubject({ CORS_ORIGINS: hosts.origin })
    return await perform(stageOf(arena, subject, hosts, others))
  } finally {
    await hosts.close()
    await subject?.stop()
  }
}

function stageOf(arena: Arena, { target }: Contestant, hosts: Hosts, others: () => number): Stage {
  const url = `http://127.0.0.1:${target.port}`
  const account = (userId: string): Account => ({ userId, token: signToken(userId, target.secret) })
  const registered: string[] = []
  let accounts = 0
  const stage: Stage = {
    hosts,
    url,
    others,
    newAccount() {
      accounts += 1
      return account(userName('client', accounts))
    },
    async crowd(count) {
      if (registered.length < count) arena.note(`registering ${count - registered.length} users`)
      while (registered.length < count) {
        const size = Math.min(registeredAtOnce, count - registered.length)
        const names = Array.from({ length: size }, (_, index) => userName('member', registered.length + index))
        await play(stage, hosts.node, { kind: 'register', accounts: names.map(account) })
        registered.push(...names)
      }
      return registered.slice(0, count)
    },
  }
  return stage
}
