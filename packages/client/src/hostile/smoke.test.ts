import { expect, it } from 'vitest'
import { allTalk, groupOf } from './actors.suite.ts'
import { startHostileServer } from './hostile-server.suite.ts'

it('is honest without rules', async () => {
  const server = await startHostileServer()
  const { id, actors } = await groupOf(server, ['alice', 'bob', 'carol'])
  await allTalk(id, actors)
  for (const one of actors) expect(one.told.filter((name) => !name.startsWith('message'))).toEqual([])
  expect(server.saw('alice')).toBe(true)
  expect(server.saw('is here')).toBe(false)
})
