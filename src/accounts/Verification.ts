import * as Effect from "effect/Effect"
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { availableParallelism } from "node:os"
import { FifoSemaphore } from "../concurrency/FifoSemaphore.js"
import type { Time } from "../ports/Time.js"
import * as Credentials from "./Credentials.js"
import { Throttle } from "./Throttle.js"

/**
 * Checks passwords without delaying other work. A hash occupies a thread for 50 ms, so a storm of logins could
 * otherwise occupy all cores, or all of libuv's few threads.
 */

/** A password that a client claims to be that of an account. */
export interface PasswordClaim {
  /** Identifies the account, which need not exist. */
  readonly account: string
  /** Identifies the client's address. */
  readonly address: string
  readonly password: string
}

export type PasswordVerdict =
  | {
      readonly _tag: "Right"
      /** A new record for the store if the current one has another cost. */
      readonly record: string | undefined
    }
  | { readonly _tag: "Wrong" }
  | Unchecked

/** Why a password is not checked now. */
export type Unchecked =
  /** Too many wrong passwords for this account from this address. */
  | { readonly _tag: "Throttled"; readonly retryMillis: number }
  /** Too many checks are waiting. */
  | { readonly _tag: "Busy"; readonly retryMillis: number }

/** The default number of concurrent hashes: one per core except for one core, and at most two. */
export const defaultThreads = Math.max(1, Math.min(2, availableParallelism() - 1))

export interface VerificationOptions {
  readonly time: Time
  /** The number of concurrent hashes. */
  readonly threads?: number
  /** The cost of new records, and of checks without an account. Tests lower it. */
  readonly cost?: Credentials.Cost
  /** The hash function. Default: scrypt in libuv's threads, which a simulation does not have. */
  readonly derive?: Credentials.Derive | undefined
}

/** The most checks that wait or run at a time, in all and for one address. */
export const maxPending = 256
export const maxPendingPerAddress = 4

/** How long a right password is remembered. */
export const rememberedMillis = 600_000

/** The most passwords that are remembered. The oldest is forgotten first. */
const maxRemembered = 10_000

/**
 * Rejected clients are asked to retry after a random time from once to twice this, so that they do not all return at
 * once.
 */
const busyMillis = 1_000

const busy = (): Unchecked => ({ _tag: "Busy", retryMillis: Math.round(busyMillis * (1 + Math.random())) })

interface Remembered {
  readonly mac: Buffer
  readonly until: number
}

export class Verification {
  /** Random in each process, so that the remembered values are of no use elsewhere. */
  private readonly key = randomBytes(32)
  private readonly remembered = new Map<string, Remembered>()
  private readonly throttle: Throttle
  private readonly threads: FifoSemaphore
  private readonly now: () => number
  private readonly cost: Credentials.Cost
  private readonly derive: Credentials.Derive | undefined
  private pending = 0
  private readonly pendingByAddress = new Map<string, number>()
  /** Allows one check at a time for each account and address with an earlier right password. */
  private readonly familiar = new Map<string, { readonly turn: FifoSemaphore; users: number }>()

  constructor(options: VerificationOptions) {
    const { cost = Credentials.cost, threads = defaultThreads, time } = options
    this.now = time.now
    this.cost = cost
    this.derive = options.derive
    this.throttle = new Throttle(time.now)
    this.threads = new FifoSemaphore(threads)
  }

  /**
   * Checks a password against the record of its account. Takes as long for an account that does not exist and has no
   * record.
   *
   * @param record fails if the store does not answer
   * @param isCurrent whether the record is still that of the account. If it was replaced during the comparison, the
   * password is not remembered.
   */
  check<E>(
    claim: PasswordClaim,
    record: Effect.Effect<string | undefined, E>,
    isCurrent: () => boolean = () => true
  ): Effect.Effect<PasswordVerdict, E> {
    return Effect.suspend(() => {
      const { account, address } = claim
      const refused = this.refusal(claim)
      if (refused !== undefined) return Effect.succeed<PasswordVerdict>(refused)
      if (this.isRemembered(claim)) return Effect.succeed(this.right(claim, undefined))
      const work = Effect.suspend(() =>
        // The same password may have been checked for another connection while this one waited.
        this.isRemembered(claim) ? Effect.succeed(this.right(claim, undefined)) : this.compare(claim, record, isCurrent)
      )
      if (this.throttle.isFamiliar(account, address)) return this.inTurn(claim, work)
      return Effect.map(this.bounded(address, work), (verdict) => verdict ?? busy())
    })
  }

  /**
   * Why `check` would not check a password now; undefined if it would. Rejects most clients of a storm at once, at the
   * cost of a guest's login (benchmark: 1,000 logins with passwords at once).
   */
  refusal(claim: PasswordClaim): Unchecked | undefined {
    const { account, address } = claim
    const retryMillis = this.throttle.wait(account, address)
    // Checked before the remembered password, which would otherwise make guesses almost free for an attacker.
    if (retryMillis > 0) return { _tag: "Throttled", retryMillis }
    const isTaken = this.hasRoom(address) || this.throttle.isFamiliar(account, address) || this.isRemembered(claim)
    return isTaken ? undefined : busy()
  }

  /** Makes the record of a new password; undefined if too many checks are waiting. */
  hash(address: string, password: string): Effect.Effect<string | undefined> {
    return this.bounded(address, this.threads.withPermit(Credentials.hash(password, this.cost, this.derive)))
  }

  /** The client has set this password for the account. */
  wasChosen(claim: PasswordClaim) {
    this.right(claim, undefined)
  }

  /** Forgets the remembered password of an account, because it has changed or the account is gone. */
  forget(account: string) {
    this.remembered.delete(account)
  }

  private compare<E>(
    claim: PasswordClaim,
    record: Effect.Effect<string | undefined, E>,
    isCurrent: () => boolean
  ): Effect.Effect<PasswordVerdict, E> {
    const compared = Effect.flatMap(record, (found) =>
      Effect.flatMap(Credentials.verify(claim.password, found ?? Credentials.decoy, this.derive), (isSame) =>
        isSame && found !== undefined
          ? Effect.map(this.renewed(claim.password, found), (renewed) => this.right(claim, renewed, isCurrent()))
          : Effect.sync(() => this.wrong(claim))
      )
    )
    return this.threads.withPermit(compared)
  }

  /** A record with the current cost, if this one has another. */
  private renewed(password: string, record: string): Effect.Effect<string | undefined> {
    return Credentials.isOutdated(record, this.cost)
      ? Credentials.hash(password, this.cost, this.derive)
      : Effect.succeed(undefined)
  }

  private right(claim: PasswordClaim, record: string | undefined, isCurrent = true): PasswordVerdict {
    this.throttle.right(claim.account, claim.address)
    if (isCurrent) this.remember(claim)
    return { _tag: "Right", record }
  }

  private wrong({ account, address }: PasswordClaim): PasswordVerdict {
    this.throttle.wrong(account, address)
    return { _tag: "Wrong" }
  }

  private remember(claim: PasswordClaim) {
    const { account } = claim
    // Deleted first, so that the map stays in the order of the last right passwords.
    this.remembered.delete(account)
    this.remembered.set(account, { mac: this.mac(claim), until: this.now() + rememberedMillis })
    if (this.remembered.size <= maxRemembered) return
    const [oldest] = this.remembered.keys()
    if (oldest !== undefined) this.remembered.delete(oldest)
  }

  private isRemembered(claim: PasswordClaim): boolean {
    const known = this.remembered.get(claim.account)
    return known !== undefined && known.until > this.now() && timingSafeEqual(known.mac, this.mac(claim))
  }

  private mac({ account, password }: PasswordClaim): Buffer {
    return createHmac("sha256", this.key).update(`${account.length} ${account}${password}`).digest()
  }

  /**
   * Clients with an earlier right password are never turned away. Those of one account and address take turns, so that
   * they cannot take all places.
   */
  private inTurn<A, E>({ account, address }: PasswordClaim, work: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const key = `${address} ${account}`
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const found = this.familiar.get(key) ?? { turn: new FifoSemaphore(1), users: 0 }
        found.users += 1
        this.familiar.set(key, found)
        return found
      }),
      ({ turn }) => turn.withPermit(work),
      (found) =>
        Effect.sync(() => {
          found.users -= 1
          if (found.users === 0) this.familiar.delete(key)
        })
    )
  }

  /** Runs the work; undefined if there is no room for it. */
  private bounded<A, E>(address: string, work: Effect.Effect<A, E>): Effect.Effect<A | undefined, E> {
    return Effect.suspend(() => {
      if (!this.hasRoom(address)) return Effect.succeed(undefined)
      this.count(address, 1)
      const done = Effect.sync(() => this.count(address, -1))
      return Effect.ensuring(work, done)
    })
  }

  private hasRoom(address: string): boolean {
    return this.pending < maxPending && (this.pendingByAddress.get(address) ?? 0) < maxPendingPerAddress
  }

  private count(address: string, change: 1 | -1) {
    const own = (this.pendingByAddress.get(address) ?? 0) + change
    this.pending += change
    if (own === 0) this.pendingByAddress.delete(address)
    else this.pendingByAddress.set(address, own)
  }
}
