import { SottoClientError } from '../errors.ts'
import { encodeClaim } from '../membership/claim.ts'
import type { Goodbye } from '../membership/goodbye.ts'
import type { MemberDevice, Role, Roster } from '../membership/membership.ts'
import { commitRefusals } from '../membership/refusals.ts'
import { encodeRoster } from '../membership/roster.ts'
import { claimOf } from '../membership/rules.ts'
import type { CommitStep, GroupState, Leaf } from '../mls/engine.ts'
import { base64, base64Url } from './base64.ts'
import type { ConversationState, PendingCommit } from './conversation-state.ts'
import { standingGoodbyes } from './goodbyes.ts'
import { judgeChange } from './judging.ts'
import { devicesOf, namedBy } from './leaves.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'

/** What a commit is to change. */
export interface Plan {
  readonly add: readonly { readonly device: MemberDevice; readonly keyPackage: Uint8Array }[]
  readonly remove: readonly Leaf[]
  /** Users who cease to be members. */
  readonly leave: readonly string[]
  readonly roles: ReadonlyMap<string, Role>
}

const idBytes = 16

/** Makes a commit and keeps it beside the present state until the server has decided. */
export async function prepareCommit(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  base: { readonly state: GroupState; readonly roster: Roster },
  plan: Plan,
  purpose: 'create' | 'change' | 'reset',
  generation: number,
): Promise<PendingCommit> {
  const { engine, self, clock } = parts
  const added = plan.add.map(({ device }) => device)
  const removed = plan.remove.flatMap((leaf) => namedBy(leaf) ?? [])
  const by = { userId: self.userId, deviceId: self.deviceId }
  const goodbyes = await goodbyesFor(parts, conversation, base.state, plan)
  const from = { epoch: base.state.epoch, devices: devicesOf(base.state) }
  const change = { from, by, add: added, remove: removed, leave: plan.leave, roles: plan.roles, goodbyes }
  const { claim, roster } = claimOf(base.roster, change)
  if (purpose === 'change')
    await refuseForbidden(parts, transaction, conversation, base.state, plan, { by, added, removed, claim })
  const step: CommitStep = await engine.commit(base.state, {
    add: plan.add.map(({ keyPackage }) => keyPackage),
    remove: plan.remove.map(({ index }) => index),
    aad: encodeClaim(claim),
    roster: encodeRoster(roster),
  })
  const id = base64Url(clock.random(idBytes))
  const body = {
    id,
    commit: base64(step.commit),
    ...(step.welcome === undefined ? {} : { welcome: base64(step.welcome) }),
    welcomeTo: added,
    groupInfo: base64(step.groupInfo),
    add: added,
    ...(purpose === 'change' ? { epoch: base.state.epoch, remove: removed } : {}),
    ...(purpose === 'reset' ? { generation } : {}),
    ...(purpose === 'create' ? {} : { left: plan.leave }),
    ...(purpose === 'create'
      ? { protocol: 'mls', ...(conversation.kind === 'direct' ? { direct: conversation.peer } : { groupId: conversation.id }) }
      : {}),
    ...(purpose !== 'reset' && plan.roles.size > 0 ? { roles: Object.fromEntries(plan.roles) } : {}),
  }
  const pending: PendingCommit = {
    conversationId: conversation.id,
    id,
    purpose,
    generation,
    epoch: base.state.epoch,
    body,
    pending: step.pending,
    roster,
    added,
    removed,
  }
  transaction.setPending(conversation.id, pending)
  return pending
}

/** Of those whom the commit removes. */
function goodbyesFor(
  { engine }: Parts,
  { leaving, goodbyes = [], roster }: ConversationState,
  state: GroupState,
  { remove, leave }: Plan,
): Promise<readonly Goodbye[]> {
  const users = new Set([...leave, ...remove.map((leaf) => namedBy(leaf)?.userId)])
  return standingGoodbyes(
    engine,
    state,
    roster,
    goodbyes.filter(({ userId }) => users.has(userId) && leaving.includes(userId)),
  )
}

/** What others would refuse is not even made: a commit that wins and is refused would end the group. */
async function refuseForbidden(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  state: GroupState,
  plan: Plan,
  change: Omit<Parameters<typeof judgeChange>[5], 'external'>,
): Promise<void> {
  const leaves = await Promise.all(plan.add.map(async ({ keyPackage }) => (await parts.engine.readKeyPackage(keyPackage)).leaf))
  const contacts = (userId: string) => transaction.contact(userId)
  const verdict = await judgeChange(parts, contacts, conversation, state, leaves, { ...change, external: false })
  if ('refused' in verdict) throw new SottoClientError('not_permitted', commitRefusals[verdict.refused])
}
