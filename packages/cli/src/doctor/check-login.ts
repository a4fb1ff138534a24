import { type Config, madeSecret, remoteKeys, systemClock } from '@sotto/server'
import type { Finding } from './finding.ts'

const check = 'login'

/** What tokens are checked with: a secret, or the public keys of a login. */
export async function checkLogin({ auth, dataDir }: Pick<Config, 'auth' | 'dataDir'>): Promise<Finding> {
  if (auth.kind === 'secret') return { check, level: 'ok', message: 'tokens are signed with JWT_SECRET' }
  if (auth.kind === 'jwks') return keysFinding(auth.url)
  try {
    const secret = await madeSecret(dataDir)
    if (secret !== undefined) return { check, level: 'ok', message: 'tokens are signed with the secret in the data directory' }
    return { check, level: 'note', message: 'no secret yet: the server makes one on its first start' }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) {
      // "what is wrong: what to do about it", like all that the server says to its operator.
      const [, what = message, todo] = /^(.+): ((?:make|delete) it .+)$/.exec(message) ?? []
      return { check, level: 'problem', message: what, ...(todo === undefined ? {} : { action: todo }) }
    }
    const action = 'run the doctor as the user that runs the server'
    return { check, level: 'problem', message: `the secret in ${dataDir} cannot be read (${code})`, action }
  }
}

/** Fetches the keys like the server does, once. */
async function keysFinding(url: string): Promise<Finding> {
  let problem = 'JWT_JWKS_URL: the keys cannot be fetched'
  const keys = remoteKeys({ url, clock: systemClock, onProblem: (text) => (problem = text) })
  try {
    let count = 0
    for (const alg of keys.algorithms) count += (await keys.find({ alg })).length
    if (count > 0)
      return { check, level: 'ok', message: `JWT_JWKS_URL answers, with ${count} usable key${count === 1 ? '' : 's'}` }
    const message = `JWT_JWKS_URL answers, but with no key for ${keys.algorithms.join(', ')}`
    return { check, level: 'problem', message, action: 'have the login sign with one of these: no token is accepted now' }
  } catch {
    return { check, level: 'problem', message: problem, action: 'check the address and the network: no token can be checked now' }
  } finally {
    keys.close()
  }
}
