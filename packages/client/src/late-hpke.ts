import { lateExport } from './lazily.ts'

/** HPKE, apart from the other primitives, because messages need none of it. @throws SottoClientError `code_unavailable`. */
export const loadHpke = lateExport(() => import('./hpke.ts'), 'createHpke')
