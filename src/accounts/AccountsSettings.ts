/** Who may log in, and who may create accounts. */
export const modes = [
  /** Every client is a guest. */
  "off",
  /** Guests may register. */
  "open",
  /** Only the operator creates accounts. */
  "closed",
  /** The same, and there are no guests. */
  "required"
] as const

export type AccountsMode = (typeof modes)[number]

export interface AccountsSettings {
  readonly mode: AccountsMode
  /** Devices of one account. */
  readonly maxDevices: number
  /** Accounts that clients of one address may register per hour; 0 is no limit. */
  readonly registrationsPerAddress: number
  /** Whether limits per address apply to this machine's own addresses, too. */
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
