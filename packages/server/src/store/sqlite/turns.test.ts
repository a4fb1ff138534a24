import { expect, test } from 'vitest'
import { Turns } from './turns.ts'

/** Runs that begin and end as they are told. */
function scene() {
  const turns = new Turns()
  const events: string[] = []
  const ends = new Map<string, (error?: Error) => void>()
  const run = (name: string) => () => {
    events.push(`${name} begins`)
    return new Promise<string>((resolve, reject) => {
      ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error)))
    })
  }
  async function settled(): Promise<readonly string[]> {
    await new Promise((resolve) => setImmediate(resolve))
    return events.splice(0)
  }
  return { turns, run, settled, end: (name: string, error?: Error) => ends.get(name)?.(error) }
}

test('turns of one key are taken one after another, those of others beside them', async () => {
  const { turns, run, settled, end } = scene()
  const done = [turns.inTurn('a', run('a1')), turns.inTurn('a', run('a2')), turns.inTurn('b', run('b1'))]
  expect(await settled()).toEqual(['a1 begins', 'b1 begins'])
  end('a1')
  expect(await settled()).toEqual(['a2 begins'])
  end('a2')
  end('b1')
  expect(await Promise.all(done)).toEqual(['a1', 'a2', 'b1'])
})

test('a turn that fails holds up nothing', async () => {
  const { turns, run, settled, end } = scene()
  const failing = turns.inTurn('a', run('a1'))
  void turns.inTurn('a', run('a2'))
  await settled()
  end('a1', new Error('no'))
  await expect(failing).rejects.toThrow('no')
  expect(await settled()).toEqual(['a2 begins'])
})

test('whoever is alone waits for those before, and those that come later wait', async () => {
  const { turns, run, settled, end } = scene()
  void turns.inTurn('a', run('a1'))
  void turns.inTurn('b', run('b1'))
  const alone = turns.inTurnAlone(run('alone'))
  void turns.inTurn('a', run('a2'))
  void turns.inTurn('c', run('c1'))
  void turns.inTurnAlone(run('again'))
  expect(await settled()).toEqual(['a1 begins', 'b1 begins'])
  end('a1')
  expect(await settled()).toEqual([])
  end('b1')
  expect(await settled()).toEqual(['alone begins'])
  end('alone', new Error('no'))
  await expect(alone).rejects.toThrow('no')
  expect(await settled()).toEqual(['a2 begins', 'c1 begins'])
  end('a2')
  end('c1')
  expect(await settled()).toEqual(['again begins'])
})
