import { SottoClientError } from '../errors.ts'

/** The body as text. Throws `offline` for more than `bytesMax`: this is not what was asked for. */
export async function readText(response: Response, bytesMax: number): Promise<string> {
  if (response.body === null) return ''
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  let text = ''
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > bytesMax) {
      await reader.cancel()
      throw new SottoClientError('offline', 'the answer is too large')
    }
    text += decoder.decode(value, { stream: true })
  }
}
