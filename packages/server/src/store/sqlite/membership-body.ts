import type { GroupChange } from '../store.ts'

/** What the entries of a change say. */
export type Announced = Pick<GroupChange, 'add' | 'remove' | 'roles'> & { readonly by: string }

/** The members of a `membership` frame that do not depend on the mailbox. */
export function membershipBody(groupId: string, { by, add, remove, roles }: Announced): string {
  const frame = { groupId, by, added: add, removed: remove, ...(roles.size > 0 ? { roles: Object.fromEntries(roles) } : {}) }
  return JSON.stringify(frame).slice(1)
}
