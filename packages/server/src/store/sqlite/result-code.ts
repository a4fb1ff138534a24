/** SQLite's primary result code (sqlite.org/rescode.html) of an error; 0 when it is none of SQLite's. */
export function resultCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0
}
