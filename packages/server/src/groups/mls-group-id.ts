/**
 * The group id inside MLS messages: that of the group, after a reset with the generation behind a dot, which no id of an MLS
 * group has in it. On the wire the UTF-8 bytes of this.
 */
export function mlsGroupId(groupId: string, generation: number): string {
  return generation === 0 ? groupId : `${groupId}.${generation}`
}

/** The generation of a group that an id inside MLS messages names; undefined: it is another group's. */
export function generationOf(groupId: string, mlsId: string): number | undefined {
  if (mlsId === groupId) return 0
  if (!mlsId.startsWith(`${groupId}.`)) return undefined
  const text = mlsId.slice(groupId.length + 1)
  const generation = Number(text)
  return /^[1-9][0-9]*$/.test(text) && Number.isSafeInteger(generation) ? generation : undefined
}

/** Characters of 16 and of 31 bytes in base64url. */
const lengthMin = 22
const lengthMax = 42

/** Whether a client may give a group this id: 16 to 31 bytes in base64url, as an encoder writes them. */
export function isRandomGroupId(groupId: string): boolean {
  if (groupId.length < lengthMin || groupId.length > lengthMax || !/^[A-Za-z0-9_-]+$/.test(groupId)) return false
  return Buffer.from(groupId, 'base64url').toString('base64url') === groupId
}
