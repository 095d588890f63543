import type { Entry } from "../ports/Cluster.js"
import * as Claim from "./Claim.js"
import type { PeerNode } from "./PeerNode.js"

export interface NamesElsewhereOptions {
  readonly self: string
  readonly peerOf: (incarnation: string) => PeerNode | undefined
  /** A name can be addressed at this node now, or at none. */
  readonly moved: (name: string, peer: PeerNode | undefined) => void
  /** An entry of this node. */
  readonly own: (entry: Entry) => void
  /** An entry was removed, or is another node's, since this revision. */
  readonly foreign: (key: string, revision: number) => void
  /** Every entry of this node that there was since the watch started again, by key: its revision. */
  readonly ownEntries: (revisions: ReadonlyMap<string, number>) => void
}

/** How long names are kept that the engine has lost, in ticks: their nodes claim them again meanwhile. A term is 12. */
const keptTicks = 12

interface Known extends Claim.NameClaim {
  readonly revision: number
}

/** The names of other nodes, as the watch of the directory reports them. */
export class NamesElsewhere {
  /** By key. With those of nodes that this node does not know yet. */
  private readonly known = new Map<string, Known>()
  /** The keys of an incarnation. */
  private readonly keys = new Map<string, Set<string>>()
  /** By name. */
  private readonly present = new Map<string, PeerNode>()
  /** The keys that the watch has not reported since it was restarted. */
  private stale: Set<string> | undefined = undefined
  /** The keys that the engine has lost, and for how many ticks they are still kept. */
  private readonly missing = new Map<string, number>()
  /** The watch that starts again does so because the engine has lost its entries. */
  private isEmptied = false
  /** The entries of this node that it has reported since, by key: their revisions. */
  private readonly own = new Map<string, number>()
  /**
   * The watch has reported everything up to this revision: what an older answer contains is known, or was removed
   * since. A restarted watch does not report its entries in the order of their revisions.
   */
  private toldUpTo = 0
  private latest = 0
  /** Where the names that have moved since the beginning of `atOnce` were before; undefined outside of it. */
  private movedFrom: Map<string, PeerNode | undefined> | undefined = undefined

  constructor(private readonly options: NamesElsewhereOptions) {}

  where(name: string): PeerNode | undefined {
    return this.present.get(name)
  }

  get size(): number {
    return this.present.size
  }

  alike(likeness: string): string | undefined {
    const known = this.known.get(Claim.keyOf(likeness))
    return known !== undefined && this.present.has(known.name) ? known.name : undefined
  }

  /** The watch starts again: entries that do not come until `current` are gone. */
  restarted(isEmptied: boolean) {
    this.stale = new Set(this.known.keys())
    this.isEmptied ||= isEmptied
    this.own.clear()
  }

  current() {
    const { isEmptied, stale } = this
    this.stale = undefined
    this.isEmptied = false
    this.toldUpTo = this.latest
    for (const key of stale ?? [])
      if (isEmptied) this.missing.set(key, keptTicks)
      else if (!this.missing.has(key)) this.set(key, undefined)
    this.options.ownEntries(this.own)
    this.own.clear()
  }

  /** To be called every `Term.beat` while the engine can be reached. */
  tick() {
    for (const [key, left] of this.missing)
      if (left > 1) this.missing.set(key, left - 1)
      else this.set(key, undefined)
  }

  /** The incarnations that have names, with their nodes. */
  *owners(): Iterable<{ readonly node: string; readonly incarnation: string }> {
    for (const [incarnation, keys] of this.keys) {
      const [key = ""] = keys
      const { node } = this.known.get(key) ?? {}
      if (node !== undefined) yield { node, incarnation }
    }
  }

  /** The first entries of an incarnation, by key: their revisions. */
  entriesOf(incarnation: string, most: number): ReadonlyArray<readonly [key: string, revision: number]> {
    const entries: Array<readonly [string, number]> = []
    for (const key of this.keys.get(incarnation) ?? []) {
      if (entries.length === most) break
      entries.push([key, this.known.get(key)?.revision ?? 0])
    }
    return entries
  }

  /** An entry that was read. */
  found(entry: Entry) {
    if (entry.revision <= this.toldUpTo) return
    const { key } = entry
    // The restarted watch has reported a later state already, or has not reached it: the entry may be gone in it.
    const isUntold = this.stale !== undefined && (this.stale.has(key) || !this.known.has(key))
    this.take(entry, false)
    if (isUntold) this.stale?.add(key)
  }

  put(entry: Entry) {
    this.told(entry.revision)
    const isStale = this.stale?.delete(entry.key) === true
    this.take(entry, isStale || this.missing.has(entry.key))
  }

  private told(revision: number) {
    this.latest = Math.max(this.latest, revision)
    if (this.stale === undefined) this.toldUpTo = this.latest
  }

  private take(entry: Entry, isAgain: boolean) {
    const { key, revision, value } = entry
    const before = this.known.get(key)
    // What `find` has read may be newer. An engine that has lost its entries counts anew.
    if (before !== undefined && before.revision >= revision && !isAgain) return
    const claim = Claim.parse(value)
    const isOwn = claim?.node === this.options.self
    if (isOwn) {
      if (this.stale !== undefined) this.own.set(key, revision)
      this.options.own(entry)
    } else this.options.foreign(key, revision)
    this.set(key, claim === undefined || isOwn ? undefined : { ...claim, revision })
  }

  removed(key: string, revision: number) {
    this.told(revision)
    this.options.foreign(key, revision)
    const isStale = this.stale?.delete(key) === true
    // What was read may be newer.
    if (isStale || (this.known.get(key)?.revision ?? 0) < revision) this.set(key, undefined)
  }

  private set(key: string, next: Known | undefined) {
    const before = this.known.get(key)
    this.missing.delete(key)
    if (before !== undefined) {
      const keys = this.keys.get(before.incarnation)
      keys?.delete(key)
      if (keys?.size === 0) this.keys.delete(before.incarnation)
    }
    if (next === undefined) this.known.delete(key)
    else {
      this.known.set(key, next)
      const keys = this.keys.get(next.incarnation)
      if (keys === undefined) this.keys.set(next.incarnation, new Set([key]))
      else keys.add(key)
    }
    if (before !== undefined && before.name !== next?.name) this.show(before.name, undefined)
    if (next !== undefined) this.show(next.name, this.options.peerOf(next.incarnation))
  }

  private show(name: string, peer: PeerNode | undefined) {
    const before = this.present.get(name)
    if (before === peer) return
    if (peer === undefined) this.present.delete(name)
    else this.present.set(name, peer)
    if (this.movedFrom === undefined) this.options.moved(name, peer)
    else if (!this.movedFrom.has(name)) this.movedFrom.set(name, before)
  }

  /** Runs something, and then reports each name that is not where it was before, once. */
  atOnce(run: () => void) {
    const movedFrom = new Map<string, PeerNode | undefined>()
    this.movedFrom = movedFrom
    run()
    this.movedFrom = undefined
    for (const [name, before] of movedFrom) {
      const peer = this.present.get(name)
      if (peer !== before) this.options.moved(name, peer)
    }
  }

  /** A node appeared: the names that it has claimed before this node knew it can be addressed. */
  appeared(peer: PeerNode) {
    for (const key of this.keys.get(peer.incarnation) ?? []) {
      const known = this.known.get(key)
      if (known !== undefined) this.show(known.name, peer)
    }
  }

  /** A node was lost: its names are gone at once, although their entries stay until they are claimed again. */
  lost(peer: PeerNode) {
    for (const key of this.keys.get(peer.incarnation) ?? []) {
      const known = this.known.get(key)
      if (known !== undefined) this.show(known.name, undefined)
    }
  }
}
