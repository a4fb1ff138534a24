import { readdirSync, readFileSync } from 'node:fs'
import { machineCpuSeconds, ticksPerSecond } from '../process-usage.ts'

/** How many cores everything but this process and those below it kept busy since `watchOthers` was called. */
export function watchOthers(): () => number {
  const beganMs = performance.now()
  const [machine, family] = [machineCpuSeconds(), familyCpuSeconds(process.pid)]
  return () => {
    const others = machineCpuSeconds() - machine - (familyCpuSeconds(process.pid) - family)
    return Math.max(0, others / ((performance.now() - beganMs) / 1_000))
  }
}

/** CPU seconds of a process and of all that it has started, those that have ended among them (proc(5): utime to cstime). */
export function familyCpuSeconds(root: number): number {
  const processes = new Map<number, { readonly parent: number; readonly ticks: number }>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
      processes.set(pid, { parent: Number(fields[1]), ticks })
    } catch {
      // It has ended meanwhile.
    }
  }
  const isFamily = (pid: number): boolean => pid === root || (processes.has(pid) && isFamily(processes.get(pid)!.parent))
  let ticks = 0
  for (const [pid, one] of processes) if (isFamily(pid)) ticks += one.ticks
  return ticks / ticksPerSecond
}
