import { expect, test } from 'vitest'
import { lateExport, lazily } from './lazily.ts'

test('what is loaded is loaded once', async () => {
  let loads = 0
  const part = lazily(async () => ({ loads: ++loads }))
  const [first, second] = await Promise.all([part(), part()])
  expect(first).toBe(second)
  expect(await part()).toEqual({ loads: 1 })
})

test('what does not come is an error by name, and is asked for again the next time', async () => {
  const answers = [Promise.reject(new TypeError('Failed to fetch')), Promise.resolve('here')]
  const part = lazily(() => answers.shift() ?? Promise.reject(new Error('asked too often')))
  const failed = part()
  await expect(failed).rejects.toMatchObject({ code: 'code_unavailable', cause: { message: 'Failed to fetch' } })
  expect(await part()).toBe('here')
  expect(await part()).toBe('here')
})

test('an export comes from its module, once', async () => {
  let loads = 0
  const part = lateExport(async () => ({ part: ++loads, other: 0 }), 'part')
  expect(await Promise.all([part(), part()])).toEqual([1, 1])
})

test('where the browser does not name the file, nothing but a reload helps, and the error says so', async () => {
  const part = lateExport<{ readonly part: string }, 'part'>(
    () => Promise.reject(new TypeError('Importing a module script failed.')),
    'part',
  )
  const cause = { message: 'Importing a module script failed.' }
  await expect(part()).rejects.toMatchObject({
    code: 'code_unavailable',
    message: expect.stringContaining('Load the page again'),
    cause,
  })
})
