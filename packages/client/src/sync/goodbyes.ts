import { decodeGoodbye, encodeGoodbye, type Goodbye, goodbyeBytes } from '../membership/goodbye.ts'
import type { MemberDevice, Roster } from '../membership/membership.ts'
import { sinceOf } from '../membership/roster.ts'
import type { GroupState, Leaf, MlsEngine } from '../mls/engine.ts'
import { base64, fromBase64 } from './base64.ts'
import { namedBy, sameDevice } from './leaves.ts'
import type { Parts } from './parts.ts'

/** This device's word that its user leaves, in base64: the server shows it to the group, and whoever commits the removal too. */
export async function signGoodbye({ engine, self }: Parts, state: GroupState, roster: Roster): Promise<string> {
  const { deviceId, signature: keys } = self
  const bytes = goodbyeBytes(state.groupId, self, sinceOf(roster, self.userId))
  return base64(encodeGoodbye({ deviceId, signature: await engine.sign(keys.privateKey, bytes) }))
}

/** The word that the server has shown beside a departure, if it is the user's own. */
export async function readGoodbye(
  engine: MlsEngine,
  state: GroupState,
  roster: Roster,
  userId: string,
  text: string,
): Promise<Goodbye | undefined> {
  try {
    const [goodbye] = await standingGoodbyes(engine, state, roster, [decodeGoodbye(userId, fromBase64(text))])
    return goodbye
  } catch {
    return undefined
  }
}

/**
 * Those that were signed by a device of the group, for the time that its user is in now: the tree and the roster tell, so that
 * everybody tells the same, whether there when it was said or not.
 */
export async function standingGoodbyes(
  engine: MlsEngine,
  state: GroupState,
  roster: Roster,
  goodbyes: readonly Goodbye[],
): Promise<readonly Goodbye[]> {
  const standing: Goodbye[] = []
  for (const goodbye of goodbyes) {
    const leaf = leafOf(state, goodbye)
    if (leaf === undefined) continue
    const bytes = goodbyeBytes(state.groupId, goodbye, sinceOf(roster, goodbye.userId))
    if (await engine.verify(leaf.signatureKey, bytes, goodbye.signature)) standing.push(goodbye)
  }
  return standing
}

function leafOf(state: GroupState, device: MemberDevice): Leaf | undefined {
  return state.leaves.find((leaf) => sameDevice(namedBy(leaf), device))
}
