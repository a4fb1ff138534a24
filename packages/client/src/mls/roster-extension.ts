import type { Extension } from 'ts-mls/extension.js'
import { encodeRequiredCapabilities } from 'ts-mls/requiredCapabilities.js'

/** In the range for private use (RFC 9420 section 17.3). */
export const rosterExtension = 0xf050
/** draft-ietf-mls-extensions: the key package may be used more than once. */
export const lastResortExtension = 0x000a

/** In the context of every group of ours, and nothing else is: who does not know rosters or has another credential cannot join. */
export const contextExtensions: readonly Extension[] = [
  {
    extensionType: 'required_capabilities',
    extensionData: encodeRequiredCapabilities({
      extensionTypes: [rosterExtension],
      proposalTypes: [],
      credentialTypes: ['basic'],
    }),
  },
]

export const withRoster = (roster: Uint8Array): Extension => ({ extensionType: rosterExtension, extensionData: roster })

/** The roster of a GroupInfo, which its signature covers. Undefined: there is none, or more than one. */
export function rosterOf(extensions: readonly Extension[]): Uint8Array | undefined {
  const [roster, ...others] = extensions.filter(({ extensionType }) => extensionType === rosterExtension)
  return others.length === 0 ? roster?.extensionData : undefined
}
