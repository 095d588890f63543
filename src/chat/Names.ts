import * as HashMap from "effect/HashMap"
import { TurnoverMap } from "../concurrency/Turnover.js"
import * as Name from "../protocol/Name.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import type { Account, Device } from "./Device.js"
import type { Resolver } from "./Directory.js"
import type { LineForm } from "./LineForm.js"
import type { Peer } from "./Peer.js"
import * as Phase from "./Phase.js"
import type { Destination } from "./Route.js"

/**
 * The clients that lines can be addressed to, by their names in wire form. Of an account's devices, the one that logged
 * in first. An immutable value.
 */
export type Members = HashMap.HashMap<string, Peer>

/** The names of the clients that are connected here. Only the broker's turn changes them. */
export class Names implements Resolver {
  private present: Members = HashMap.empty()
  /** Keyed by `Name.likeness`. A name stays taken until its client's writer has ended. */
  private readonly byLikeness = new TurnoverMap<string, Peer>()
  /** The guests that only send, and their name, by the same key. */
  private readonly senders = new Map<string, { readonly name: string; readonly clients: Set<Peer> }>()
  /**
   * All connections of accounts, by the same key, until their writers have ended. In lists, since an account has few of
   * them: a map for each takes 200 bytes more (benchmark: memory per idle connection of an account).
   */
  private readonly connections = new Map<string, Array<Peer>>()
  /** Made by the first `/who`, and kept up to date from then on: sorting thousands of names takes milliseconds. */
  private sorted: Array<string> | undefined = undefined
  private whoParts: ReadonlyArray<string> | undefined = undefined
  /** Names that can be addressed at other nodes. Only for `/who`; a resolver routes to them. */
  private readonly elsewhere = new Set<string>()

  /** @param changed called with a name when its destination has changed */
  constructor(private readonly changed: (name: string) => void) {}

  get members(): Members {
    return this.present
  }

  /** Logs a guest in under a name; false if that name, or one that looks the same, is taken (protocol, section 2). */
  join(peer: Peer, name: string): boolean {
    const likeness = likenessOf(name)
    const senders = this.senders.get(likeness)
    // A present client and clients that only send exclude each other: otherwise a sender could impersonate the client.
    if (this.byLikeness.has(likeness)) return false
    if (senders !== undefined && !(peer.isSendOnly && senders.name === name)) return false
    peer.enter(Phase.present)
    peer.outbox.name = name
    if (peer.isSendOnly) {
      if (senders === undefined) this.senders.set(likeness, { name, clients: new Set([peer]) })
      else senders.clients.add(peer)
      return true
    }
    this.byLikeness.set(likeness, peer)
    this.become(HashMap.set(this.present, name, peer), name)
    return true
  }

  /**
   * Logs a peer in as a device of an account. The name is the account's, so no other client can have it. The device
   * must not be present.
   */
  joinAs(peer: Peer, device: Device) {
    peer.enter(Phase.present)
    peer.outbox.name = device.account.name
    this.connect(peer, device)
  }

  /** Makes a present guest a device of the account that has the guest's name. */
  adopt(peer: Peer, device: Device) {
    this.free(peer)
    this.connect(peer, device)
  }

  private connect(peer: Peer, device: Device) {
    const likeness = likenessOf(device.account.name)
    peer.device = device
    const isFirst = this.devicesOf(device.account).length === 0
    const connections = this.connections.get(likeness)
    if (connections === undefined) this.connections.set(likeness, [peer])
    else connections.push(peer)
    if (!peer.isSendOnly) this.appear(peer, isFirst)
  }

  private appear(peer: Peer, isFirst: boolean) {
    const { name } = peer
    if (!isFirst) return this.changed(name)
    this.byLikeness.set(likenessOf(name), peer)
    this.become(HashMap.set(this.present, name, peer), name)
  }

  /** The present devices of an account. */
  devicesOf({ name }: Account): ReadonlyArray<Peer> {
    return this.connections.get(likenessOf(name))?.filter(isPresentDevice) ?? []
  }

  get allDevices(): ReadonlyArray<Device> {
    const peers = [...this.connections.values()].flat().filter(isPresentDevice)
    return peers.flatMap(({ device }) => device ?? [])
  }

  /**
   * Moves a peer to a phase in which it cannot be addressed; its name stays taken. True if it was present until now.
   */
  leave(peer: Peer, phase: Phase.Phase): boolean {
    const wasPresent = peer.phase._tag === "Present" && !peer.isSendOnly
    peer.enter(phase)
    if (!wasPresent) return false
    if (peer.device === undefined) this.become(HashMap.remove(this.present, peer.name), peer.name)
    else this.disappear(peer, peer.device)
    return true
  }

  private disappear({ name }: Peer, { account }: Device) {
    const [next] = this.devicesOf(account)
    if (next !== undefined) this.byLikeness.set(likenessOf(name), next)
    this.become(next === undefined ? HashMap.remove(this.present, name) : HashMap.set(this.present, name, next), name)
  }

  /** Sets the form in which a peer gets messages from now on. */
  setForm({ name, outbox, phase }: Peer, form: LineForm) {
    if (outbox.form === form) return
    outbox.form = form
    if (phase._tag === "Present") this.changed(name)
  }

  /** Frees the name of a peer, unless another client has taken the name in the meantime. */
  free(peer: Peer) {
    if (peer.name === "") return
    const likeness = likenessOf(peer.name)
    const senders = this.senders.get(likeness)?.clients
    if (senders?.delete(peer) === true && senders.size === 0) this.senders.delete(likeness)
    const connections = this.connections.get(likeness)
    const at = connections?.indexOf(peer) ?? -1
    if (at >= 0) connections?.splice(at, 1)
    if (connections?.length === 0) this.connections.delete(likeness)
    if (this.byLikeness.get(likeness) === peer) this.byLikeness.delete(likeness)
  }

  /** All connections whose names are this one or look the same, until their writers have ended. */
  alike(name: string): ReadonlyArray<Peer> {
    const likeness = likenessOf(name)
    const peer = this.byLikeness.get(likeness)
    const guest = peer !== undefined && peer.device === undefined ? [peer] : []
    return [...guest, ...(this.senders.get(likeness)?.clients ?? []), ...(this.connections.get(likeness) ?? [])]
  }

  find(name: string): Peer | undefined {
    const found = HashMap.get(this.present, name)
    return found._tag === "Some" ? found.value : undefined
  }

  /** The name of an addressable client that looks the same as this name but differs from it. */
  lookAlike(name: string): string | undefined {
    if (name.length > Name.maxWireLength) return undefined
    const peer = this.byLikeness.get(likenessOf(name))
    return peer?.phase._tag === "Present" && peer.name !== name ? peer.name : undefined
  }

  /** Resolves the names of guests. The feature that has the accounts resolves theirs. */
  resolve(name: string): Destination<Peer> | undefined {
    const peer = this.find(name)
    return peer === undefined || peer.device !== undefined ? undefined : { outboxes: [peer.outbox], suffix: "" }
  }

  /** The names of all clients that can be addressed, sorted. Valid until the next of them joins or leaves. */
  all(): ReadonlyArray<string> {
    return (this.sorted ??= [...new Set([...HashMap.keys(this.present), ...this.elsewhere])].toSorted())
  }

  /** Sets whether a client of this name can be addressed at another node. Returns whether that is a change. */
  setElsewhere(name: string, isThere: boolean): boolean {
    if (this.elsewhere.has(name) === isThere) return false
    if (isThere) this.elsewhere.add(name)
    else this.elsewhere.delete(name)
    this.list(name)
    return true
  }

  isElsewhere(name: string): boolean {
    return this.elsewhere.has(name)
  }

  /** The reply to `/who`. Its names are cached, because they are many and many clients ask for them. */
  who(label: string | undefined): ReadonlyArray<string> {
    const names = this.all()
    return Reply.whoOf(names.length, (this.whoParts ??= Reply.whoParts(names)), label)
  }

  private become(present: Members, name: string) {
    this.present = present
    this.list(name)
    this.changed(name)
  }

  private list(name: string) {
    this.whoParts = undefined
    if (this.sorted === undefined) return // nobody has asked for it (benchmark: churn)
    update(this.sorted, name, HashMap.has(this.present, name) || this.elsewhere.has(name))
  }
}

const isPresentDevice = ({ isSendOnly, phase }: Peer) => phase._tag === "Present" && !isSendOnly

/** Adds a name to a sorted list, or removes it. */
const update = (sorted: Array<string>, name: string, isPresent: boolean) => {
  let at = 0
  for (let end = sorted.length; at < end;) {
    const middle = (at + end) >> 1
    if ((sorted[middle] as string) < name)
      at = middle + 1 // in range
    else end = middle
  }
  if (isPresent) sorted.splice(at, sorted[at] === name ? 1 : 0, name)
  else if (sorted[at] === name) sorted.splice(at, 1)
}

/** The key of a name in wire form for look-alikes. */
export const likenessOf = (name: string): string =>
  Wire.isAscii(name) ? name.toUpperCase() : Name.likeness(Wire.decode(name))
