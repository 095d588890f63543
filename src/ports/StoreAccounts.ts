import type * as Brand from "effect/Brand"
import type * as Effect from "effect/Effect"
import type { StoreError } from "./StoreError.js"
import type { Undelivered } from "./StoreUpkeep.js"

/** Identifies an account within one store. At least 1, and never used again, not even after the name is freed. */
export type AccountId = number & Brand.Brand<"AccountId">

export interface StoredAccount {
  readonly id: AccountId
  /** In wire form. */
  readonly name: string
  /** `Name.likeness` of the name, in ordinary text. No two accounts have the same. */
  readonly likeness: string
  /** The wall clock, ms since 1970. */
  readonly created: number
  /** Its name stays taken, but nobody can log in and nothing is stored for it. */
  readonly isRemoved: boolean
}

/** An account whose name is available again. Lines that it wrote or was written are still kept by others. */
export type FreedAccount = Pick<StoredAccount, "id" | "name">

export interface StoredDevice {
  readonly name: string
  readonly hasToken: boolean
  /** When it was last seen by the wall clock, ms since 1970. */
  readonly seen: number
}

export type OpenedDevice =
  | {
      readonly _tag: "Opened"
      readonly isNew: boolean
      /** The device that was forgotten to make room for a new one. */
      readonly forgotten: string | undefined
      /** It was another server's until now, as far as the store knows. Left out if not. */
      readonly wasTaken?: true
    }
  /** The account has `maxDevices` devices, and all of them are present. */
  | { readonly _tag: "TooMany" }
  /** There is no such device, and none was to be made. */
  | { readonly _tag: "Unknown" }
  /** The device is that of another server, which still runs. Nothing has changed. */
  | {
      readonly _tag: "Elsewhere"
      /** The id of that server: one of `others`. */
      readonly owner: string
    }

export interface OpenDeviceOptions {
  readonly maxDevices: number
  readonly present: ReadonlyArray<string>
  /** Whether the device must exist. Default: false. */
  readonly isKnown?: boolean | undefined
  /**
   * Whether nobody is connected as this device: it does not become this server's, and is never `Elsewhere`. Default:
   * false.
   */
  readonly isAway?: boolean | undefined
  /**
   * The ids of the other servers of this store that run. Devices of theirs count as present, and `device` is
   * `Elsewhere` if it is one of them. Default: none.
   */
  readonly others?: ReadonlyArray<string> | undefined
  /** The one of `others` that has given the device up for this server. */
  readonly takeFrom?: string | undefined
}

/** How long a login may take from `openDevice` until its device is among those that are connected (`seen`). */
export const openingMillis = 60_000

/**
 * Accounts, their devices, and what proves them. Secrets come as hashes; this port never sees a password or a token.
 */
export interface StoreAccounts {
  /** All accounts but those whose name was freed, in order of creation. */
  readonly all: Effect.Effect<ReadonlyArray<StoredAccount>, StoreError>
  /** The accounts whose name was freed. */
  readonly freed: Effect.Effect<ReadonlyArray<FreedAccount>, StoreError>
  /** Creates an account; undefined if its likeness is taken, also by a removed account. */
  readonly create: (account: {
    readonly name: string
    readonly likeness: string
    readonly credential: string
  }) => Effect.Effect<StoredAccount | undefined, StoreError>
  /** The hash of the password with its parameters; undefined for an account that is unknown or removed. */
  readonly credential: (account: AccountId) => Effect.Effect<string | undefined, StoreError>
  /**
   * Replaces the hash of the password. Tokens stay. False for an account that is unknown or removed.
   *
   * @param before the hash of the same password that this one replaces, if it is only made in another way: then the
   *   password does not count as changed, and the result is false if the account has another hash
   */
  readonly setCredential: (
    account: AccountId,
    credential: string,
    before?: string
  ) => Effect.Effect<boolean, StoreError>
  /**
   * Removes an account: devices, tokens, cursors and the credential are gone, lines that waited for it return, and it
   * leaves all rooms (`StoreRooms.leave`; also its invitations are gone). Its name stays taken. The result has the
   * returns to guests; those to accounts are in `returns`. Undefined for an account that is unknown or removed.
   */
  readonly remove: (account: AccountId) => Effect.Effect<ReadonlyArray<Undelivered> | undefined, StoreError>
  /** Makes the name of a removed account available. False if the account is unknown, or not removed. */
  readonly free: (account: AccountId) => Effect.Effect<boolean, StoreError>
  readonly devices: (account: AccountId) => Effect.Effect<ReadonlyArray<StoredDevice>, StoreError>
  /**
   * Finds or creates a device, which counts as seen now. A new device starts where the furthest one is, so it gets what
   * no device was given; the first one starts at the beginning. At `maxDevices`, the device that was away longest is
   * forgotten, but none of those that are `present`. In a store that several servers use, the device is then that of
   * this server: only this one moves its cursors, until another one opens it or this one reports that it has `left`.
   */
  readonly openDevice: (
    account: AccountId,
    device: string,
    options: OpenDeviceOptions
  ) => Effect.Effect<OpenedDevice, StoreError>
  /** Sets a device's token to the SHA-256 of a new one. The device must exist; otherwise the result is false. */
  readonly setToken: (account: AccountId, device: string, hash: Uint8Array) => Effect.Effect<boolean, StoreError>
  /** The device whose token has this SHA-256. */
  readonly deviceOfToken: (account: AccountId, hash: Uint8Array) => Effect.Effect<string | undefined, StoreError>
  /** Removes a device with its cursors, labels and token. False if there is none. */
  readonly forget: (account: AccountId, device: string) => Effect.Effect<boolean, StoreError>
  /**
   * Marks devices as seen now, then forgets those that were away for longer than `keep` of running time. To be called
   * now and then with all that are connected. In a store that several servers use, no device of `others` is forgotten;
   * by default none of any other server, whether or not that one still runs. Devices of this server that have neither
   * been connected nor opened for a minute are no longer those of this server.
   *
   * @returns the forgotten ones
   */
  readonly seen: (
    present: ReadonlyArray<{ readonly account: AccountId; readonly device: string }>,
    others?: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<{ readonly account: AccountId; readonly device: string }>, StoreError>
  /** Marks devices as seen now: those that have just left. They are no longer those of this server. */
  readonly left: (
    devices: ReadonlyArray<{ readonly account: AccountId; readonly device: string }>
  ) => Effect.Effect<void, StoreError>
}
