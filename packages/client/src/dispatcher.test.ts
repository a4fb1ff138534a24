import { expect, test } from 'vitest'
import { Dispatcher } from './dispatcher.ts'
import { Message } from './message.ts'

function message(id: string): Message {
  return new Message({ id, conversationId: 'chat' } as ConstructorParameters<typeof Message>[0])
}

/** Lets everything run that waits for nothing. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0))

/** A dispatcher whose handler notes what it was called with, and whose messages are noted as handled when the test says so. */
function observed() {
  const dispatcher = new Dispatcher(() => {})
  const calls: string[] = []
  const notes: { readonly id: string; readonly done: PromiseWithResolvers<void> }[] = []
  dispatcher.on('message', ({ id }) => void calls.push(id))
  const deliver = (id: string) =>
    dispatcher.deliver('chat', message(id), () => {
      const done = Promise.withResolvers<void>()
      notes.push({ id, done })
      return done.promise
    })
  return { dispatcher, calls, notes, deliver }
}

test('the next message is handed over while the one before is being noted; not without bound', async () => {
  const { dispatcher, calls, notes, deliver } = observed()
  const ids = Array.from({ length: 40 }, (_, index) => `m${index}`)
  for (const id of ids) deliver(id)
  await settled()
  expect(calls).toEqual(ids.slice(0, 32))
  for (const { done } of notes) done.resolve()
  await settled()
  expect(calls).toEqual(ids)
  dispatcher.end()
})

test('a message that comes again while it is being noted is the same', async () => {
  const { dispatcher, calls, notes, deliver } = observed()
  deliver('one')
  await settled()
  deliver('one')
  await settled()
  expect(calls).toEqual(['one'])
  notes[0]!.done.resolve()
  await settled()
  deliver('one')
  await settled()
  expect(calls).toEqual(['one', 'one'])
  dispatcher.end()
})

test('what could not be noted is noted again, and its handler is left alone', async () => {
  const { dispatcher, calls, notes, deliver } = observed()
  deliver('one')
  await settled()
  notes[0]!.done.reject(new Error('the disk is full'))
  await expect.poll(() => notes.length, { timeout: 10_000 }).toBe(2)
  expect(calls).toEqual(['one'])
  dispatcher.end()
})

test('a handler that fails is called again before the next message', async () => {
  const { dispatcher, calls, notes, deliver } = observed()
  let failures = 1
  dispatcher.on('message', () => {
    if (failures-- > 0) throw new Error('not yet')
  })
  deliver('one')
  deliver('two')
  await expect.poll(() => calls, { timeout: 10_000 }).toEqual(['one', 'one', 'two'])
  expect(notes.map(({ id }) => id)).toEqual(['one', 'two'])
  dispatcher.end()
})
