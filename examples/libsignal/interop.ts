import type { Outgoing } from '../relay/relay-client.ts'
import { finale } from '../stage/finale.ts'
import type { Plan } from '../stage/ledger.ts'
import { type ServerProcess, withServer } from '../stage/server-process.ts'
import { transcript } from '../stage/transcript.ts'
import { Witness } from '../stage/witness.ts'
import { SignalPerson } from './signal-person.ts'

/** Two people with libsignal, over a server that is killed half-way. Exit code 0 when every count is as expected. */

const notes = 20

/** What the acts below send; the counts at the end have to be exactly these. */
const plan: Plan = { sent: 2 + 3 + notes + 1, deliveries: 2 + 3 + notes + 1 }

async function play(server: ServerProcess): Promise<0 | 1> {
  transcript.heading('A server, and two people with a phone each')
  await server.start()
  transcript.line('server', `pid ${server.pid} listens on ${server.address}, data in ${server.dataDir}`)
  const witness = new Witness()
  const alice = await SignalPerson.register('alice', server.address, witness)
  const bob = await SignalPerson.register('bob', server.address, witness)
  for (const { name } of [alice, bob]) {
    transcript.line(name, 'has published an identity key, a signed prekey, a signed Kyber prekey and ten one-time prekeys')
  }

  transcript.heading('Alice writes to Bob, whose phone is off')
  await alice.relay.connect()
  await alice.say('bob', 'Bob, are you there?')
  await alice.say('bob', 'Call me before noon.')

  transcript.heading('Bob comes online; his battery dies before he has acknowledged anything; the server sends it again')
  const read = witness.willRead({ bob: 2 })
  void bob.relay.connect()
  await read
  bob.relay.cut()
  await bob.relay.connect()

  transcript.heading('They talk; each answer turns the ratchet')
  for (const [person, peer, text] of [
    [bob, 'alice', 'I have read both.'],
    [alice, 'bob', 'Tell nobody yet.'],
    [bob, 'alice', 'Not a word.'],
  ] as const) {
    const heard = witness.willRead({ [peer]: 1 })
    await person.say(peer, text)
    await heard
  }
  const [hers, his] = [await alice.safetyNumber('bob'), await bob.safetyNumber('alice')]
  if (hers !== his) throw new Error(`the safety numbers differ: ${hers}, ${his}`)
  transcript.line('', `Both phones show the safety number ${hers}`)

  transcript.heading('Bob goes offline, Alice writes on, and the server is killed in the middle of it')
  await bob.relay.close()
  await witness.quietly(() => writeThroughKill(server, witness, alice))

  transcript.heading('Bob comes back, and gets what he has missed')
  const before = witness.readBy('bob')
  await witness.quietly(() => bob.relay.connect())
  transcript.line('bob', `reads ${witness.readBy('bob') - before} messages that waited for him`)
  const heard = witness.willRead({ alice: 1 })
  await bob.say('alice', 'Nothing is missing here.')
  await heard
  await witness.settled()
  witness.search(server)
  await Promise.all([alice.relay.close(), bob.relay.close()])
  return finale(witness.outcome(), plan)
}

async function writeThroughKill(server: ServerProcess, witness: Witness, alice: SignalPerson): Promise<void> {
  const messages: Outgoing[] = []
  for (let note = 1; note <= notes; note++) messages.push(await alice.encrypt('bob', `Alice's private note number ${note}`))
  const send = (message: Outgoing) => alice.relay.send(message)
  await Promise.all(messages.slice(0, notes / 2).map(send))
  const before = messages.slice(notes / 2, -1).map(send)
  // The last is written to a server that is dying already: nobody can know.
  const killed = witness.kills(server, [alice.relay])
  const after = messages.slice(-1).map(send)
  await killed
  await server.start()
  transcript.line('server', `pid ${server.pid} listens on ${server.address} again`)
  await Promise.all([...before, ...after])
  const { sentAgain, wereStored } = witness.counts
  transcript.line('alice', `has come back by herself, and sent ${sentAgain} again with the same ids`)
  transcript.line('server', `had ${wereStored} of those already, and said so; all are accepted now`)
}

process.exitCode = await withServer(play)
