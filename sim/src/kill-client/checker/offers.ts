import type { KillInvariant } from './check-kills.ts'

/** No key is used for two messages: of one epoch and generation there is one ciphertext, however often it is offered. */
export const oneKeyOneMessage: KillInvariant = function* ({ offers }) {
  const used = new Map<string, string>()
  for (const { group, id, ciphertext, key } of offers) {
    if (key === undefined) continue
    const name = `${group}, epoch ${key.epoch}, generation ${key.generation}`
    const before = used.get(name) ?? ciphertext
    if (before !== ciphertext) yield `${name}: two ciphertexts, the second of ${id}`
    used.set(name, before)
  }
}

/** Everything that is offered is a message that members can read: of an epoch of their group, under a key of its sender. */
export const readableOffers: KillInvariant = function* ({ offers }) {
  for (const { group, id, key } of offers) if (key === undefined) yield `${id} to ${group} is under a key that no member knows`
}
