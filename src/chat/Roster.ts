import * as Name from "../protocol/Name.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import type { Peer } from "./Peer.js"

/** Who has a name, as others than the broker see it: through a `Ref`, read only. */
export interface Members {
  /** Changes whenever somebody can be addressed who could not before, or the reverse. */
  readonly version: number
  /** By name, in its wire form. */
  readonly byName: ReadonlyMap<string, Peer>
}

/** Who has a name. The broker's fiber is the only one that changes it. */
export class Roster {
  version = 0
  readonly byName = new Map<string, Peer>()
  private readonly byLikeness = new Map<string, Peer>()
  private names: ReadonlyArray<string> | undefined = undefined
  private whoLines: ReadonlyArray<string> | undefined = undefined

  /** Gives a peer its name; false if that, or one that looks the same, is taken (protocol, section 2). */
  join(peer: Peer, name: string): boolean {
    const likeness = likenessOf(name)
    if (this.byLikeness.has(likeness)) return false
    peer.name = name
    peer.present = true
    this.byName.set(name, peer)
    this.byLikeness.set(likeness, peer)
    this.changed()
    return true
  }

  /** It can no longer be addressed; its name is not free yet. True if it was present. */
  leave(peer: Peer): boolean {
    if (!peer.present) return false
    peer.present = false
    this.changed()
    return true
  }

  /** Frees the name of this very peer: another may have it by now. */
  remove(peer: Peer) {
    if (this.byName.get(peer.name) !== peer) return
    this.byName.delete(peer.name)
    this.byLikeness.delete(likenessOf(peer.name))
  }

  find(name: string): Peer | undefined {
    const peer = this.byName.get(name)
    return peer?.present === true ? peer : undefined
  }

  /** The names of all that can be addressed, sorted. */
  present(): ReadonlyArray<string> {
    return (this.names ??= [...this.byName.values()]
      .filter((peer) => peer.present)
      .map((peer) => peer.name)
      .toSorted())
  }

  /** The answer to `/who`; it is long, and asked for by everybody. */
  who(): ReadonlyArray<string> {
    return (this.whoLines ??= Reply.who(this.present()))
  }

  members(): Members {
    return { version: this.version, byName: this.byName }
  }

  private changed() {
    this.version += 1
    this.names = undefined
    this.whoLines = undefined
  }
}

const likenessOf = (name: string) => (Wire.isAscii(name) ? name.toUpperCase() : Name.likeness(Wire.decode(name)))
