import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AcceptedCommit, checkCommits, type LoggedCommit } from './checker/commits.ts'
import { withinMs } from './deadline.ts'
import { type Death, sigkill } from './death.ts'
import { mlsCommit, mlsGroupInfo } from './mls-bytes.ts'
import { raisedLimits } from './raised-limits.ts'
import type { RunReport } from './report.ts'
import { type Asking, request } from './request.ts'
import { seeded } from './seeded.ts'
import { serverProcess } from './server-process.ts'
import { unsoundFiles } from './sqlite-files.ts'
import { mintToken } from './token.ts'

export interface CommitRun {
  /** Where the server's data go, unless `death` says otherwise. */
  readonly directory: string
  readonly seed: number
  readonly committers: number
  readonly epochs: number
  readonly kills: number
  /** How the server dies; by SIGKILL unless given. */
  readonly death?: Death
}

const groupId = Buffer.alloc(16, 0x5c).toString('base64url')
const observer = 'observer'
const deviceId = 'phone'
const retryMs = 20
const afterEpochMsMax = 30
/** Part of the answers that do not reach the committer, and how long it waits before it sends again. */
const lostShare = 0.3
const lostMsMax = 400
const overallMs = 120_000

interface Page {
  readonly messages: readonly (LoggedCommit & { readonly type: string; readonly from: string })[]
  readonly next?: string
}

/**
 * Many devices commit at once in one MLS group, each again and again for the epoch that it believes the group to be in, while
 * the server is killed and started. A commit whose answer was cut off is sent again as it was.
 */
export async function commitRun(run: CommitRun): Promise<RunReport> {
  const { directory, seed, committers, epochs, kills, death = sigkill(directory) } = run
  const began = performance.now()
  const chance = seeded(seed)
  const { dataDir, execArgv } = death
  const server = serverProcess({ dataDir, execArgv, environment: raisedLimits })
  const sent = new Map<string, { userId: string; epoch: number; commit: string }>()
  const accepted: AcceptedCommit[] = []
  const problems: string[] = []
  const counts = { accepted: 0, repeated: 0, stale: 0, cut: 0, lost: 0, crash: 0 }
  let newest = 1

  const asking = (userId: string): Asking => ({ address: server.address, token: mintToken(server.secret, userId), deviceId })
  const users = Array.from({ length: committers }, (_, index) => `user-${index}`)

  /** A commit for an epoch, whose bytes are this device's own. */
  function made(userId: string, epoch: number): Record<string, unknown> {
    const id = `${userId}-${epoch}`
    const commit = mlsCommit(groupId, epoch, id)
    sent.set(id, { userId, epoch, commit })
    return { id, commit, groupInfo: mlsGroupInfo(groupId, epoch + 1) }
  }

  async function begin(): Promise<void> {
    for (const userId of [...users, observer]) {
      const outcome = await request(asking(userId), 'POST', '/keys/identity', { identityKey: `identity key of ${userId}` })
      if (outcome.kind !== 'ok') throw new Error(`no device: ${JSON.stringify(outcome)}`)
    }
    const [owner = '', ...others] = users
    const add = [...others, observer].map((userId) => ({ userId, deviceId }))
    const body = { protocol: 'mls', groupId, ...made(owner, 0), add }
    const created = await request<{ readonly seq: number }>(asking(owner), 'POST', '/groups', body)
    if (created.kind !== 'ok') throw new Error(`no group: ${JSON.stringify(created)}`)
    accepted.push({ id: `${owner}-0`, userId: owner, epoch: 0, seq: created.answer.seq })
  }

  async function committer(userId: string): Promise<void> {
    for (let epoch = 1; epoch < epochs; ) {
      const body = { epoch, ...made(userId, epoch) }
      const outcome = await request<{ seq: number; duplicate?: boolean }>(
        asking(userId),
        'POST',
        `/groups/${groupId}/commits`,
        body,
      )
      if (outcome.kind === 'ok') {
        accepted.push({ id: `${userId}-${epoch}`, userId, epoch, seq: outcome.answer.seq })
        counts[outcome.answer.duplicate ? 'repeated' : 'accepted']++
        newest = Math.max(newest, epoch + 1)
        // As if the answer had not come: the same is sent again, perhaps to a server that has been killed meanwhile.
        if (chance.chance(lostShare)) {
          counts.lost++
          await sleep(chance.below(lostMsMax))
          continue
        }
        epoch++
      } else if (outcome.kind === 'fail' && outcome.code === 'stale_epoch') {
        counts.stale++
        const current = Number(outcome.problem?.epoch)
        if (current <= epoch) problems.push(`${userId} was told that epoch ${epoch} is stale, and the group in ${current}`)
        epoch = Math.max(current, epoch + 1)
      } else {
        if (outcome.kind === 'fail' && outcome.code !== 'unreachable') problems.push(`${userId} may not commit: ${outcome.code}`)
        counts.cut++
        await sleep(retryMs)
      }
    }
  }

  async function killings(): Promise<void> {
    for (let kill = 1; kill <= kills; kill++) {
      while (newest < (kill * epochs) / (kills + 1)) await sleep(1)
      await sleep(chance.below(afterEpochMsMax))
      server.assertAlive()
      await death.strike(server)
      counts.crash++
      await server.start()
    }
  }

  async function readLog(): Promise<LoggedCommit[]> {
    const log: LoggedCommit[] = []
    for (let cursor = ''; ; ) {
      const page = await request<Page>(asking(observer), 'GET', `/messages/since/0${cursor}`)
      if (page.kind !== 'ok') throw new Error(`no log: ${JSON.stringify(page)}`)
      const { messages, next } = page.answer
      for (const { type, from, ...frame } of messages) if (type === 'commit') log.push({ ...frame, userId: from })
      if (next === undefined) return log
      cursor = `?cursor=${next}`
    }
  }

  try {
    await server.start()
    await begin()
    await withinMs(overallMs, Promise.all([killings(), ...users.map(committer)]), () => server.log().slice(-4_000))
    // The one who was added with the first commit reads what comes after it.
    const first = {
      id: `${users[0]}-0`,
      userId: users[0] ?? '',
      epoch: 0,
      seq: 1,
      commit: sent.get(`${users[0]}-0`)?.commit ?? '',
    }
    const log = [first, ...(await readLog())]
    problems.push(...checkCommits(log, accepted, sent, epochs))
    await server.stop()
    problems.push(...unsoundFiles(dataDir))
    return { wallMs: performance.now() - began, counts, problems }
  } finally {
    await server.dispose()
  }
}
