import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { DeviceId } from "../ports/OtherServers.js"
import type { StoreError } from "../ports/StoreError.js"
import type { StoreAccounts } from "../ports/StoreAccounts.js"

interface Collaborators {
  readonly store: { readonly accounts: Pick<StoreAccounts, "left"> }
  /** Whether this server gives the device lines, or is about to. */
  readonly isInUse: (device: DeviceId) => boolean
  readonly failed: (error: StoreError) => Effect.Effect<void>
  /**
   * Whether a report that fails must be repeated, because other servers would otherwise ask this one for the devices.
   */
  readonly isRepeated: boolean
}

/** Departures are collected for this long before they are reported to the store. */
const delay = Duration.seconds(1)

const keyOf = ({ account, device }: DeviceId) => `${account} ${device}`

/** Reports to the store which devices have left this server. Another server may then open them without asking. */
export class Departures {
  private readonly left = new Map<string, DeviceId>()
  private readonly someLeft = Effect.unsafeMakeLatch(false)
  /** The keys of devices that are being reported, until the store has answered. */
  private readonly underWay = new Map<string, Effect.Latch>()

  constructor(private readonly accounts: Collaborators) {}

  add(device: DeviceId) {
    this.left.set(keyOf(device), device)
    this.someLeft.unsafeOpen()
  }

  /** Reports departures, forever. */
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

  /**
   * Reports the departure of these devices. Logins as one of them wait in the meantime, because the store would take
   * the device from this server afterwards.
   */
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

  /** Runs a login as a device once no earlier departure of the device is on its way to the store. */
  after<A, E>(device: DeviceId, login: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const underWay = this.underWay.get(keyOf(device))
      return underWay === undefined ? login : Effect.zipRight(underWay.await, this.after(device, login))
    })
  }
}
