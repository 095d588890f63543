import * as FatalReply from "../protocol/FatalReply.js"
import * as AddressRange from "./AddressRange.js"
import type { BanSubject } from "./BanSubject.js"
import { likenessOf } from "./Names.js"
import type { Peer } from "./Peer.js"

export interface Ban {
  readonly subject: BanSubject
  /** When the ban ends, on the monotonic clock; `Infinity` if it has no end. */
  readonly until: number
}

/** The bans of a server. They are in memory, and end with the server. */
export class Bans {
  /** By the number of bits, then by the prefix. A lookup takes one step for each prefix length in use. */
  private readonly byRange = new Map<number, Map<bigint, Ban>>()
  /** Keyed by `Name.likeness`, as the names of clients are. */
  private readonly byName = new Map<string, Ban>()
  /** The earliest end of a ban. */
  private nextEnd = Infinity

  constructor(private readonly now: () => number) {}

  /** Adds a ban, which replaces an earlier one of the same subject. */
  add(subject: BanSubject, until: number) {
    this.removeOver()
    this.nextEnd = Math.min(this.nextEnd, until)
    const ban: Ban = { subject, until }
    if (subject._tag === "Name") return this.byName.set(likenessOf(subject.name), ban)
    const { bits, prefix } = subject.range
    const bans = this.byRange.get(bits)
    return bans === undefined ? this.byRange.set(bits, new Map([[prefix, ban]])) : bans.set(prefix, ban)
  }

  /** Lifts a ban; false if there is none of this subject. */
  remove(subject: BanSubject): boolean {
    this.removeOver()
    if (subject._tag === "Name") return this.byName.delete(likenessOf(subject.name))
    const { bits, prefix } = subject.range
    const bans = this.byRange.get(bits)
    const isRemoved = bans?.delete(prefix) === true
    if (bans?.size === 0) this.byRange.delete(bits)
    return isRemoved
  }

  /** All bans, those of addresses first. */
  get all(): ReadonlyArray<Ban> {
    this.removeOver()
    return [...[...this.byRange.values()].flatMap((bans) => [...bans.values()]), ...this.byName.values()]
  }

  /** The refusal of a connection from this host; undefined if it is not banned. */
  ofHost(host: string): FatalReply.Fatal | undefined {
    if (this.byRange.size === 0) return undefined
    const address = AddressRange.valueOf(host)
    if (address === undefined) return undefined
    // Ranges may overlap: the client may come back when the last ban is over.
    let until = -Infinity
    for (const [bits, bans] of this.byRange) {
      until = Math.max(until, bans.get(AddressRange.prefixOf(address, bits))?.until ?? -Infinity)
    }
    return this.refusal(until)
  }

  /** The refusal of a login under this name, in wire form; undefined if it is not banned. */
  ofName(name: string): FatalReply.Fatal | undefined {
    if (this.byName.size === 0) return undefined
    return this.refusal(this.byName.get(likenessOf(name))?.until ?? -Infinity)
  }

  /** The refusal for a connected client; undefined if it is not banned. */
  ofPeer({ name, socket }: Peer): FatalReply.Fatal | undefined {
    return this.ofHost(socket.host) ?? (name === "" ? undefined : this.ofName(name))
  }

  private refusal(until: number): FatalReply.Fatal | undefined {
    const left = until - this.now()
    if (left <= 0) return undefined
    return FatalReply.banned(until === Infinity ? undefined : Math.ceil(left))
  }

  private removeOver() {
    const now = this.now()
    if (now < this.nextEnd) return
    this.nextEnd = Infinity
    for (const bans of [this.byName, ...this.byRange.values()] as ReadonlyArray<Map<unknown, Ban>>) {
      for (const [key, { until }] of bans) {
        if (until <= now) bans.delete(key)
        else this.nextEnd = Math.min(this.nextEnd, until)
      }
    }
    for (const [bits, bans] of this.byRange) if (bans.size === 0) this.byRange.delete(bits)
  }
}

/** Whether a connected client's address is in the range. */
export const concerns = ({
  range: { bits, prefix }
}: BanSubject & { readonly _tag: "Addresses" }): ((peer: Peer) => boolean) => {
  return ({ socket }) => {
    const address = AddressRange.valueOf(socket.host)
    return address !== undefined && AddressRange.prefixOf(address, bits) === prefix
  }
}
