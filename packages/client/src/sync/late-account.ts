import { loadHpke } from '../late-hpke.ts'
import { lateExport, lazily } from '../lazily.ts'

const load = lateExport(() => import('./account.ts'), 'account')

/** Setting a device up, linking, revoking, safety numbers, with what they need. @throws SottoClientError `code_unavailable`. */
export const loadAccount = lazily(async () => (await Promise.all([load(), loadHpke()]))[0])
