/** Who may log in, and who may create accounts. */
export const modes = [
  /** Every client is a guest. */
  "off",
  /** Guests may register. */
  "open",
  /** Only the operator creates accounts. */
  "closed",
  /** As `closed`, and without guests. */
  "required"
] as const

export type AccountsMode = (typeof modes)[number]

export interface AccountsSettings {
  readonly mode: AccountsMode
  /** The most devices of one account. */
  readonly maxDevices: number
  /** Accounts that clients of one address may register per hour; 0 is no limit. */
  readonly registrationsPerAddress: number
  /** Whether limits per address also apply to this machine's own addresses. */
  readonly limitLoopback: boolean
  /** Whether secrets are accepted over connections that others can read. */
  readonly takesReadableSecrets: boolean
}

export const defaults: AccountsSettings = {
  mode: "open",
  maxDevices: 20,
  registrationsPerAddress: 20,
  limitLoopback: false,
  takesReadableSecrets: false
}
