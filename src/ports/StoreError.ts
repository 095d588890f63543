import * as Data from "effect/Data"

/** Why a store did not carry out a request. */
export type StoreFailure =
  /** The disk is full. Reading still works, and storing works again once there is space. */
  | "full"
  /** The stored data is damaged. Nothing is stored any more, but intact lines can still be read. */
  | "damaged"
  /** The store does not answer, or refuses requests: a lost connection to a database, an I/O error, a closed store. */
  | "unavailable"

/**
 * The store did not carry out the request, and nothing of it was stored. A store that does not know whether a
 * transaction was committed finds out before it fails.
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
  /** The file or database is not a store, or is too damaged to be read. */
  | "not-a-store"
  /** The folder does not exist, permissions are missing, or the database refuses the connection. */
  | "not-accessible"
  /** The database cannot be reached, or is starting or stopping. It may be available a moment later. */
  | "away"
  /** The database is configured so that a power failure may lose committed transactions. */
  | "not-durable"
  /** The package with the driver is not installed. */
  | "no-driver"

/**
 * A store that cannot be opened. The message is one sentence. The server prints it and exits with status 2, or 1 if the
 * store is only `away`.
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
