import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Admission } from "../chat/Admission.js"
import type { Device } from "../chat/Device.js"
import type { Feature, FeatureContext, MakeFeature } from "../chat/Feature.js"
import { LiveSource, type Live } from "../chat/Live.js"
import { alone, OtherServers } from "../ports/OtherServers.js"
import { Store } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreChange } from "../ports/StoreSharing.js"
import type { Undelivered } from "../ports/StoreUpkeep.js"
import * as Time from "../ports/Time.js"
import * as AccountsElsewhere from "./AccountsElsewhere.js"
import * as AccountCommands from "./AccountCommands.js"
import { AccountIndex } from "./AccountIndex.js"
import { Departures } from "./Departures.js"
import { DevicesElsewhere } from "./DevicesElsewhere.js"
import * as AccountOperations from "./AccountOperations.js"
import type { AccountsBroker, AccountsContext, Registering } from "./AccountsContext.js"
import { defaults, type AccountsSettings } from "./AccountsSettings.js"
import * as Logins from "./Logins.js"
import { Registrations } from "./Registrations.js"
import * as StoreWarnings from "./StoreWarnings.js"
import { Takeover } from "./Takeover.js"
import { Verification, type VerificationOptions } from "./Verification.js"

export interface AccountsOptions extends Omit<VerificationOptions, "time"> {
  readonly settings: Live<AccountsSettings>
  /** Called in the broker's turn with the undelivered lines of a removed account, which return to guests. */
  readonly removed?: (returns: ReadonlyArray<Undelivered>, account: AccountId) => void
  /** See `Registering`. By default, there is nothing to hand over. */
  readonly registering?: Registering
}

/** Accounts for a server, which uses `admission` and `feature`. */
export interface Accounts {
  readonly admission: Admission
  readonly feature: MakeFeature
  readonly index: AccountIndex
  readonly devicesElsewhere: DevicesElsewhere
  /** The latest change of the store before its accounts were loaded (`StoreSharing`); 0 if no other server uses it. */
  readonly since: number
  /** In the broker's turn: applies another server's change in memory. */
  readonly take: (change: StoreChange) => void
  /** Brings memory up to date with the store. */
  readonly reload: Effect.Effect<void, StoreError>
  /** The operator's actions on accounts while the server runs. */
  readonly operations: AccountOperations.AccountOperations
}

/**
 * How often all connected devices are reported to the store, which then forgets devices that were away for too long.
 */
const seenInterval = Duration.hours(1)

/** Loads all accounts. Fails if the store does not answer. */
export const make = (options: AccountsOptions): Effect.Effect<Accounts, StoreError, Store | OtherServers> =>
  Effect.gen(function* () {
    const store = yield* Store
    const others = yield* OtherServers
    const time = Time.of(yield* Effect.clock)
    const { removed, settings } = options
    const since = store.sharing === undefined ? 0 : yield* store.sharing.latest
    const takeOnly: Registering = (_guest, _account, take) => context.broker().inTurn(take)
    let broker: FeatureContext | undefined = undefined
    const index = new AccountIndex(yield* store.accounts.all, yield* store.accounts.freed)
    const devicesElsewhere = new DevicesElsewhere(others)
    const warnings = StoreWarnings.make()
    const departures = new Departures({
      store,
      isInUse: (device) => takeover.isInUse(device),
      failed: warnings.devicesNotSeen,
      isRepeated: others !== alone
    })
    const takeover = new Takeover({
      index,
      devices: devicesElsewhere,
      broker: () => context.broker(),
      report: (device) => departures.report([device])
    })
    const context: AccountsContext = {
      store,
      settings,
      index,
      verification: new Verification({ ...options, time }),
      registrations: new Registrations(() => settings.current.registrationsPerAddress, time.now),
      registering: options.registering ?? takeOnly,
      devicesElsewhere,
      departures,
      warnings,
      takeover,
      broker: () => {
        if (broker === undefined) throw new Error("the server of these accounts has not started")
        return broker
      }
    }
    return {
      index: context.index,
      devicesElsewhere: context.devicesElsewhere,
      since,
      take: (change) => AccountsElsewhere.take(context, change, (account) => removed?.([], account)),
      reload: AccountsElsewhere.reload(context, (account) => removed?.([], account)),
      admission: {
        get takesSecrets() {
          return settings.current.mode !== "off"
        },
        decide: (claim) => Logins.decide(context, claim)
      },
      feature: (given) => {
        broker = given
        return featureOf(context, given)
      },
      operations: AccountOperations.make(context, removed)
    }
  })

/** The operator's actions on the accounts of a store that no server uses. */
export const offline: Effect.Effect<AccountOperations.AccountOperations, StoreError, Store> = Effect.gen(function* () {
  const store = yield* Store
  const time = Time.of(yield* Effect.clock)
  const nobody: AccountsBroker = {
    inTurn: (run) => Effect.sync(run),
    put: () => {},
    changed: () => {},
    expel: () => {},
    adopt: () => {},
    alike: () => [],
    breakOff: () => {},
    devicesOf: () => [],
    soon: (run) => run(),
    time
  }
  const index = new AccountIndex(yield* store.accounts.all)
  const devices = new DevicesElsewhere(alone)
  const warnings = StoreWarnings.make()
  return AccountOperations.make({
    store,
    warnings,
    settings: new LiveSource(defaults),
    index,
    verification: new Verification({ time }),
    registrations: new Registrations(() => 0, time.now),
    registering: (_guest, _account, take) => Effect.sync(take),
    devicesElsewhere: devices,
    departures: new Departures({ store, isInUse: () => false, failed: warnings.devicesNotSeen, isRepeated: false }),
    takeover: new Takeover({ index, devices, broker: () => nobody, report: () => Effect.void }),
    broker: () => nobody
  })
})

const featureOf = (accounts: AccountsContext, broker: FeatureContext): Feature => {
  const { departures, devicesElsewhere, index, settings, store, takeover, warnings } = accounts
  devicesElsewhere.start(broker)
  const { kind, log } = store
  const reportPresent = devicesElsewhere.others.during((all) =>
    store.accounts.seen(
      broker.devices().map(keyOf),
      all.map(({ id }) => id)
    )
  )
  return {
    commands: AccountCommands.make(accounts),
    resolvers: [
      {
        // Unless another feature stores them, lines to an account go to its connected devices.
        resolve: (name) => {
          const account = index.named(name)
          // The devices of a removed account stay connected for a moment.
          if (account === undefined || account.isRemoved) return undefined
          const peers = broker.devicesOf(account)
          if (peers.length === 0) return undefined
          return { outboxes: peers.map(({ outbox }) => outbox), suffix: "" }
        }
      }
    ],
    joined: ({ device }) => {
      if (device !== undefined) devicesElsewhere.came(device)
    },
    left: ({ device }) => {
      if (device !== undefined) devicesElsewhere.left(device)
    },
    ended: (peer) => {
      takeover.ended(peer)
      // Reported only now, not when the device leaves: otherwise another server would give it lines that this one still
      // writes.
      if (peer.device !== undefined && !peer.isSendOnly) departures.add(keyOf(peer.device))
    },
    facts: ({ device }) => ({
      store: kind,
      log,
      accounts: settings.current.mode,
      ...(device === undefined ? {} : { device: device.name })
    }),
    run: Effect.all(
      [
        departures.run,
        takeover.run,
        Effect.forever(Effect.delay(reportPresent, seenInterval).pipe(Effect.catchAll(warnings.devicesNotSeen)))
      ],
      { concurrency: "unbounded", discard: true }
    )
  }
}

const keyOf = ({ account, name }: Device) => ({ account: account.id, device: name })
