import { type Goodbye, goodbyeBytes } from '../membership/goodbye.ts'
import type { MemberDevice } from '../membership/membership.ts'
import type { GroupState, Leaf, MlsEngine } from '../mls/engine.ts'
import { namedBy, sameDevice } from './leaves.ts'
import type { Parts } from './parts.ts'

/** This device's word that its user leaves: for whoever commits the removal to show. */
export function signGoodbye({ engine, self }: Parts, state: GroupState): Promise<Uint8Array> {
  return engine.sign(self.signature.privateKey, goodbyeBytes(state.groupId, self, engine.leafKeyOf(state, state.ownLeaf)))
}

/**
 * Those that were signed by a device of the group, as it is in it: nothing else is needed to tell, so that everybody tells
 * the same, whether there when it was said or not.
 */
export async function standingGoodbyes(
  engine: MlsEngine,
  state: GroupState,
  goodbyes: readonly Goodbye[],
): Promise<readonly Goodbye[]> {
  const standing: Goodbye[] = []
  for (const goodbye of goodbyes) {
    const leaf = leafOf(state, goodbye)
    if (leaf === undefined) continue
    const bytes = goodbyeBytes(state.groupId, goodbye, engine.leafKeyOf(state, leaf.index))
    if (await engine.verify(leaf.signatureKey, bytes, goodbye.signature)) standing.push(goodbye)
  }
  return standing
}

function leafOf(state: GroupState, device: MemberDevice): Leaf | undefined {
  return state.leaves.find((leaf) => sameDevice(namedBy(leaf), device))
}
