import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import {
  alone,
  type DeviceId,
  type ServerMessage,
  type OtherServer,
  type OtherServersPart
} from "../ports/OtherServers.js"
import type { StoreError } from "../ports/StoreError.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import * as FatalReply from "../protocol/FatalReply.js"
import type { AccountIndex } from "./AccountIndex.js"
import type { DevicesElsewhere } from "./DevicesElsewhere.js"

interface Collaborators {
  readonly index: AccountIndex
  readonly devices: DevicesElsewhere
  readonly broker: () => Pick<FeatureContext, "alike" | "breakOff" | "devicesOf" | "expel" | "inTurn" | "soon">
  /** Saves the cursors of a device, and reports to the store that it is no longer this server's. */
  readonly report: (device: DeviceId) => Effect.Effect<void, StoreError>
}

/** How long the other server may take to give a device up. Its loss is detected sooner, within the term of a node. */
const answerTime = Duration.seconds(10)

/** How long the old client of a device may take to read what was already written to it. */
const farewellTime = Duration.seconds(1)

/** A request of another server for a device. */
interface Wanted {
  readonly server: OtherServer
  readonly number: number
  readonly device: DeviceId
  /** The connections of the device that have not ended. */
  readonly peers: Set<Peer>
}

const keyOf = ({ account, device }: DeviceId) => `${account} ${device}`

/**
 * Moves devices that log in at one server while they are connected to another. The other server closes the old
 * connection, saves the device's cursors, and then gives the device up. Only then is the position known at which the
 * device continues.
 */
export class Takeover {
  private number = 0
  /** Requests to other servers. `done` is called once the server has given the device up, or is lost. */
  private readonly asked = new Map<number, { readonly server: OtherServer; readonly done: () => void }>()
  /**
   * How many logins of each device are being decided. The device is already this server's, although no client is
   * connected.
   */
  private readonly logins = new Map<string, number>()
  /** Requests that wait for the end of such a login, or of a connection. */
  private readonly later = new Set<Wanted>()
  private readonly closing = new Set<Wanted>()
  private readonly part: OtherServersPart
  private fork: (effect: Effect.Effect<void>) => unknown = () => {}

  constructor(private readonly accounts: Collaborators) {
    this.part = accounts.devices.others.part("takeover", {
      received: (server, message) => this.received(server, message),
      lost: (server) => this.lost(server)
    })
    accounts.devices.isComing = (device) => this.logins.has(keyOf(device))
  }

  /** Runs the fibers that wait for a delay or the store. */
  get run(): Effect.Effect<never> {
    return Effect.scoped(
      Effect.flatMap(FiberSet.makeRuntime<never>(), (fork) => {
        this.fork = fork
        // `Effect.never` keeps the process of a simulated server that crashes alive
        return Effect.async<never>(() => {})
      })
    )
  }

  /** Whether a client is about to connect as this device or is still given lines, even after `/quit`. */
  isInUse(device: DeviceId): boolean {
    return this.logins.has(keyOf(device)) || this.connectionsOf(device).length > 0
  }

  /** The connections of a device whose writers have not ended, without those that only send and are given no lines. */
  private connectionsOf({ account, device }: DeviceId): ReadonlyArray<Peer> {
    const name = this.accounts.index.withId(account)?.name
    const peers = name === undefined ? [] : this.accounts.broker().alike(name)
    return peers.filter(
      (peer) => peer.device?.account.id === account && peer.device.name === device && !peer.isSendOnly
    )
  }

  /**
   * Runs the part of a login that makes a device this server's. Two turns after it ends, it is certain whether the
   * client is connected. A server without others skips this.
   *
   * @param unused called in that turn if no client is connected as the device
   */
  during<A, E>(device: DeviceId, login: Effect.Effect<A, E>, unused: () => void): Effect.Effect<A, E> {
    if (this.accounts.devices.others === alone) return login
    const key = keyOf(device)
    const count = (change: 1 | -1) => {
      const logins = (this.logins.get(key) ?? 0) + change
      if (logins === 0) this.logins.delete(key)
      else this.logins.set(key, logins)
      return logins
    }
    const end = () => {
      if (count(-1) > 0) return
      if (!this.isHere(device)) {
        this.accounts.devices.staysAway(device)
        unused()
      }
      for (const wanted of this.later) {
        if (keyOf(wanted.device) !== key) continue
        this.later.delete(wanted)
        this.giveUp(wanted)
      }
    }
    const { soon } = this.accounts.broker()
    return Effect.ensuring(
      Effect.suspend(() => {
        count(1)
        return login
      }),
      Effect.sync(() => soon(() => soon(end)))
    )
  }

  private isHere({ account, device }: DeviceId): boolean {
    const known = this.accounts.index.withId(account)
    const peers = known === undefined ? [] : this.accounts.broker().devicesOf(known)
    return peers.some((peer) => peer.device?.name === device)
  }

  /**
   * Asks the server that owns a device to give it up. Returns true once it has, or is lost; false if neither happens in
   * time.
   *
   * @param owner the id of the server
   */
  ask(owner: string, { account, device }: DeviceId): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const answered = Effect.unsafeMakeLatch(false)
      const number = ++this.number
      const ask = this.accounts.broker().inTurn(() => {
        const server = this.accounts.devices.others.all.find(({ id }) => id === owner)
        if (server === undefined) return answered.unsafeOpen() // it has been lost
        this.asked.set(number, { server, done: () => answered.unsafeOpen() })
        return this.part.send(["wanted", number, account, device], server, `wanted ${keyOf({ account, device })}`)
      })
      return Effect.zipRight(ask, answered.await).pipe(
        Effect.timeoutTo({ duration: answerTime, onSuccess: () => true, onTimeout: () => false }),
        Effect.ensuring(Effect.sync(() => this.asked.delete(number)))
      )
    })
  }

  private received(server: OtherServer, message: ServerMessage) {
    const [what, number, account, device] = message as readonly [string, number, AccountId, string]
    if (what === "given") {
      const asked = this.asked.get(number)
      if (asked?.server === server) asked.done()
    } else if (what === "wanted") {
      const wanted = { server, number, device: { account, device }, peers: new Set<Peer>() }
      if (this.logins.has(keyOf(wanted.device))) this.later.add(wanted)
      else this.giveUp(wanted)
    }
  }

  private lost(server: OtherServer) {
    for (const asked of this.asked.values()) if (asked.server === server) asked.done()
    for (const all of [this.later, this.closing]) {
      for (const wanted of all) if (wanted.server === server) all.delete(wanted)
    }
  }

  /** Closes the connections of a device, and replies once they have ended. */
  private giveUp(wanted: Wanted) {
    const { devices } = this.accounts
    const { expel } = this.accounts.broker()
    for (const peer of this.connectionsOf(wanted.device)) wanted.peers.add(peer)
    if (this.isHere(wanted.device)) devices.movesTo(wanted.device, wanted.server)
    for (const peer of wanted.peers) expel(peer, FatalReply.loggedOut("replaced"))
    if (wanted.peers.size === 0) return this.hasEnded(wanted)
    this.closing.add(wanted)
    this.fork(Effect.delay(this.breakOff(wanted), farewellTime))
  }

  /** A client that does not read must not keep the new client waiting. */
  private breakOff({ peers }: Wanted): Effect.Effect<void> {
    const { breakOff, inTurn } = this.accounts.broker()
    return inTurn(() => {
      for (const peer of peers) breakOff(peer, "logged-out")
    })
  }

  /** The writer of a connection has ended. */
  ended(peer: Peer) {
    for (const wanted of this.closing) {
      if (!wanted.peers.delete(peer) || wanted.peers.size > 0) continue
      this.closing.delete(wanted)
      this.hasEnded(wanted)
    }
  }

  /** If the store cannot save the cursors, there is no reply, and the next login of the device asks again. */
  private hasEnded({ device, number, server }: Wanted) {
    const answer = this.accounts
      .broker()
      .inTurn(() => this.part.send(["given", number], server, `given ${keyOf(device)}`))
    this.fork(
      this.accounts.report(device).pipe(
        Effect.zipRight(answer),
        Effect.catchAll(({ message }) =>
          Effect.annotateLogs(Effect.logWarning("a device cannot go to another server"), { reason: message })
        )
      )
    )
  }
}
