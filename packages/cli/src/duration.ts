const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds of `90s`, `15m`, `24h` or `7d`; undefined when it is none of these, or nothing. */
export function durationMs(text: string): number | undefined {
  const [, amount = '', unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const ms = Number(amount) * (unitsMs[unit as keyof typeof unitsMs] ?? 0)
  return ms > 0 ? ms : undefined
}

/** A duration in words, in its largest unit, rounded down: `3 days`, `1 hour`, `20 seconds`. */
export function durationInWords(ms: number): string {
  const units = [
    ['day', unitsMs.d],
    ['hour', unitsMs.h],
    ['minute', unitsMs.m],
  ] as const
  const [unit, unitMs] = units.find(([, size]) => ms >= size) ?? (['second', unitsMs.s] as const)
  const amount = Math.floor(ms / unitMs)
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}
