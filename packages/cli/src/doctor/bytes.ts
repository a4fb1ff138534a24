const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** A size for a person: `0 bytes`, `12 KiB`, `1.5 GiB`. */
export function bytesInWords(bytes: number): string {
  let amount = bytes
  let unit = 0
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024
    unit++
  }
  const rounded = amount < 10 && unit > 0 ? amount.toFixed(1) : Math.round(amount).toString()
  return `${rounded.replace(/\.0$/, '')} ${units[unit]}`
}
