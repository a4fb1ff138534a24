import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from './checker/check.ts'
import { withinMs } from './deadline.ts'
import { type Death, sigkill } from './death.ts'
import { readHistory } from './history.ts'
import { type KeyFamily, preKeys } from './key-family.ts'
import { startObserver } from './observer.ts'
import { raisedLimits } from './raised-limits.ts'
import { countsOf, type RunReport } from './report.ts'
import { unreachable } from './request.ts'
import { type Seeded, seeded } from './seeded.ts'
import { serverProcess } from './server-process.ts'
import { unsoundFiles } from './sqlite-files.ts'
import { mintToken } from './token.ts'

export interface PreKeyRun {
  /** Where the history and, unless `death` says otherwise, the server's data go. */
  readonly directory: string
  readonly seed: number
  readonly kills: number
  /** One-time keys in all. */
  readonly keys: number
  readonly claimers: number
  /** One-time prekeys unless given. */
  readonly family?: KeyFamily
  /** How the server dies; by SIGKILL unless given. */
  readonly death?: Death
}

const targets = ['ada', 'bo', 'cy', 'di', 'ed']
const uptimeMsMax = 400
const retryMs = 50
/** A claimer rests after a claim, so that the claims last as long as the kills. */
const restMsMax = 120
const overallMs = 240_000

/**
 * Several devices upload one-time keys, repeating what was cut off, while many users claim them and the server is killed.
 * In the end all keys are claimed.
 */
export async function preKeyRun(run: PreKeyRun): Promise<RunReport> {
  const { directory, seed, kills, keys, claimers, family = preKeys, death = sigkill(directory) } = run
  const { dataDir, execArgv } = death
  const began = performance.now()
  const chance = seeded(seed)
  const server = serverProcess({ dataDir, execArgv, environment: raisedLimits })
  const observer = startObserver(join(directory, 'history.jsonl'))
  const problems: string[] = []
  let operations = 0
  let healed = false

  function asking(userId: string) {
    return { address: server.address, token: mintToken(server.secret, userId), deviceId: 'phone' }
  }

  async function introduce(userId: string): Promise<void> {
    const outcome = await family.introduce(asking(userId), userId)
    if (outcome.kind !== 'ok') throw new Error(`not introduced: ${JSON.stringify(outcome)}`)
  }

  async function upload(userId: string, from: number, to: number): Promise<void> {
    const device = `${userId}/phone`
    const keyIds = Array.from({ length: to - from }, (_, index) => from + index)
    let mayBeDone = false
    for (;;) {
      const id = `upload ${++operations}`
      observer.record({ event: 'invoke', op: 'upload', device, id, keys: keyIds.map((keyId) => family.keyOf(userId, keyId)) })
      const outcome = await family.upload(asking(userId), userId, keyIds)
      const isDone = family.refusesRepeats && mayBeDone && outcome.kind === 'fail' && outcome.code === 'key_conflict'
      if (outcome.kind === 'ok' || isDone) {
        await observer.record({ event: 'ok', op: 'upload', device, id })
        return
      }
      if (outcome.kind === 'info') {
        mayBeDone = true
        observer.record({ event: 'info', op: 'upload', device, id, reason: outcome.reason })
      } else observer.record({ event: 'fail', op: 'upload', device, id, code: outcome.code })
      if (outcome.kind === 'fail' && outcome.code !== unreachable) problems.push(`${device} may not upload: ${outcome.code}`)
      await sleep(retryMs)
    }
  }

  async function uploads(userId: string): Promise<void> {
    const share = keys / targets.length
    for (let from = 0; from < share; from += family.keysPerUpload) {
      await upload(userId, from, Math.min(share, from + family.keysPerUpload))
      await sleep(chance.below(restMsMax))
    }
  }

  /** `false` when the user has none left. */
  async function claim(claimer: string, user: string): Promise<boolean> {
    const device = `${claimer}/phone`
    const id = `claim ${++operations}`
    observer.record({ event: 'invoke', op: 'claim', device, id, user })
    const outcome = await family.claim(asking(claimer), user)
    if (outcome.kind === 'ok') {
      await observer.record({ event: 'ok', op: 'claim', device, id, ...outcome.answer })
      return outcome.answer.key !== null
    }
    if (outcome.kind === 'info') observer.record({ event: 'info', op: 'claim', device, id, reason: outcome.reason })
    else observer.record({ event: 'fail', op: 'claim', device, id, code: outcome.code })
    if (outcome.kind === 'fail' && outcome.code !== unreachable) problems.push(`${device} may not claim: ${outcome.code}`)
    await sleep(retryMs)
    return true
  }

  /** Claims until the kills are over and nobody has a key left. */
  async function claimer(name: string, own: Seeded): Promise<void> {
    for (let left = [...targets]; left.length > 0; ) {
      const user = own.pick(left)
      if (await claim(name, user)) await sleep(healed ? 0 : own.below(restMsMax))
      else if (healed) left = left.filter((each) => each !== user)
      else await sleep(retryMs)
    }
  }

  async function killings(uploading: Promise<unknown>): Promise<void> {
    for (let kill = 0; kill < kills; kill++) {
      await sleep(chance.below(uptimeMsMax))
      server.assertAlive()
      await death.strike(server)
      observer.record({ event: 'crash', how: death.name })
      await server.start()
      observer.record({ event: 'restart' })
    }
    await uploading
    healed = true
  }

  try {
    await server.start()
    await Promise.all(targets.map(introduce))
    const uploading = Promise.all(targets.map(uploads))
    const claiming = Array.from({ length: claimers }, (_, index) => claimer(`claimer${index}`, seeded(seed + index)))
    await withinMs(overallMs, Promise.all([killings(uploading), ...claiming]), () => server.log().slice(-4_000))
    observer.record({ event: 'end', devices: [] })
    await server.stop()
    await observer.close()
    const events = readHistory(observer.file)
    const violations = check(events, { sendsMin: 0, claimsMin: keys * claimedMin })
    return {
      wallMs: performance.now() - began,
      counts: countsOf(events),
      problems: [...problems, ...violations.map(({ invariant, detail }) => `${invariant}: ${detail}`), ...unsoundFiles(dataDir)],
    }
  } finally {
    await server.dispose()
  }
}

/** Part of the keys that must be claimed for certain; kills hide the outcome of the others. */
const claimedMin = 0.5
