/** One line of the table; every number behind it is kept in the results file. */
export interface Row {
  readonly label: string
  readonly subject: string
  readonly reference?: string
  readonly ratio?: number
  readonly goal?: string
  readonly met?: boolean
  /** p50 / p99, subject and reference. */
  readonly latency?: string
  /** CPU seconds for 1,000 messages: server, and the load generator in brackets. */
  readonly cpu?: string
  /** Cores that other processes kept busy meanwhile: noise. */
  readonly otherCores?: number
}

/** What a measurement hands back. */
export interface Outcome {
  readonly rows: readonly Row[]
  /** Every number, as JSON. */
  readonly numbers: unknown
}
