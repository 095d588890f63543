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

/** An account whose name is available again. The other parties of its conversations may still keep its lines. */
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
      /** According to the store, the device was another server's until now. Omitted if not. */
      readonly wasTaken?: true
    }
  /** The account has `maxDevices` devices, and all of them are present. */
  | { readonly _tag: "TooMany" }
  /** There is no such device, and `isKnown` forbids creating it. */
  | { readonly _tag: "Unknown" }
  /** The device belongs to another server, which still runs. Nothing has changed. */
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
   * Whether no client will be connected as this device. Then it does not become this server's, and is never
   * `Elsewhere`. Default: false.
   */
  readonly isAway?: boolean | undefined
  /**
   * The ids of the other running servers of this store. Their devices count as present, and `device` is `Elsewhere` if
   * it is one of them. Default: none.
   */
  readonly others?: ReadonlyArray<string> | undefined
  /** The one of `others` that has given the device up for this server. */
  readonly takeFrom?: string | undefined
}

/** How long a login may take from `openDevice` until its device counts as connected (`seen`). */
export const openingMillis = 60_000

/**
 * Accounts, their devices and their credentials. Secrets are passed as hashes; this port never sees a password or a
 * token.
 */
export interface StoreAccounts {
  /** All accounts except those whose name was freed, in order of creation. */
  readonly all: Effect.Effect<ReadonlyArray<StoredAccount>, StoreError>
  /** The accounts whose name was freed. */
  readonly freed: Effect.Effect<ReadonlyArray<FreedAccount>, StoreError>
  /** Creates an account; undefined if its likeness is taken, even by a removed account. */
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
   * @param before if the new hash is of the same password, the old hash. The password then does not count as changed,
   * and the result is false if the account has another hash
   */
  readonly setCredential: (
    account: AccountId,
    credential: string,
    before?: string
  ) => Effect.Effect<boolean, StoreError>
  /**
   * Removes an account with its devices, tokens, cursors, credential, memberships (`StoreRooms.leave`) and invitations.
   * Its undelivered lines return. Its name stays taken. The result has the returns to guests; those to accounts are in
   * `returns`. Undefined for an account that is unknown or removed.
   */
  readonly remove: (account: AccountId) => Effect.Effect<ReadonlyArray<Undelivered> | undefined, StoreError>
  /** Makes the name of a removed account available. False if the account is unknown or not removed. */
  readonly free: (account: AccountId) => Effect.Effect<boolean, StoreError>
  readonly devices: (account: AccountId) => Effect.Effect<ReadonlyArray<StoredDevice>, StoreError>
  /**
   * Finds or creates a device, which counts as seen now. A new device starts at the furthest cursors of the account's
   * devices, so it gets the lines that no device was given. The first device starts at the beginning. At `maxDevices`,
   * the device that was away longest is forgotten, but none that is `present`. In a store that several servers use, the
   * device then belongs to this server: only this server moves its cursors, until another one opens it or this one
   * reports that it has `left`.
   */
  readonly openDevice: (
    account: AccountId,
    device: string,
    options: OpenDeviceOptions
  ) => Effect.Effect<OpenedDevice, StoreError>
  /** Sets a device's token, by its SHA-256. False if there is no such device. */
  readonly setToken: (account: AccountId, device: string, hash: Uint8Array) => Effect.Effect<boolean, StoreError>
  /** The device whose token has this SHA-256. */
  readonly deviceOfToken: (account: AccountId, hash: Uint8Array) => Effect.Effect<string | undefined, StoreError>
  /** Removes a device with its cursors, labels and token. False if there is none. */
  readonly forget: (account: AccountId, device: string) => Effect.Effect<boolean, StoreError>
  /**
   * Marks devices as seen now, then forgets devices that were away for longer than `keep` of running time. Must be
   * called regularly with all connected devices. In a store that several servers use, no device of `others` is
   * forgotten; by default, none of any other server, running or not. Devices of this server that were neither connected
   * nor opened for a minute no longer belong to it.
   *
   * @returns the forgotten devices
   */
  readonly seen: (
    present: ReadonlyArray<{ readonly account: AccountId; readonly device: string }>,
    others?: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<{ readonly account: AccountId; readonly device: string }>, StoreError>
  /** Marks devices that have just left as seen now. They no longer belong to this server. */
  readonly left: (
    devices: ReadonlyArray<{ readonly account: AccountId; readonly device: string }>
  ) => Effect.Effect<void, StoreError>
}
