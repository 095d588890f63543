import type * as Effect from "effect/Effect"
import type { Account } from "../chat/Device.js"
import type { FeatureContext } from "../chat/Feature.js"
import type { Live } from "../chat/Live.js"
import type { Peer } from "../chat/Peer.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreService } from "../ports/Store.js"
import type { AccountIndex } from "./AccountIndex.js"
import type { DevicesElsewhere } from "./DevicesElsewhere.js"
import type { AccountsSettings } from "./AccountsSettings.js"
import type { Departures } from "./Departures.js"
import type { StoreWarnings } from "./StoreWarnings.js"
import type { Takeover } from "./Takeover.js"
import type { Registrations } from "./Registrations.js"
import type { Verification } from "./Verification.js"

/** The parts of the broker that accounts use. */
export type AccountsBroker = Pick<
  FeatureContext,
  "adopt" | "alike" | "breakOff" | "changed" | "devicesOf" | "expel" | "inTurn" | "put" | "soon" | "time"
>

/**
 * Runs `take` in the broker's turn in which a guest becomes a device of its new account, and hands the guest's state in
 * other features over to the account.
 */
export type Registering = <A>(guest: Peer, account: AccountId, take: () => A) => Effect.Effect<A>

/** The state that the parts of the accounts share. */
export interface AccountsContext {
  readonly store: StoreService
  readonly settings: Live<AccountsSettings>
  readonly index: AccountIndex
  readonly verification: Verification
  readonly registrations: Registrations
  readonly registering: Registering
  readonly devicesElsewhere: DevicesElsewhere
  readonly takeover: Takeover
  readonly departures: Departures
  readonly warnings: StoreWarnings
  /** The broker of the server. Throws before the server has started. */
  readonly broker: () => AccountsBroker
}

/** The milliseconds after which a client may repeat a request that the store did not carry out. */
export const retryStoreMillis = 1_000

/** The names of an account's present devices. */
export const presentDevices = (broker: AccountsBroker, account: Account): ReadonlyArray<string> =>
  broker.devicesOf(account).flatMap(({ device }) => device?.name ?? [])
