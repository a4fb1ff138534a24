import { expect, test } from 'vitest'
import { onWake } from './wakeups.ts'

test('the network coming back wakes, a page becoming visible too, until that is stopped', () => {
  const scope = new EventTarget() as EventTarget & { document?: EventTarget & { visibilityState: string } }
  const document = Object.assign(new EventTarget(), { visibilityState: 'hidden' })
  scope.document = document
  let woken = 0
  const stop = onWake(() => {
    woken += 1
  }, scope)
  document.dispatchEvent(new Event('visibilitychange'))
  expect(woken).toBe(0)
  document.visibilityState = 'visible'
  document.dispatchEvent(new Event('visibilitychange'))
  scope.dispatchEvent(new Event('online'))
  expect(woken).toBe(2)
  stop()
  scope.dispatchEvent(new Event('online'))
  document.dispatchEvent(new Event('visibilitychange'))
  expect(woken).toBe(2)
})

test('where there are no such events nothing happens', () => {
  onWake(() => {
    throw new Error('woken')
  }, {})()
  onWake(() => {
    throw new Error('woken')
  })()
})
