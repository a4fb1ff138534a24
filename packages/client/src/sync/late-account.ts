import { lazily } from '../lazily.ts'

/** Setting a device up, linking, revoking, safety numbers. @throws SottoClientError `code_unavailable`. */
export const loadAccount = lazily(async () => (await import('./account.ts')).account)
