import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { filesystemOf, machine } from './machine.ts'
import { cpuSeconds, machineCpuSeconds, residentBytes } from './process-usage.ts'

const dir = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe('filesystemOf', () => {
  const mounts = ['/dev/sda / ext4 rw 0 0', 'tmpfs /tmp tmpfs rw 0 0', '/dev/sdb /tmp/disk xfs rw 0 0', ''].join('\n')

  it('is that of the nearest mount above', () => {
    expect(filesystemOf('/home/a', mounts)).toBe('ext4')
    expect(filesystemOf('/tmp', mounts)).toBe('tmpfs')
    expect(filesystemOf('/tmp/a', mounts)).toBe('tmpfs')
    expect(filesystemOf('/tmpfs', mounts)).toBe('ext4')
    expect(filesystemOf('/tmp/disk/a', mounts)).toBe('xfs')
    expect(filesystemOf('/', '')).toBe('unknown')
  })
})

describe('machine', () => {
  it('measures syncing and leaves nothing behind', () => {
    const facts = machine(dir)
    expect(facts.fdatasyncMs).toBeGreaterThan(0)
    expect(facts.filesystem).not.toBe('unknown')
    expect(readdirSync(dir)).toEqual([])
  })
})

describe('process usage', () => {
  it('rises with work, and the machine uses at least as much as one process', () => {
    const before = cpuSeconds(process.pid)
    while (cpuSeconds(process.pid) === before) Math.sqrt(before)
    expect(cpuSeconds(process.pid)).toBeGreaterThan(before)
    expect(machineCpuSeconds()).toBeGreaterThan(cpuSeconds(process.pid))
  })

  it('tells resident memory in bytes', () => {
    const kept = Buffer.alloc(64 * 1024 * 1024, 1)
    expect(residentBytes(process.pid)).toBeGreaterThan(kept.length)
  })
})
