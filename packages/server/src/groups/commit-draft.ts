import { createHash } from 'node:crypto'
import { type MemberDevice, type Role, SottoError } from '@sotto/protocol'
import type { Device, GroupCommit } from '../store/store.ts'
import { generationOf, mlsGroupId } from './mls-group-id.ts'
import { mlsHeader } from './mls-header.ts'

/** A bundle as it came, whatever it is for. */
export interface Bundle {
  readonly groupId: string
  readonly id: string
  readonly epoch: number
  readonly commit: string
  readonly welcome?: string | undefined
  readonly welcomeTo: readonly MemberDevice[]
  readonly groupInfo: string
  readonly add: readonly MemberDevice[]
  readonly remove: readonly MemberDevice[]
  readonly left: readonly string[]
  readonly roles?: Readonly<Record<string, Role>> | undefined
  readonly external?: boolean | undefined
}

export interface DraftedCommit extends Omit<GroupCommit, 'decide'> {
  /** That the commit's own header names. */
  readonly generation: number
}

/**
 * A commit as the store takes it, once what its messages say in the clear is what the bundle says. The body is the `commit`
 * frame that receivers get; what a resend must repeat stands last, the commit itself at the very end. Throws `bad_request`.
 */
export function commitDraft(from: Device, bundle: Bundle): DraftedCommit {
  const generation = checkedGeneration(bundle)
  const { groupId, id, epoch, add, remove, left, roles, external } = bundle
  const head = JSON.stringify({ id, from: from.userId, fromDevice: from.deviceId, generation }).slice(1, -1)
  const claims = JSON.stringify({
    groupId,
    epoch,
    added: add,
    removed: remove,
    ...(left.length === 0 ? {} : { left }),
    ...(roles === undefined ? {} : { roles }),
    ...(external === undefined ? {} : { external }),
  }).slice(1, -1)
  return {
    groupId,
    from,
    id,
    generation,
    body: `${head},${claims},"commit":"${bundle.commit}"}`,
    digestFrom: head.length + 1,
    digest: digestOf(bundle),
    groupInfo: bundle.groupInfo,
    welcome: bundle.welcome ?? null,
    welcomeTo: bundle.welcomeTo,
  }
}

/** Of what goes to others than the readers of the group. */
function digestOf({ welcome, welcomeTo, groupInfo }: Bundle): string {
  const hash = createHash('sha256').update(JSON.stringify(welcomeTo)).update('\n')
  return hash
    .update(welcome ?? '')
    .update('\n')
    .update(groupInfo)
    .digest('base64url')
}

function checkedGeneration({ groupId, epoch, commit, groupInfo, welcome, external }: Bundle): number {
  const header = mlsHeader(commit, 'commit')
  if ((header.format !== 'public' && header.format !== 'private') || header.content !== 'commit') {
    throw new SottoError('bad_request', 'commit: it is no commit')
  }
  const generation = generationOf(groupId, header.groupId)
  if (generation === undefined) throw new SottoError('bad_request', 'commit: it is of another group')
  if (header.epoch !== epoch) throw new SottoError('bad_request', `commit: it ends epoch ${header.epoch}, not ${epoch}`)
  const sender = header.format === 'public' ? header.sender : 'member'
  if (sender !== (external === true ? 'newMemberCommit' : 'member')) {
    throw new SottoError('bad_request', 'commit: whether it is by a new member is not what `external` says')
  }
  const info = mlsHeader(groupInfo, 'groupInfo')
  if (info.format !== 'groupInfo') throw new SottoError('bad_request', 'groupInfo: it is no GroupInfo')
  if (info.groupId !== mlsGroupId(groupId, generation)) throw new SottoError('bad_request', 'groupInfo: it is of another group')
  if (info.epoch !== epoch + 1) {
    throw new SottoError('bad_request', `groupInfo: it is of epoch ${info.epoch}, not of ${epoch + 1}, which the commit begins`)
  }
  if (welcome !== undefined && mlsHeader(welcome, 'welcome').format !== 'welcome') {
    throw new SottoError('bad_request', 'welcome: it is no Welcome')
  }
  return generation
}
