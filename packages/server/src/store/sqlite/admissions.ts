import type { DatabaseSync } from 'node:sqlite'
import type { Limits } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import { addsPairRate, bucketName, take } from './buckets.ts'
import { prepared } from './statements.ts'

/** Takes from the budgets for adding these users. Throws `limit_reached`, `rate_limited`. */
export function admitMembers(
  db: DatabaseSync,
  { by, add, limits, now }: { by: string; add: readonly string[]; limits: Limits; now: number },
): void {
  const count = prepared(db, 'SELECT count(*) AS n FROM members WHERE user_id = ? AND to_seq IS NULL')
  for (const userId of add) {
    const { n } = count.get(userId) as { n: number }
    if (n >= limits.USER_GROUPS) {
      throw new SottoError('limit_reached', userId === by ? 'you are in too many groups' : 'a user is in too many groups', {
        limit: 'USER_GROUPS',
        userId,
      })
    }
    if (userId === by) continue
    const waitMs = take(db, bucketName('ADDS_PAIR', [by, userId]), addsPairRate(limits), now)
    if (waitMs > 0) {
      throw new SottoError('rate_limited', 'you have added this user to too many groups today', {
        limit: 'ADDS_PAIR_PER_DAY',
        retryAfterMs: waitMs,
        userId,
      })
    }
  }
}
