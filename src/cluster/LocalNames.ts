import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Admission, Claim, LoginDecision } from "../chat/Admission.js"
import { Device } from "../chat/Device.js"
import type { FeatureContext } from "../chat/Feature.js"
import { likenessOf } from "../chat/Names.js"
import { retryBusy } from "../chat/Options.js"
import type { Peer } from "../chat/Peer.js"
import * as FatalReply from "../protocol/FatalReply.js"
import type { Nodes } from "./Nodes.js"

interface Collaborators {
  readonly broker: Pick<FeatureContext, "alike" | "breakOff" | "expel" | "soon">
  readonly nodes: () => Pick<Nodes, "claim" | "release"> | undefined
  /** Whether logins can be decided at the moment. */
  readonly isOpen: () => boolean
}

/** A name of clients here. */
interface Held {
  /** The logins that are being decided. */
  pending: number
  isOurs: boolean
}

/** A name in the directory that no client can have. */
export const isHidden = (name: string): boolean => name.startsWith("-")

/** What the directory has for a name that no line can be addressed to. */
const hidden = (name: string) => `-${name}`

const unavailable = FatalReply.namesUnavailable(Duration.toMillis(retryBusy))

/**
 * The names of this node's clients, which no other node may give to its own. A name is claimed before its first client
 * logs in, and released when its last connection has ended.
 */
export class LocalNames {
  /** By likeness. */
  private readonly held = new Map<string, Held>()

  constructor(private readonly cluster: Collaborators) {}

  /** Admits the clients that `inner` admits, unless another node has their name. */
  private admit(inner: Admission, claim: Claim, decision: LoginDecision): LoginDecision | Effect.Effect<LoginDecision> {
    const { broker, isOpen, nodes } = this.cluster
    // The store, which all nodes share, already keeps the names of accounts unique.
    if (decision instanceof Device) return isOpen() ? decision : unavailable
    if (decision !== undefined) return decision
    const current = nodes()
    if (!isOpen() || current === undefined) return unavailable
    const { name } = claim
    const likeness = likenessOf(name)
    const held = this.held.get(likeness) ?? { pending: 0, isOurs: false }
    // A connection of this name keeps it for the node, and whether it is free here is checked next.
    if (held.isOurs && broker.alike(name).length > 0) return undefined
    this.held.set(likeness, held)
    held.pending += 1
    return current.claim(likeness, claim.isSendOnly ? hidden(name) : name).pipe(
      Effect.map((claimed): LoginDecision => {
        held.isOurs = claimed._tag === "Yours"
        return held.isOurs ? undefined : FatalReply.loginInUse(name)
      }),
      Effect.catchAll(() => Effect.succeed<LoginDecision>(unavailable)),
      Effect.ensuring(Effect.sync(() => this.decided(inner, claim, held)))
    )
  }

  /** The broker learns of the decision in a later turn. Only then does the client have the name, or not. */
  private decided(inner: Admission, claim: Claim, held: Held) {
    const { soon } = this.cluster.broker
    soon(() =>
      soon(() => {
        held.pending -= 1
        this.expelRefused(inner, claim)
        this.releaseIfFree(claim.name)
      })
    )
  }

  /**
   * While the name was claimed, it may have become that of an account, whose guests were expelled before this one came.
   */
  private expelRefused(inner: Admission, claim: Claim) {
    const { alike, expel } = this.cluster.broker
    const decision = inner.decide(claim)
    // A client that can prove to own the account would not have been admitted as a guest.
    if (decision === undefined || Effect.isEffect(decision) || decision instanceof Device) return
    for (const peer of alike(claim.name)) if (peer.device === undefined) expel(peer, decision)
  }

  /** The connection of a peer has ended. */
  ended({ name }: Peer) {
    if (name !== "") this.releaseIfFree(name)
  }

  private releaseIfFree(name: string) {
    const likeness = likenessOf(name)
    const held = this.held.get(likeness)
    if (held === undefined || held.pending > 0 || this.cluster.broker.alike(name).length > 0) return
    this.held.delete(likeness)
    if (held.isOurs) this.cluster.nodes()?.release(likeness)
  }

  /**
   * Another node has the name: its clients here have to go. Lines that their writers have in hand would be written when
   * this node may write again, to a client that has the name no more: such a connection is broken off, and they return.
   */
  taken(likeness: string, name: string) {
    const { broker, isOpen } = this.cluster
    const held = this.held.get(likeness)
    if (held !== undefined) held.isOurs = false
    for (const peer of broker.alike(name)) {
      const fatal = FatalReply.loginInUse(peer.name)
      if (!isOpen() && peer.outbox.lines > 0) broker.breakOff(peer, fatal.reason)
      else broker.expel(peer, fatal)
    }
  }

  /** The same admission, for the names of the whole cluster. */
  admission(inner: Admission): Admission {
    return {
      takesSecrets: inner.takesSecrets === true,
      decide: (claim) => {
        // `inner` is not even asked: it would assign the device to this node.
        if (!this.cluster.isOpen()) return unavailable
        const decision = inner.decide(claim)
        if (!Effect.isEffect(decision)) return this.admit(inner, claim, decision)
        return Effect.flatMap(decision, (decided) => {
          const admitted = this.admit(inner, claim, decided)
          return Effect.isEffect(admitted) ? admitted : Effect.succeed(admitted)
        })
      }
    }
  }
}
