import { docsPage, docsPageStyleHash, openApiDocument } from '@sotto/protocol'
import { TextAnswer } from './answers.ts'

/** What the server says about itself: made once a process, from the schemas. */
export interface Texts {
  readonly openApi: Buffer
  readonly docs: TextAnswer
}

const made = new Map<string, Texts>()

/** `version`: of the server. */
export function textsOf(version: string): Texts {
  const texts = made.get(version) ?? make(version)
  made.set(version, texts)
  return texts
}

function make(version: string): Texts {
  const document = openApiDocument(version)
  const policy = `default-src 'none'; style-src '${docsPageStyleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  return {
    openApi: Buffer.from(JSON.stringify(document)),
    docs: new TextAnswer('text/html; charset=utf-8', docsPage(document), { 'content-security-policy': policy }),
  }
}
