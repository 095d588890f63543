import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Exit from "effect/Exit"
import { type ClusterDirectory, ClusterUnavailable, type Entry } from "../ports/Cluster.js"
import * as Claim from "./Claim.js"
import { type ClaimSlot, ClaimSlots } from "./ClaimSlots.js"
import type { Claimed } from "./Nodes.js"
import { OtherOwners } from "./OtherOwners.js"
import { UntoldClaims } from "./UntoldClaims.js"
import { UntoldRemovals } from "./UntoldRemovals.js"

export interface ClaimsOptions {
  /** The name of this node. */
  readonly self: string
  readonly directory: ClusterDirectory
  /** The incarnation of this node. */
  readonly incarnation: () => string
  /** Whether it may claim names. */
  readonly canClaim: () => boolean
  /** Whether this incarnation of a node is part of the cluster; asks the directory if this node does not know it. */
  readonly isAlive: (node: string, incarnation: string) => Effect.Effect<boolean, ClusterUnavailable>
  /** The name of a client of another living node that looks the same, according to the watch. */
  readonly elsewhere: (likeness: string) => string | undefined
}

interface Held {
  readonly name: string
  readonly revision: number
  readonly incarnation: string
  /** Whether the directory may have something else. */
  readonly isDoubtful?: boolean
}

/** A swap fails if another node was faster. It is not likely to be so again and again. */
const maxAttempts = 8

/** Entries that are repaired at the same time. */
const concurrency = 16

/** The names of this node in the directory. */
export class Claims {
  private readonly held = new Map<string, Held>()
  private readonly slots = new ClaimSlots()
  /** Likenesses whose entry in the directory differs, or may differ, from what this node has. */
  private readonly pending = new Set<string>()
  /**
   * The revisions of claims that are to be removed, where this node knows them: reading each first would be a third of
   * the requests of a client that comes and goes (benchmark: nodes-logins).
   */
  private readonly released = new Map<string, number>()
  /**
   * Likenesses about which the watch reported changes while they were repaired: an answer may be older than the change.
   */
  private readonly news = new Set<string>()
  /** Likenesses that a later process of this node has claimed. It may end before this one, which is reborn then. */
  private readonly later = new Set<string>()
  private readonly untold = new UntoldClaims()
  private readonly untoldRemovals = new UntoldRemovals()
  private readonly otherOwners: OtherOwners
  /** Those of `pending` that the watch has not reported in time. */
  private readonly unsure = new Set<string>()
  /**
   * What the watch reported about likenesses during their claims, perhaps before the answer came: the name that this
   * node has, or undefined.
   */
  private readonly toldEarly = new Map<string, { readonly revision: number; readonly name: string | undefined }>()
  /** How many claims run for a likeness. */
  private readonly claiming = new Map<string, number>()
  private isWorking = false
  readonly counts = { yours: 0, taken: 0, unavailable: 0 }

  constructor(private readonly options: ClaimsOptions) {
    this.otherOwners = new OtherOwners(options)
  }

  /** As in `Nodes.claim`. */
  claim(likeness: string, name: string): Effect.Effect<Claimed, ClusterUnavailable> {
    return this.inClaim(likeness, (slot) => this.take(likeness, name, slot, this.keep))
  }

  /** Claims a name of this node again, in its current spelling; undefined if it was released. */
  private claimAgain(likeness: string): Effect.Effect<Claimed | undefined, ClusterUnavailable> {
    return this.inClaim(likeness, (slot) => {
      const held = this.held.get(likeness)
      if (held === undefined) return Effect.succeed(undefined)
      return this.take(likeness, held.name, slot, this.keepUnlessReleased)
    })
  }

  private inClaim<A extends Claimed | undefined>(
    likeness: string,
    act: (slot: ClaimSlot) => Effect.Effect<A, ClusterUnavailable>
  ) {
    return Effect.suspend(() => {
      if (this.pending.delete(likeness)) this.doubt(likeness)
      this.released.delete(likeness)
      this.news.delete(likeness)
      this.claiming.set(likeness, (this.claiming.get(likeness) ?? 0) + 1)
      return this.slots.inTurn(likeness, act).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            const left = (this.claiming.get(likeness) ?? 1) - 1
            if (left === 0) {
              this.claiming.delete(likeness)
              this.toldEarly.delete(likeness)
            } else this.claiming.set(likeness, left)
            this.count(exit)
            // The claim may have been carried out, or may still be.
            if (exit._tag === "Failure") this.pending.add(likeness)
          })
        )
      )
    })
  }

  /**
   * The directory may differ from what this node has, so `take` reads it first. The engine reuses revisions that it has
   * forgotten: another node's claim may have the same one.
   */
  private doubt(likeness: string) {
    const held = this.held.get(likeness)
    if (held !== undefined) this.held.set(likeness, { ...held, isDoubtful: true })
  }

  private lost(likeness: string, by: string): Claimed {
    this.held.delete(likeness)
    return { _tag: "Taken", by }
  }

  private count(exit: Exit.Exit<Claimed | undefined, ClusterUnavailable>) {
    if (exit._tag === "Failure") this.counts.unavailable += 1
    else if (exit.value?._tag === "Yours") this.counts.yours += 1
    else if (exit.value?._tag === "Taken") this.counts.taken += 1
  }

  private isWanted(likeness: string): boolean {
    return this.held.has(likeness) || this.claiming.has(likeness)
  }

  private take(
    likeness: string,
    name: string,
    slot: ClaimSlot,
    keep: typeof this.keep
  ): Effect.Effect<Claimed, ClusterUnavailable> {
    const { canClaim, directory, self } = this.options
    const key = Claim.keyOf(likeness)
    return Effect.gen(this, function* () {
      if (!canClaim()) return yield* suspended
      const incarnation = this.options.incarnation()
      const before = this.held.get(likeness)
      if (before?.incarnation === incarnation && before.name === name && before.isDoubtful !== true) return yours
      let revision = before?.revision ?? 0
      const by = yield* this.otherOwners.of(likeness, key)
      if (by !== undefined) return this.lost(likeness, by)
      if (before?.isDoubtful === true) {
        const entry = yield* directory.get("names", key)
        const other = yield* this.otherOwners.ofEntry(entry)
        if (other !== undefined) return this.lost(likeness, other)
        revision = entry?.revision ?? 0
      }
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const written = yield* Effect.either(
          directory.swap("names", key, revision, Claim.show({ node: self, incarnation, name }))
        )
        // A claim of a dead incarnation is void.
        if (this.options.incarnation() !== incarnation || !canClaim()) return yield* suspended
        if (Either.isRight(written) && written.right !== undefined)
          return keep(likeness, { name, revision: written.right, incarnation })
        const entry = yield* directory.get("names", key)
        const owner = Claim.claimIn(entry)
        const isOwn = owner?.node === self && owner.incarnation === incarnation
        if (Either.isLeft(written)) {
          // The swap may have been done, or may still be.
          if (!isOwn || owner.name !== name || entry?.revision === slot.removing) return yield* written.left
          return keep(likeness, { name, revision: entry?.revision ?? 0, incarnation })
        }
        if (owner !== undefined && !isOwn && (yield* this.options.isAlive(owner.node, owner.incarnation)))
          return this.lost(likeness, owner.name)
        revision = entry?.revision ?? 0
      }
      return yield* contended
    })
  }

  private readonly keepUnlessReleased: typeof this.keep = (likeness, held) =>
    this.held.has(likeness) ? this.keep(likeness, held) : yours // and `release` has made it pending

  private readonly keep = (likeness: string, held: Held): Claimed => {
    this.held.set(likeness, held)
    this.untoldRemovals.claimed(likeness)
    const told = this.toldEarly.get(likeness)
    if (told === undefined || told.revision < held.revision) this.untold.add(likeness)
    else if (told.name !== held.name) this.pending.add(likeness)
    return yours
  }

  /** As in `Nodes.release`. `work` does it. */
  release(likeness: string) {
    const held = this.held.get(likeness)
    this.held.delete(likeness)
    const isSure = held !== undefined && held.isDoubtful !== true && !this.pending.has(likeness)
    if (isSure) this.released.set(likeness, held.revision)
    this.pending.add(likeness)
  }

  /**
   * Takes what the watch reports about an entry of this node. The entry is written again if it is not what this node
   * has: a swap may be carried out long after it was given up.
   */
  found({ key, revision, value }: Entry) {
    const likeness = Claim.likenessOfKey(key)
    const held = this.held.get(likeness)
    const claim = Claim.parse(value)
    if (claim?.node === this.options.self && !this.isPast(claim)) this.later.add(likeness)
    if (claim?.incarnation === this.options.incarnation()) {
      if (this.claiming.has(likeness)) this.toldEarly.set(likeness, { revision, name: claim.name })
      if (held !== undefined && revision >= held.revision) this.untold.told(likeness)
    }
    if (!this.isPast(claim) || this.claiming.has(likeness) || revision < (held?.revision ?? 0)) return
    if (claim?.incarnation !== held?.incarnation || claim?.name !== held?.name) {
      this.pending.add(likeness)
      this.news.add(likeness)
    } else if (held !== undefined) this.held.set(likeness, { ...held, revision })
  }

  /**
   * Whether a claim is of this incarnation or an earlier one. Later ones are of another process that has replaced this
   * one.
   */
  private isPast(claim: Claim.NameClaim | undefined): boolean {
    return claim?.node === this.options.self && claim.incarnation <= this.options.incarnation()
  }

  /**
   * The watch reports that an entry belongs to another node or was removed. If this node has the name since before, the
   * engine has lost its claim: nats-server 2.9.10 does so with what was written while the machine of its leader was cut
   * off.
   */
  foreign(key: string, revision: number) {
    const likeness = Claim.likenessOfKey(key)
    this.later.delete(likeness)
    this.untoldRemovals.told(likeness, revision)
    const held = this.held.get(likeness)
    if (this.claiming.has(likeness)) this.toldEarly.set(likeness, { revision, name: undefined })
    else if (held !== undefined && held.revision <= revision) this.pending.add(likeness)
  }

  /**
   * The watch has reported every entry of this node since it began: these, by key. The engine has lost what is missing,
   * or older than what this node has, unless the watch still reports it.
   */
  current(revisions: ReadonlyMap<string, number>) {
    for (const likeness of this.toldEarly.keys())
      if (!revisions.has(Claim.keyOf(likeness))) this.toldEarly.delete(likeness)
    for (const [likeness, { revision }] of this.held)
      if ((revisions.get(Claim.keyOf(likeness)) ?? 0) < revision) this.pending.add(likeness)
  }

  /**
   * To be called every `Term.beat` while the engine can be reached. A claim or a removal that the watch does not report
   * may be forgotten: the engine has then gone back to a state before it, and the watch reports that state.
   */
  tick() {
    for (const likeness of this.untold.tick((likeness) => this.held.has(likeness))) {
      this.pending.add(likeness)
      this.unsure.add(likeness)
    }
    const isBusy = (likeness: string) => this.pending.has(likeness) || this.claiming.has(likeness)
    for (const likeness of this.untoldRemovals.tick(isBusy)) this.pending.add(likeness)
  }

  /** Whether there is something for `work`. */
  get hasWork(): boolean {
    return this.pending.size > 0 && !this.isWorking
  }

  /**
   * Repairs the pending likenesses. One that fails stays pending.
   *
   * @param taken called for each name that another node has meanwhile
   */
  work(taken: (likeness: string, name: string) => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isWorking = true
      return Effect.forEach(Array.from(this.pending), (likeness) => Effect.ignore(this.putRight(likeness, taken)), {
        concurrency,
        discard: true
      })
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          this.isWorking = false
        })
      )
    )
  }

  private putRight(likeness: string, taken: (likeness: string, name: string) => void) {
    return Effect.suspend(() => {
      const held = this.held.get(likeness)
      if (held === undefined) return this.free(likeness)
      const again = Effect.map(this.claimAgain(likeness), (claimed) => {
        if (claimed?._tag === "Taken") taken(likeness, held.name)
      })
      if (!this.unsure.delete(likeness)) return again
      this.pending.delete(likeness)
      return Effect.flatMap(Effect.either(this.isThere(likeness, held)), (read) =>
        Either.isRight(read) && read.right ? Effect.void : Effect.suspend(() => (this.doubt(likeness), again))
      )
    })
  }

  /** Whether the directory has a claim. A watch may just be slow: writing it again would make that worse. */
  private isThere(likeness: string, held: Held): Effect.Effect<boolean, ClusterUnavailable> {
    return Effect.map(this.options.directory.get("names", Claim.keyOf(likeness)), (entry) => {
      const claim = Claim.claimIn(entry)
      return claim?.incarnation === held.incarnation && claim.name === held.name
    })
  }

  private free(likeness: string) {
    const { directory } = this.options
    const key = Claim.keyOf(likeness)
    return this.slots.inTurn(likeness, (slot) =>
      Effect.gen(this, function* () {
        const isCalledOff = () => !this.pending.has(likeness) || this.isWanted(likeness)
        if (isCalledOff()) return
        this.news.delete(likeness)
        const remove = (revision: number) => {
          slot.removing = revision
          this.untoldRemovals.asked(likeness, revision)
          return Effect.map(directory.swap("names", key, revision, undefined), (removed) => removed !== undefined)
        }
        const known = this.released.get(likeness)
        this.released.delete(likeness)
        if (known === undefined || !(yield* remove(known))) {
          const revision = yield* this.ownRevision(key)
          if (isCalledOff()) return
          if (revision !== undefined && !(yield* remove(revision))) return
        }
        slot.removing = undefined
        if (!this.isWanted(likeness) && !this.news.delete(likeness)) this.pending.delete(likeness)
      })
    )
  }

  /** The revision of an entry, if that is a claim of this node. */
  private ownRevision(key: string): Effect.Effect<number | undefined, ClusterUnavailable> {
    return Effect.map(this.options.directory.get("names", key), (entry) =>
      entry !== undefined && this.isPast(Claim.parse(entry.value)) ? entry.revision : undefined
    )
  }

  /**
   * Claims all names again, for a new incarnation. Waits as long as the directory cannot be reached; succeeds early if
   * there is a newer incarnation still.
   *
   * @param taken called for each name that another node has meanwhile
   */
  reclaim(taken: (likeness: string, name: string) => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      const incarnation = this.options.incarnation()
      for (const likeness of this.later) this.pending.add(likeness)
      this.later.clear()
      const isOver = () => this.options.incarnation() !== incarnation
      const untilClaimed = (likeness: string, name: string): Effect.Effect<void> =>
        Effect.suspend(() => {
          if (isOver() || !this.held.has(likeness)) return Effect.void
          return this.claimAgain(likeness).pipe(
            Effect.flatMap((claimed) => Effect.sync(() => claimed?._tag === "Taken" && taken(likeness, name))),
            Effect.catchAll(() => Effect.delay(untilClaimed(likeness, name), retryEvery))
          )
        })
      return Effect.forEach(this.held, ([likeness, { name }]) => untilClaimed(likeness, name), {
        concurrency: reclaimConcurrency,
        discard: true
      })
    })
  }
}

const retryEvery = "250 millis"

const reclaimConcurrency = 64

const yours: Claimed = { _tag: "Yours" }

const suspended = new ClusterUnavailable({ reason: "this node is cut off from the others" })

const contended = new ClusterUnavailable({ reason: "other nodes claim the same name" })
