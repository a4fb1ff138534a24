import { expect, test } from 'vitest'
import type { DeviceList } from '../store.ts'
import { type NewWorld, numbers, refusal } from './world.suite.ts'

function list(version: number, devices = `the devices at ${version}`): DeviceList {
  return { version, identityKey: 'a user identity key', devices, signature: `signature ${version}` }
}

export function identityTests(open: NewWorld): void {
  test('a list is what was put last, of that user alone', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone')
    const bob = await world.device('bob')
    expect(await world.store.deviceList('alice')).toBeUndefined()
    await world.store.putDeviceList(alice, list(1))
    await world.store.putDeviceList(bob, list(1, 'the devices of bob'))
    await world.pause()
    expect(await world.store.deviceList('alice')).toEqual(list(1))
    const second = { ...list(2), identityKey: 'another identity key', endorsement: 'by the one before' }
    await world.store.putDeviceList(await world.device('alice', 'laptop'), second)
    await world.pause()
    expect(await world.store.deviceList('alice')).toEqual(second)
    expect(await world.store.deviceList('bob')).toEqual(list(1, 'the devices of bob'))
    expect(await world.store.deviceList('carol')).toBeUndefined()
  })

  test('only the next version is taken; another is told the current list', async () => {
    const world = await open()
    const alice = await world.device('alice')
    for (const version of [2, 7]) {
      expect(await refusal(() => world.store.putDeviceList(alice, list(version)))).toEqual({ code: 'stale_version', version: 0 })
    }
    await world.store.putDeviceList(alice, list(1))
    await world.store.putDeviceList(alice, { ...list(2), endorsement: 'an endorsement' })
    await world.pause()
    const current = { code: 'stale_version', ...list(2), endorsement: 'an endorsement' }
    for (const version of [1, 2, 4]) {
      expect(await refusal(() => world.store.putDeviceList(alice, list(version, 'other'))), `${version}`).toEqual(current)
    }
    expect(await world.store.deviceList('alice')).toMatchObject({ version: 2 })
  })

  test('the very same list again is nothing, and any difference is one', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const whole = { ...list(1), endorsement: 'an endorsement' }
    await world.store.putDeviceList(alice, whole)
    await world.pause()
    await world.store.putDeviceList(alice, whole)
    for (const change of [
      { identityKey: 'another identity key' },
      { devices: 'others' },
      { signature: 'another' },
      { endorsement: 'another' },
      { endorsement: undefined },
    ]) {
      const put = () => world.store.putDeviceList(alice, { ...whole, ...change })
      expect(await refusal(put), JSON.stringify(change)).toMatchObject({ code: 'stale_version', version: 1 })
    }
    await world.pause()
    expect(await world.store.deviceList('alice')).toEqual(whole)
  })

  test('of many devices that put the same version at once, one wins', async () => {
    const world = await open()
    const devices = await Promise.all(numbers(1, 8).map((n) => world.device('alice', `device${n}`)))
    for (let version = 1; version <= 10; version++) {
      const puts = devices.map((device) => world.store.putDeviceList(device, list(version, `${device.deviceId} at ${version}`)))
      const outcomes = await Promise.allSettled(puts)
      const winners = devices.filter((_, index) => outcomes[index]!.status === 'fulfilled')
      expect(winners).toHaveLength(1)
      expect(await world.store.deviceList('alice')).toEqual(list(version, `${winners[0]!.deviceId} at ${version}`))
      if (version === 5) await world.pause()
    }
  })

  test('a revoked device puts nothing, and its user keeps the list', async () => {
    const world = await open()
    const phone = await world.device('alice', 'phone')
    await world.store.putDeviceList(phone, list(1))
    await world.store.revokeDevice('alice', 'phone')
    await world.pause()
    expect(await refusal(() => world.store.putDeviceList(phone, list(2)))).toEqual({ code: 'device_revoked' })
    expect(await world.store.deviceList('alice')).toEqual(list(1))
  })

  test('it is exported and erased with the account', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.store.putDeviceList(alice, list(1))
    await world.pause()
    expect(await world.store.exportAccount('alice')).toMatchObject({ deviceList: list(1) })
    await world.store.eraseAccount('alice')
    await world.pause()
    expect(await world.store.deviceList('alice')).toBeUndefined()
    expect(await refusal(() => world.store.putDeviceList(alice, list(1)))).toEqual({ code: 'device_revoked' })
    await world.store.putDeviceList(await world.device('alice'), list(1))
  })
}
