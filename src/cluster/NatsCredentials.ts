/** What a node proves to NATS that it is. */
export type NatsCredentials =
  | { readonly _tag: "User"; readonly user: string; readonly password: string }
  | { readonly _tag: "Token"; readonly token: string }
  /** An nkey: the seed is the secret. */
  | { readonly _tag: "Key"; readonly seed: string }
  /** A JWT and its nkey, as `nsc` writes them into a file `.creds`. */
  | { readonly _tag: "Creds"; readonly text: string }

/**
 * Recognizes what a file of credentials contains: a `.creds` of `nsc`, the seed of an nkey, `USER:PASSWORD`, or a
 * token. The last three are one line. Undefined if it is none of them.
 */
export const parse = (text: string): NatsCredentials | undefined => {
  if (text.includes("-----BEGIN NATS USER JWT-----")) return { _tag: "Creds", text }
  const line = text.trim()
  if (line === "" || /\s/u.test(line)) return undefined
  if (/^SU[A-Z2-7]{56}$/u.test(line)) return { _tag: "Key", seed: line }
  const colon = line.indexOf(":")
  if (colon === -1) return { _tag: "Token", token: line }
  return { _tag: "User", user: line.slice(0, colon), password: line.slice(colon + 1) }
}
