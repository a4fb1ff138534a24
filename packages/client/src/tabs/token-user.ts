const tokenWaitMs = 5_000

/**
 * Whether the token could be of this user. Which claim names the user is for the server to say, so any will do; a token that
 * does not come, or is no JWT, proves nothing: the server judges it in the end.
 */
export async function mayBeOf(token: () => string | Promise<string>, userId: string): Promise<boolean> {
  const claims = claimsOf(await soon(token))
  return claims === undefined || Object.values(claims).includes(userId)
}

async function soon(token: () => string | Promise<string>): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, tokenWaitMs, undefined)
  })
  try {
    return await Promise.race([token(), late])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

/** Read, not checked. */
function claimsOf(token: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const bytes = Uint8Array.from(atob(token!.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    )
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
