import type { Device } from "../chat/Device.js"
import type { FeatureContext } from "../chat/Feature.js"
import {
  alone,
  type DeviceId,
  type ServerMessage,
  type OtherServer,
  type OtherServersService
} from "../ports/OtherServers.js"
import type { AccountId } from "../ports/StoreAccounts.js"

/** A connected device, as the servers report it to each other. */
interface Connected extends DeviceId {
  /** The name of the account, in wire form. */
  readonly name: string
  /** It is too slow to receive lines as they are stored. */
  isSlow: boolean
}

/** The devices of one account that are connected to other servers. */
interface Elsewhere {
  readonly name: string
  /** The servers of each device, by its name. More than one only for a moment. */
  readonly devices: Map<string, Set<OtherServer>>
}

/** The state of another server. */
interface Server {
  readonly devices: Map<string, Connected>
  /** The number of the last message about devices here that was sent to this server. */
  last: number
  /** The number of the last one that it has confirmed. */
  known: number
}

/** A device here that not all other servers know yet. */
interface Unknown extends DeviceId {
  /** The number of the message that reports it. */
  readonly number: number
}

/** Most devices in one message. */
const maxDevices = 500

const keyOf = ({ account, device }: DeviceId) => `${account} ${device}`

/**
 * Tracks which devices of accounts are connected to other servers. Each server reports its devices to the others: all
 * of them when another server appears, and then changes. The others confirm each report, because the lines that they
 * store before are not announced to this server.
 */
export class DevicesElsewhere {
  private readonly servers = new Map<OtherServer, Server>()
  private readonly accounts = new Map<AccountId, Elsewhere>()
  /** Devices connected here, as last reported to the others, by key. */
  private readonly told = new Map<string, Connected>()
  /** Devices connected here, with the number of their connections: two while one replaces the other. */
  private readonly here = new Map<string, { readonly connected: Connected; connections: number }>()
  /** Keys of devices here that have come or gone in this turn. */
  private readonly changed = new Set<string>()
  /** Keys of devices here that are moving to another server. */
  private readonly moving = new Map<string, OtherServer>()
  /** Keys of devices that are moving here, with the server that they come from. */
  private readonly arriving = new Map<string, OtherServer>()
  /** Whether a login as this device is under way here. */
  isComing: (device: DeviceId) => boolean = () => false
  private number = 0
  /** By the key of the device, in the order of their numbers. */
  private readonly unknown = new Map<string, Unknown>()
  private readonly listeners: Array<(device: DeviceId) => void> = []
  private readonly leftListeners: Array<(account: AccountId) => void> = []
  private broker: Pick<FeatureContext, "atEnd" | "elsewhere"> | undefined = undefined
  private readonly part

  constructor(readonly others: OtherServersService) {
    this.part = others.part("devices", {
      appeared: (server) => this.appeared(server),
      received: (server, message) => this.received(server, message),
      lost: (server) => this.lost(server)
    })
  }

  /** The server has started. Everything that follows is in the broker's turn. */
  start(broker: Pick<FeatureContext, "atEnd" | "elsewhere">) {
    this.broker = broker
  }

  /** The servers to which devices of an account are connected. */
  serversOf(account: AccountId): ReadonlySet<OtherServer> {
    const found = this.accounts.get(account)
    if (found === undefined) return nowhere
    const servers = new Set<OtherServer>()
    for (const some of found.devices.values()) for (const server of some) servers.add(server)
    return servers
  }

  /** The names of an account's devices that are connected to other servers. */
  namesOf(account: AccountId): ReadonlyArray<string> {
    return [...(this.accounts.get(account)?.devices.keys() ?? [])]
  }

  /** Whether a device of the account is connected to another server. */
  has(account: AccountId): boolean {
    return this.accounts.has(account)
  }

  /** Whether a device at another server receives the account's lines as they are stored. */
  isLive(account: AccountId): boolean {
    for (const [device, servers] of this.accounts.get(account)?.devices ?? []) {
      const key = keyOf({ account, device })
      for (const server of servers) if (this.servers.get(server)?.devices.get(key)?.isSlow === false) return true
    }
    return false
  }

  /** Calls `listener` with an account when one of its devices is no longer connected to another server. */
  whenLeft(listener: (account: AccountId) => void) {
    this.leftListeners.push(listener)
  }

  /** A device here has become too slow to receive lines as they are stored, or has caught up. */
  lags(device: DeviceId, isSlow: boolean) {
    const connected = this.here.get(keyOf(device))?.connected
    if (connected === undefined) return
    connected.isSlow = isSlow
    this.part.send(["slow", device.account, device.device, isSlow], undefined, `slow ${keyOf(device)}`)
  }

  /**
   * Calls `listener` when all other servers know that a device is connected here. They announce lines that they store
   * from then on.
   */
  whenKnown(listener: (device: DeviceId) => void) {
    this.listeners.push(listener)
  }

  /** A device is connected here. */
  came({ account, name: device }: Device) {
    if (this.others === alone) return
    const connected = { account: account.id, device, name: account.name, isSlow: false }
    const key = keyOf(connected)
    const known = this.here.get(key)
    if (known === undefined) this.here.set(key, { connected, connections: 1 })
    else known.connections += 1
    this.arrived(key)
    this.change(key)
  }

  /** The connection of a device here can no longer be addressed. */
  left({ account, name: device }: Device) {
    const key = keyOf({ account: account.id, device })
    const known = this.here.get(key)
    if (known === undefined) return
    known.connections -= 1
    if (known.connections === 0) this.here.delete(key)
    this.change(key)
  }

  /**
   * A device here is about to connect to another server, so it neither comes nor goes. Must be called before its
   * connection ends.
   */
  movesTo(device: DeviceId, server: OtherServer) {
    const key = keyOf(device)
    const known = this.servers.get(server)
    const told = this.told.get(key)
    if (known === undefined || told === undefined) return
    this.moving.set(key, server)
    this.add(server, known, told)
  }

  /** A device that was about to connect here will not. */
  staysAway(device: DeviceId) {
    if (this.arrived(keyOf(device))) this.tellLeft(device)
  }

  /** Ends a device's move to this server. Returns whether there was one. */
  private arrived(key: string): boolean {
    const server = this.arriving.get(key)
    if (server === undefined) return false
    this.arriving.delete(key)
    const known = this.servers.get(server)
    const connected = known?.devices.get(key)
    if (known !== undefined && connected !== undefined) this.remove(server, known, connected)
    return true
  }

  private change(key: string) {
    this.changed.add(key)
    this.broker?.atEnd(this.tell)
  }

  /**
   * At the end of a turn, because a connection may have replaced another one in it: then the device has neither come
   * nor gone.
   */
  private readonly tell = () => {
    const come: Array<Connected> = []
    for (const key of this.changed) {
      const connected = this.here.get(key)?.connected
      const before = this.told.get(key)
      if (connected !== undefined) {
        // Reported even if the others know the device: a line may have been announced to its previous connection.
        this.told.set(key, connected)
        come.push(connected)
      } else if (before !== undefined) {
        const { account, device } = before
        const next = this.moving.get(key)
        this.told.delete(key)
        if (next === undefined) this.tellLeft({ account, device })
        else this.part.send(["moved", account, device, next.id], undefined, keyOf({ account, device }))
      }
    }
    for (const key of this.changed) this.moving.delete(key)
    this.changed.clear()
    if (come.length > 0) this.tellOf(come)
  }

  private tellLeft({ account, device }: DeviceId) {
    this.part.send(["left", account, device], undefined, keyOf({ account, device }))
  }

  private tellOf(devices: ReadonlyArray<Connected>, to: ReadonlyArray<OtherServer> = this.others.all) {
    for (let from = 0; from < devices.length; from += maxDevices) {
      const some = devices.slice(from, from + maxDevices)
      this.number += 1
      for (const { account, device } of some) {
        const key = keyOf({ account, device })
        this.unknown.delete(key) // so that it moves to the end
        this.unknown.set(key, { account, device, number: this.number })
      }
      for (const server of to) {
        const known = this.servers.get(server)
        if (known !== undefined) known.last = this.number
        this.tellServer(server, some)
      }
    }
    this.checkKnown()
  }

  /** While a server accepts no messages, only the last one about each device waits for it. */
  private tellServer(server: OtherServer, devices: ReadonlyArray<Connected>) {
    const came = (some: ReadonlyArray<Connected>): ServerMessage => [
      "came",
      this.number,
      some.map(({ account, device, isSlow, name }) => [account, device, name, isSlow])
    ]
    if (!this.part.mustWait(server)) return this.part.send(came(devices), server)
    for (const device of devices) this.part.send(came([device]), server, keyOf(device))
  }

  private appeared(server: OtherServer) {
    this.servers.set(server, { devices: new Map(), last: this.number, known: this.number })
    this.tellOf([...this.told.values()], [server])
  }

  private received(server: OtherServer, message: ServerMessage) {
    const known = this.servers.get(server)
    if (known === undefined || !Array.isArray(message)) return
    const [what, first, second, third] = message as ReadonlyArray<ServerMessage>
    if (what === "came") {
      for (const [account, device, name, isSlow] of second as ReadonlyArray<[AccountId, string, string, boolean]>) {
        this.add(server, known, { account, device, name, isSlow })
      }
      this.part.send(["known", first as number], server, "known")
    } else if (what === "left") {
      const found = known.devices.get(keyOf({ account: first as AccountId, device: second as string }))
      if (found !== undefined) this.remove(server, known, found)
    } else if (what === "moved") {
      const found = known.devices.get(keyOf({ account: first as AccountId, device: second as string }))
      if (found !== undefined) this.moved(server, known, found, third as string)
    } else if (what === "slow") {
      const found = known.devices.get(keyOf({ account: first as AccountId, device: second as string }))
      if (found !== undefined) found.isSlow = third as boolean
    } else if (what === "known") {
      known.known = Math.max(known.known, first as number)
      this.checkKnown()
    }
  }

  private moved(from: OtherServer, known: Server, connected: Connected, to: string) {
    if (to === this.others.self) {
      const key = keyOf(connected)
      this.arriving.set(key, from)
      if (this.here.has(key)) this.arrived(key)
      // The client has given up while the other server was asked.
      else if (!this.isComing(connected)) this.staysAway(connected)
      return
    }
    for (const [server, next] of this.servers) if (server.id === to) this.add(server, next, connected)
    this.remove(from, known, connected)
  }

  private lost(server: OtherServer) {
    const known = this.servers.get(server)
    if (known === undefined) return
    for (const connected of known.devices.values()) this.remove(server, known, connected)
    this.servers.delete(server)
    this.checkKnown()
  }

  private add(server: OtherServer, { devices }: Server, connected: Connected) {
    const { account, device, name } = connected
    devices.set(keyOf(connected), connected)
    const known = this.accounts.get(account)
    const elsewhere = known ?? { name, devices: new Map<string, Set<OtherServer>>() }
    if (known === undefined) this.accounts.set(account, elsewhere)
    const servers = elsewhere.devices.get(device)
    if (servers === undefined) elsewhere.devices.set(device, new Set([server]))
    else servers.add(server)
    if (known === undefined) this.broker?.elsewhere(name, true)
  }

  private remove(server: OtherServer, { devices }: Server, connected: Connected) {
    const { account, device } = connected
    devices.delete(keyOf(connected))
    const elsewhere = this.accounts.get(account)
    const servers = elsewhere?.devices.get(device)
    servers?.delete(server)
    if (elsewhere === undefined || servers === undefined || servers.size > 0) return
    elsewhere.devices.delete(device)
    for (const listener of this.leftListeners) listener(account)
    if (elsewhere.devices.size > 0) return
    this.accounts.delete(account)
    this.broker?.elsewhere(elsewhere.name, false)
  }

  /** Reports the devices that all servers know now. */
  private checkKnown() {
    let known = Infinity
    for (const server of this.servers.values()) {
      // Messages to a server that has just appeared have later numbers, which the others never get to confirm.
      if (server.known < server.last) known = Math.min(known, server.known)
    }
    for (const [key, device] of this.unknown) {
      if (device.number > known) return
      this.unknown.delete(key)
      for (const listener of this.listeners) listener(device)
    }
  }
}

const nowhere: ReadonlySet<OtherServer> = new Set()
