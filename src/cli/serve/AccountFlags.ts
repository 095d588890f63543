import * as AccountsSettings from "../../accounts/AccountsSettings.js"
import * as Setting from "../settings/Setting.js"
import type { Values } from "../settings/Sources.js"
import type * as LimitFlags from "./LimitFlags.js"
import type * as StoreFlags from "./StoreFlags.js"

/** The flags about accounts. */

export const settings = {
  accounts: Setting.choice(
    "accounts",
    {
      about:
        "Who can have an account: open lets guests register, with closed only the operator creates accounts, and " +
        "with required there are no guests either",
      default: undefined,
      defaultText: "open with --store, else off",
      live: true
    },
    AccountsSettings.modes
  ),
  maxDevices: Setting.count("max-devices", {
    about: "Devices of one account; a further one takes the place of the one that was away longest",
    default: AccountsSettings.defaults.maxDevices,
    min: 1,
    max: 1_000,
    live: true
  }),
  registrationsPerAddress: Setting.count("registrations-per-address", {
    about: "Accounts that clients of one address may register per hour",
    default: AccountsSettings.defaults.registrationsPerAddress,
    min: 1,
    max: 1_000_000,
    off: true,
    live: true
  }),
  insecurePasswords: Setting.toggle(
    "insecure-passwords",
    "Accept passwords and tokens over connections that others can read, without TLS",
    true
  )
}

type Given = Values<typeof settings> &
  Values<typeof StoreFlags.settings> &
  Pick<LimitFlags.GivenLimits, "limitLoopback">

export const of = (given: Given): AccountsSettings.AccountsSettings => ({
  mode: given.accounts ?? (given.store === undefined ? "off" : "open"),
  maxDevices: given.maxDevices,
  registrationsPerAddress: given.registrationsPerAddress,
  limitLoopback: given.limitLoopback,
  takesReadableSecrets: given.insecurePasswords
})

/** The conflict between settings that are valid on their own; undefined if there is none. */
export const conflict = ({ accounts = "off", store }: Given): string | undefined =>
  accounts === "off" || store !== undefined ? undefined : `--accounts: ${accounts} needs a store; give one with --store`
