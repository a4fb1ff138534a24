import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, readFileSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { median } from './statistics.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  /** Of the folder that the subjects' data lies in. */
  readonly filesystem: string
  /** Median of 200 writes of 4 KiB, each synced. */
  readonly fdatasyncMs: number
  readonly loadAverage: number
}

export interface Revision {
  readonly commit: string
  /** The tree differs from the commit, results of earlier runs aside. */
  readonly dirty: boolean
}

export function machine(dataDir: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    filesystem: filesystemOf(realpathSync(dataDir), readFileSync('/proc/self/mounts', 'utf8')),
    fdatasyncMs: fdatasyncMs(dataDir),
    loadAverage: loadavg()[0] ?? 0,
  }
}

/** The type of the filesystem that holds `path`, by a list of mounts as in /proc/self/mounts. */
export function filesystemOf(path: string, mounts: string): string {
  let found = { point: '', type: 'unknown' }
  for (const line of mounts.split('\n')) {
    const [, point = '', type = ''] = line.split(' ')
    const holds = path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`)
    if (point !== '' && holds && point.length >= found.point.length) found = { point, type }
  }
  return found.type
}

export function revision(root: string): Revision {
  const git = (...args: string[]) => execFileSync('git', ['--no-optional-locks', ...args], { cwd: root, encoding: 'utf8' }).trim()
  try {
    return {
      commit: git('rev-parse', '--short', 'HEAD'),
      dirty: git('status', '--porcelain', '--', '.', ':!bench/results') !== '',
    }
  } catch {
    return { commit: 'unknown', dirty: true }
  }
}

function fdatasyncMs(dir: string): number {
  const path = join(dir, `fdatasync-${process.pid}`)
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4_096, 1)
  const took = Array.from({ length: 200 }, () => {
    const beginMs = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    return performance.now() - beginMs
  })
  closeSync(file)
  rmSync(path)
  return median(took)
}
