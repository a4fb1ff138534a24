/** Why a commit is refused. A member that refuses one stays in its epoch, and says which of these it was. */
export const commitRefusals = {
  unknown_committer: 'The committing device is not in the group, or its user is no member.',
  unlisted_device: 'A device that commits or is added is not in its user’s device list, as far as it is known.',
  not_in_group: 'A device is removed that is not in the group.',
  already_in_group: 'A device is added that is in the group already.',
  removes_itself: 'Nobody commits the removal of the committing device.',
  inconsistent: 'What is known of the group contradicts itself: a device of nobody, or a device or user named twice.',
  claim_differs: 'The commit does not do exactly what its authenticated data says.',
  external_beyond_itself: 'An external commit does more than to add the device that makes it, in the place of itself at most.',
  left_by_own_word: 'The user has said that it leaves, and does not come back by itself.',
  not_permitted_to_add: 'Only the owner and admins add users.',
  not_permitted_to_remove: 'The role does not permit to remove this device, and nothing proves that it has departed.',
  departure_unproven: 'The server alone says that the device has departed: its user’s own device list still has it.',
  not_permitted_to_leave: 'The role does not permit to end this membership, and the user has not said that it leaves.',
  still_present: 'A user would cease to be a member while devices of it stay.',
  not_a_member: 'Who is no member can neither leave nor have a role.',
  owner_only: 'Only the owner gives roles.',
  owner_must_transfer: 'Nobody removes the owner, and an owner hands over to one other.',
  too_many_members: 'The group would have more members than a group can have.',
  direct_is_fixed: 'A conversation of two stays with these two, and has no roles.',
} as const satisfies Record<string, string>

export type CommitRefusal = keyof typeof commitRefusals
