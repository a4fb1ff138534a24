import { closeCodes, type ErrorCode, type ErrorMeaning, errorTable } from '@sotto/protocol'

/** The close code of an error; those that the table gives none can end a socket only before it is open. */
export function closeCodeOf(code: ErrorCode): number {
  const { close, status }: ErrorMeaning = errorTable[code]
  if (close !== undefined) return close
  if (code === 'limit_reached') return closeCodes.tooMany
  return status < 500 ? closeCodes.badFrame : closeCodes.overloaded
}
