import type { AccountId } from "../ports/StoreAccounts.js"
import type * as FatalReply from "../protocol/FatalReply.js"

/** How a connection has proven that it owns its account. */
export type LoginProof = "password" | "token" | "certificate"

/** An account, as far as the chat knows it: a name with an owner, also while no device is connected. */
export interface Account {
  readonly id: AccountId
  /** In wire form. */
  readonly name: string
}

/**
 * A connection's place in an account. Devices of one account are present together under its one name; a second
 * connection of one device replaces the first.
 */
export class Device {
  constructor(
    /** One object for all devices of an account, so that they can be compared. */
    readonly account: Account,
    readonly name: string,
    readonly proof: LoginProof
  ) {}

  /** Why the login must be refused after all. Checked in the turn in which it completes. */
  get refusal(): FatalReply.Fatal | undefined {
    return undefined
  }
}
