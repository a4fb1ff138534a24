import type { ErasedAccount } from '../store.ts'
import type { Committer } from './committer.ts'
import type { Directory } from './directory.ts'
import type { Ledger } from './ledger.ts'
import type { Membership } from './membership.ts'
import type { Reader } from './reader.ts'

export interface ErasureParts {
  readonly directory: Directory
  readonly membership: Membership
  readonly reader: Reader
  readonly ledger: Ledger
  readonly committer: Committer
}

/** Erases a user: first from the groups, which are told, then from every table and from memory. */
export function erase(
  { directory, membership, reader, ledger, committer }: ErasureParts,
  userId: string,
): Promise<ErasedAccount> {
  const groupsOf = () => reader.run('groupsOf', userId)
  // From here on nothing of the user is taken, so that what is settled is all there is.
  return directory.whileErasing(userId, () =>
    membership.removeEverywhere(userId, groupsOf, async () => {
      await ledger.persist()
      await committer.settleAll()
      const erased = await committer.run('eraseAccount', { userId })
      for (const { no, deviceId } of erased.devices) directory.forget(userId, deviceId, no)
      for (const no of erased.mailboxes) ledger.dropByNumber(no)
      for (const { mailbox, bytes } of erased.emptied) {
        const known = ledger.knownByNumber(mailbox)
        if (known !== undefined) known.settledBytes -= bytes
      }
      return { devices: erased.devices.map(({ deviceId }) => deviceId), groups: erased.groups }
    }),
  )
}
