import { expect, test } from 'vitest'
import type { Ticket } from '../store.ts'
import type { NewWorld } from './world.suite.ts'

export function ticketTests(open: NewWorld): void {
  const ticketAt = (now: number, hash: string): Ticket => {
    return { hash, userId: 'alice', deviceId: 'phone', tokenExpiresAt: now + 3_600_000, expiresAt: now + 30_000 }
  }

  test('one of many takers at once gets a ticket', async () => {
    const world = await open()
    const ticket = ticketAt(world.clock.now(), 'h1')
    await world.store.putTicket(ticket)
    await world.pause()
    const taken = await Promise.all(Array.from({ length: 64 }, () => world.store.takeTicket('h1')))
    expect(taken.filter((found) => found !== undefined)).toEqual([ticket])
    await world.pause()
    expect(await world.store.takeTicket('h1')).toBeUndefined()
  })

  test('an unknown or expired ticket is worth nothing', async () => {
    const world = await open()
    await world.store.putTicket(ticketAt(world.clock.now(), 'h1'))
    await world.store.putTicket(ticketAt(world.clock.now(), 'h2'))
    await world.pause()
    expect(await world.store.takeTicket('h3')).toBeUndefined()
    world.clock.advance(29_999)
    expect(await world.store.takeTicket('h1')).toMatchObject({ hash: 'h1' })
    world.clock.advance(1)
    expect(await world.store.takeTicket('h2')).toBeUndefined()
  })

  test('a sweep deletes expired tickets and counts them', async () => {
    const world = await open()
    await world.store.putTicket(ticketAt(world.clock.now(), 'h1'))
    world.clock.advance(10_000)
    await world.store.putTicket(ticketAt(world.clock.now(), 'h2'))
    await world.pause()
    world.clock.advance(20_000)
    expect((await world.store.sweep()).tickets).toBe(1)
    expect(await world.store.takeTicket('h2')).toMatchObject({ hash: 'h2' })
  })
}
