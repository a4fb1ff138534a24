export type Expected = readonly [what: string, is: number, expected: number]
/** Without it the run would not have shown what it is there to show. */
export type Present = readonly [what: string, is: number]

/** A line for each count that is not as expected, and for each that should be there and is 0. */
export function differences(equal: readonly Expected[], atLeastOne: readonly Present[]): string[] {
  return [
    ...equal.filter(([, is, expected]) => is !== expected).map(([what, is, expected]) => `${what}: ${is} instead of ${expected}`),
    ...atLeastOne.filter(([, is]) => is < 1).map(([what, is]) => `${what}: ${is} instead of at least 1`),
  ]
}
