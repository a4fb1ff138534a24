import { endOfRecord, type RecordHeader, recordBytesMax, writeRecord } from './journal.ts'

const segmentBytes = 1024 * 1024

/** A run of records in memory that both threads see. */
export interface Span {
  readonly shared: SharedArrayBuffer
  readonly start: number
  end: number
}

/**
 * Where records are written once, by the main thread, and read by the writer thread: shared memory, filled from
 * front to back. A segment is freed with the last entry that points into it.
 */
export class Segments {
  private shared = new SharedArrayBuffer(segmentBytes)
  private buffer = Buffer.from(this.shared)
  private view = new DataView(this.shared)
  private used = 0
  private spans: Span[] = []

  /** Writes a record behind the last one and returns a view on its json. */
  write(header: RecordHeader, text: string, digestLength: number): Buffer {
    const bytes = recordBytesMax(header.id, header.device, text)
    if (this.used + bytes > this.buffer.length) this.grow(bytes)
    const start = this.used
    const jsonAt = writeRecord(this.buffer, this.view, start, header, text, digestLength)
    this.used = endOfRecord(this.view, start)
    const span = this.spans.at(-1)
    if (span?.shared === this.shared) span.end = this.used
    else this.spans.push({ shared: this.shared, start, end: this.used })
    return this.buffer.subarray(jsonAt, this.used)
  }

  /** What was written since the last call. */
  take(): Span[] {
    const taken = this.spans
    this.spans = []
    return taken
  }

  private grow(bytes: number): void {
    this.shared = new SharedArrayBuffer(Math.max(segmentBytes, bytes))
    this.buffer = Buffer.from(this.shared)
    this.view = new DataView(this.shared)
    this.used = 0
  }
}
