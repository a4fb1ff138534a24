import { userOf } from '../../history.ts'
import type { GroupView } from '../record.ts'
import { type ClientFacts, type ClientInvariant, type GroupFacts, viewOf } from './client-facts.ts'

/** What was shown to several devices was the same. */
export const oneLog: ClientInvariant = ({ record }) => record.conflicts

/** Everything comes to an end: nobody waits for anything for ever. */
export const settled: ClientInvariant = ({ record }) => record.unsettled

/** In each generation of a group exactly one commit ends each epoch, beginning with 0. */
export const oneCommitAnEpoch: ClientInvariant = function* ({ groups }) {
  for (const { group, commits } of groups.values()) {
    let [generation, epoch] = [0, 0]
    for (const commit of commits) {
      if (commit.generation === generation + 1 && commit.epoch === 0) [generation, epoch] = [generation + 1, 0]
      if (commit.generation !== generation || commit.epoch !== epoch)
        yield `commit ${commit.seq} of ${group} ends epoch ${commit.generation}.${commit.epoch}, not ${generation}.${epoch}`
      epoch++
    }
  }
}

/** At the end every device in a group stands where the log stands, and none stands alone: the same secrets as all others. */
export const sameEpoch: ClientInvariant = function* (facts) {
  for (const group of facts.groups.values()) {
    const authenticators = new Map<string, string>()
    for (const [device, view] of present(facts, group)) {
      const { generation, epoch, authenticator } = view?.mls ?? { generation: -1, epoch: -1, authenticator: '' }
      if (view?.state !== 'active') yield `${device} is ${view?.state ?? 'not'} in ${group.group}, and the log has it there`
      else if (generation !== group.generation || epoch !== group.epoch)
        yield `${device} is in epoch ${generation}.${epoch} of ${group.group}, not in ${group.generation}.${group.epoch}`
      else authenticators.set(authenticator, device)
    }
    if (authenticators.size > 1) yield `${[...authenticators.values()].join(' and ')} have different secrets in ${group.group}`
  }
}

/** All devices in a group agree on its members and their roles. */
export const sameMembers: ClientInvariant = function* (facts) {
  for (const group of facts.groups.values()) {
    const seen = new Map<string, string>()
    for (const [device, view] of present(facts, group)) if (view !== undefined) seen.set(JSON.stringify(view.members), device)
    if (seen.size > 1) yield `${group.group}: ${[...seen].map(([members, device]) => `${device} sees ${members}`).join(', ')}`
  }
}

/** Whose device is in a group is a member of it; and every device of a member is in it, whoever else is not. */
export const membersAndDevices: ClientInvariant = function* (facts) {
  for (const group of facts.groups.values()) {
    const seen = present(facts, group).find(([, view]) => view?.state === 'active')?.[1]
    if (seen === undefined) continue
    for (const leaf of group.leaves) {
      if (seen.members[userOf(leaf)] === undefined) yield `${leaf} is in ${group.group}, and its user is no member`
      if (facts.revoked.has(leaf)) yield `${leaf} is revoked, and still in ${group.group}`
    }
    for (const device of facts.views.keys()) {
      const isMember = seen.members[userOf(device)] !== undefined
      if (isMember && !group.leaves.has(device)) yield `${device} is not in ${group.group}, and its user is a member`
      const state = viewOf(facts, device, group.group)?.state
      if (!group.leaves.has(device) && state !== undefined && state !== 'left' && !isMember)
        yield `${device} believes to be ${state} in ${group.group}`
    }
  }
}

/** A group that is not given up has exactly one owner. */
export const oneOwner: ClientInvariant = function* (facts) {
  for (const { device, groups } of facts.record.views) {
    for (const { group, state, members } of groups) {
      const owners = Object.values(members).filter((role) => role === 'owner').length
      const isDirect = Object.keys(members).length === 2 && owners !== 1
      if (state === 'active' && owners !== 1 && !isDirect) yield `${device} sees ${owners} owners in ${group}`
    }
  }
}

function present(facts: ClientFacts, { group, leaves }: GroupFacts): [string, GroupView | undefined][] {
  return [...leaves].filter((leaf) => facts.views.has(leaf)).map((leaf) => [leaf, viewOf(facts, leaf, group)])
}
