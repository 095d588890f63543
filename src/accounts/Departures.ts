import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { DeviceId } from "../ports/OtherServers.js"
import type { StoreError } from "../ports/StoreError.js"
import type { StoreAccounts } from "../ports/StoreAccounts.js"

interface Collaborators {
  readonly store: { readonly accounts: Pick<StoreAccounts, "left"> }
  /** Whether the device is given lines by this server, or is about to be. */
  readonly isInUse: (device: DeviceId) => boolean
  readonly failed: (error: StoreError) => Effect.Effect<void>
  /**
   * Whether what the store does not learn now must be reported again, because other servers would ask for these
   * devices.
   */
  readonly isRepeated: boolean
}

/** Devices that leave are collected for this long before they are reported to the store. */
const delay = Duration.seconds(1)

const keyOf = ({ account, device }: DeviceId) => `${account} ${device}`

/** Reports to the store which devices have left this server: another one may have them then without asking. */
export class Departures {
  private readonly left = new Map<string, DeviceId>()
  private readonly someLeft = Effect.unsafeMakeLatch(false)
  /** The keys of those that are being reported, until the store has answered. */
  private readonly underWay = new Map<string, Effect.Latch>()

  constructor(private readonly accounts: Collaborators) {}

  add(device: DeviceId) {
    this.left.set(keyOf(device), device)
    this.someLeft.unsafeOpen()
  }

  /** Reports those that have left, for ever. */
  get run(): Effect.Effect<never> {
    return Effect.forever(Effect.zipRight(Effect.delay(this.someLeft.await, delay), this.reportSome))
  }

  private readonly reportSome = Effect.suspend(() => {
    const devices = [...this.left.values()].filter((device) => !this.accounts.isInUse(device))
    this.left.clear()
    this.someLeft.unsafeClose()
    return devices.length === 0
      ? Effect.void
      : Effect.catchAll(this.report(devices), (error) => {
          if (this.accounts.isRepeated) for (const device of devices) this.add(device)
          return this.accounts.failed(error)
        })
  })

  /** Reports these devices. Who logs in as one of them meanwhile has to wait: it would not be this server's. */
  report(devices: ReadonlyArray<DeviceId>): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const answered = Effect.unsafeMakeLatch(false)
      for (const device of devices) this.underWay.set(keyOf(device), answered)
      return Effect.ensuring(
        this.accounts.store.accounts.left(devices),
        Effect.sync(() => {
          answered.unsafeOpen()
          for (const device of devices) {
            if (this.underWay.get(keyOf(device)) === answered) this.underWay.delete(keyOf(device))
          }
        })
      )
    })
  }

  /** Runs a login as a device once no earlier departure of it is on its way to the store. */
  after<A, E>(device: DeviceId, login: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const underWay = this.underWay.get(keyOf(device))
      return underWay === undefined ? login : Effect.zipRight(underWay.await, this.after(device, login))
    })
  }
}
