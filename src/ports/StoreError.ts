import * as Data from "effect/Data"

/** Why a store did not do what it was asked to do. */
export type StoreFailure =
  /** The disk has no space left. Reading still works, and storing works again once there is space. */
  | "full"
  /** The stored data is damaged. Nothing is stored any more; lines that are intact can still be read. */
  | "damaged"
  /** The store does not answer, or refuses: a lost connection to a database, an I/O error, a closed store. */
  | "unavailable"

/**
 * A request that the store did not carry out: nothing of it was stored. A store that does not know whether a
 * transaction was committed finds out before it answers.
 */
export class StoreError extends Data.TaggedError("StoreError")<{
  readonly reason: StoreFailure
  /** What happened, in one line without secrets or texts. */
  readonly description: string
  readonly cause?: unknown
}> {
  override get message() {
    return this.description
  }
}

/** Why a store cannot be opened. */
export type StoreObstacle =
  /** Another process uses the store. */
  | "in-use"
  /** A newer version of a-chat wrote it. */
  | "newer-schema"
  /** The file or database is something else, or is damaged beyond reading. */
  | "not-a-store"
  /** The folder does not exist, the permissions do not suffice, or the database refuses the connection. */
  | "not-accessible"
  /** The database cannot be reached, or is starting or stopping: it may be there a moment later. */
  | "away"
  /** The database is configured so that a power cut loses what it has committed. */
  | "not-durable"
  /** The package with the driver is not installed. */
  | "no-driver"

/**
 * A store that cannot be opened. A server then does not start: exit status 2 after the message, which is one sentence;
 * if the store is only away, 1.
 */
export class StoreOpenError extends Data.TaggedError("StoreOpenError")<{
  readonly reason: StoreObstacle
  readonly description: string
  readonly cause?: unknown
}> {
  override get message() {
    return this.description
  }
}
