import { setTimeout as sleep } from 'node:timers/promises'
import { finale } from '../stage/finale.ts'
import type { Plan } from '../stage/ledger.ts'
import { type ServerProcess, withServer } from '../stage/server-process.ts'
import { transcript } from '../stage/transcript.ts'
import { Witness } from '../stage/witness.ts'
import { OlmPerson } from './olm-person.ts'

/**
 * Two people and a group of three, encrypted with Olm and Megolm, over a server that is killed half-way.
 * Exit code 0 when every count is as expected, 1 when not.
 */

const waves = 20
/** From here on they hurry: what they write is on its way together when the server dies. */
const burstFromWave = 5
const killAtWave = 8
const startAtWave = 14
const waveMs = 10

/** What the acts below send; the counts at the end have to be exactly these. */
const plan: Plan = {
  // Direct: 3 + 3 and one in each wave; keys: from each of three to two others; group: 3, two in each wave; at the end 2.
  sent: 6 + waves + 6 + 3 + 2 * waves + 2,
  // A group message has two readers.
  deliveries: 6 + waves + 6 + 2 * (3 + 2 * waves) + 1 + 2,
}

interface Cast {
  readonly server: ServerProcess
  readonly witness: Witness
  readonly alice: OlmPerson
  readonly bob: OlmPerson
  readonly carol: OlmPerson
}

async function play(server: ServerProcess): Promise<0 | 1> {
  transcript.heading('A server, and three people with a phone each')
  await server.start()
  showServer(server)
  const witness = new Witness()
  const [alice, bob, carol] = (await Promise.all(
    ['alice', 'bob', 'carol'].map((name) => OlmPerson.register(name, server.address, witness)),
  )) as [OlmPerson, OlmPerson, OlmPerson]
  const cast: Cast = { server, witness, alice, bob, carol }
  for (const { name } of [alice, bob, carol])
    transcript.line(name, 'has published an identity key, a signed prekey and ten one-time keys')
  await firstContact(cast)
  const groupId = await groupOfThree(cast)
  await killInFlight(cast, groupId)
  await catchUp(cast, groupId)
  witness.search(server)
  await Promise.all([alice, bob, carol].map(({ relay }) => relay.close()))
  return finale(witness.outcome(), plan)
}

async function firstContact({ witness, alice, bob }: Cast): Promise<void> {
  transcript.heading('Alice writes to Bob, whose phone is off: his keys wait at the server, her messages too')
  await alice.relay.connect()
  for (const text of ['Bob, are you there?', 'The results have come.', 'Call me before noon.']) await alice.say('bob', text)

  transcript.heading('Bob comes online; his battery dies before he has acknowledged what he has stored')
  const read = witness.willRead({ bob: 3 })
  void bob.relay.connect()
  await read
  bob.relay.cut()
  transcript.blow('bob', 'is cut off')

  transcript.heading('The server sends them again, his phone knows their numbers')
  await bob.relay.connect()

  transcript.heading('They talk; each answer turns the ratchet')
  for (const [person, peer, text] of [
    [bob, 'alice', 'I have read them all.'],
    [alice, 'bob', 'Tell nobody yet.'],
    [bob, 'alice', 'Not a word.'],
  ] as const) {
    const heard = witness.willRead({ [peer]: 1 })
    await person.say(peer, text)
    await heard
  }
  const [hers, his] = [alice.safetyNumber('bob'), bob.safetyNumber('alice')]
  if (hers !== his) throw new Error(`the safety numbers differ: ${hers}, ${his}`)
  transcript.line('', `Both phones show the safety number ${hers}: the server has put nobody between them`)
}

async function groupOfThree({ witness, alice, bob, carol }: Cast): Promise<string> {
  transcript.heading('A group: everybody sends everybody the key of their own messages, through the 1:1 channels')
  await carol.relay.connect()
  const keys = witness.willRead({ alice: 2, bob: 2, carol: 2 })
  const groupId = await witness.quietly(async () => {
    const created = await alice.createGroup(['bob', 'carol'])
    await keys
    while ([alice, bob, carol].some(({ relay }) => relay.unaccepted > 0)) await sleep(waveMs)
    return created
  })
  transcript.line('alice', `has created group ${groupId}, and sent her key to bob and carol`)
  transcript.line('', 'Bob and Carol have answered with theirs: six keys, each as an Olm message')

  transcript.heading('One ciphertext for all: the server stores it once')
  for (const [person, text, others] of [
    [alice, 'Welcome, you two.', { bob: 1, carol: 1 }],
    [bob, 'Who else is here?', { alice: 1, carol: 1 }],
    [carol, 'Only the three of us.', { alice: 1, bob: 1 }],
  ] as const) {
    const heard = witness.willRead(others)
    await person.sayInGroup(groupId, text)
    await heard
  }
  return groupId
}

async function killInFlight({ server, witness, alice, bob, carol }: Cast, groupId: string): Promise<void> {
  transcript.heading('Bob goes offline, Alice and Carol write on, and the server is killed in the middle of it')
  await bob.relay.close()
  const accepted: Promise<unknown>[] = []
  // If something is lost, the counts will tell.
  const heard = witness.willRead({ alice: waves, carol: waves }).catch(() => {})
  await witness.quietly(async () => {
    for (let wave = 1; wave <= waves; wave++) {
      // Long enough for the server to have stored some of the burst, hardly for all of its answers. One more wave is
      // written while it is dying: nobody can know that yet.
      if (wave === killAtWave) await sleep(1)
      const killed = wave === killAtWave ? witness.kills(server, [alice.relay, carol.relay]) : undefined
      accepted.push(alice.say('bob', `Alice's private note number ${wave}`))
      accepted.push(alice.sayInGroup(groupId, `Alice's group note number ${wave}`))
      accepted.push(carol.sayInGroup(groupId, `Carol's group note number ${wave}`))
      await killed
      if (wave === startAtWave) {
        transcript.line('', `${alice.relay.unaccepted + carol.relay.unaccepted} messages wait in the outboxes of Alice and Carol`)
        await server.start()
        showServer(server)
      }
      if (wave < burstFromWave || wave >= killAtWave) await sleep(waveMs)
    }
    await Promise.all([...accepted, heard])
  })
  const { sentAgain, wereStored } = witness.counts
  transcript.line('', `Alice and Carol have come back by themselves, and sent ${sentAgain} again with the same ids`)
  transcript.line('server', `had ${wereStored} of those already, and said so; all are accepted now`)
}

async function catchUp({ witness, bob }: Cast, groupId: string): Promise<void> {
  transcript.heading('Bob comes back, and gets what he has missed')
  const before = witness.readBy('bob')
  await witness.quietly(() => bob.relay.connect())
  await witness.settled()
  transcript.line('bob', `reads ${witness.readBy('bob') - before} messages that waited for him`)
  const heard = witness.willRead({ alice: 2, carol: 1 })
  await bob.say('alice', 'Back again. Nothing is missing here.')
  await bob.sayInGroup(groupId, 'What a day.')
  await heard
  await witness.settled()
}

function showServer({ pid, address, dataDir }: ServerProcess): void {
  transcript.line('server', `pid ${pid} listens on ${address}, data in ${dataDir}`)
}

process.exitCode = await withServer(play)
