import { SottoClientError } from '../errors.ts'

/** Primary result codes (sqlite.org/rescode.html). */
const busyCode = 5
const fullCode = 13

/** Whether another connection, of whatever process, has the database. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === busyCode
}

/**
 * What SQLite or the file system said, in our words: `storage_full`, or `storage_unreadable` for a file that is damaged or
 * may not be used. Other errors stay as they are.
 */
export function storageError(path: string, error: unknown): unknown {
  const systemCode = error instanceof Error && 'syscall' in error ? (error as NodeJS.ErrnoException).code : undefined
  const code = resultCode(error)
  if (code === undefined && systemCode === undefined) return error
  if (code === fullCode || systemCode === 'ENOSPC')
    return new SottoClientError('storage_full', `${path}: the disk is full, nothing was kept.`, { cause: error })
  return new SottoClientError('storage_unreadable', `${path} cannot be used (${(error as Error).message}).`, { cause: error })
}

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}
