/** What stands before the contents of a key package: MLSMessage version and wire format, KeyPackage version and ciphersuite. */
interface Header {
  readonly version?: number
  readonly wireFormat?: number
  readonly keyPackageVersion?: number
  readonly ciphersuite?: number
}

/** A key package as far as a server reads it, in base64: equal names, equal bytes. */
export function keyPackageOf(name: string, header: Header = {}): string {
  const { version = 1, wireFormat = 5, keyPackageVersion = 1, ciphersuite = 1 } = header
  const bytes = Buffer.alloc(8)
  for (const [index, value] of [version, wireFormat, keyPackageVersion, ciphersuite].entries())
    bytes.writeUInt16BE(value, index * 2)
  return Buffer.concat([bytes, Buffer.from(`the contents of key package ${name}`)]).toString('base64')
}
