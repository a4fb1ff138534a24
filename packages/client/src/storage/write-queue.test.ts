import { expect, test } from 'vitest'
import { writeQueue } from './write-queue.ts'

test('what comes while a commit is under way goes into the next one together, in order', async () => {
  const commits: number[][] = []
  const finish: (() => void)[] = []
  const queue = writeQueue<number>((steps) => {
    commits.push([...steps])
    return new Promise((resolve) => finish.push(resolve))
  })
  const first = queue.add(1)
  await expect.poll(() => commits).toEqual([[1]])
  const others = [queue.add(2), queue.add(3)]
  finish.shift()?.()
  await first
  await expect.poll(() => commits).toEqual([[1], [2, 3]])
  const idle = queue.idle()
  finish.shift()?.()
  await Promise.all([...others, idle])
  expect(commits).toHaveLength(2)
})

test('idle resolves at once when nothing is under way', async () => {
  await writeQueue(async () => {}).idle()
})
