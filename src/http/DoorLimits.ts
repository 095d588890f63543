import * as Duration from "effect/Duration"

/** The limits of the HTTP door. All others are those of the chat: each request is a client of it. */
export interface DoorLimits {
  /** Bytes in the body of a request. */
  readonly maxBodyBytes: number
  /** Lines that a request sends, once for each recipient: each pair has an outcome in the answer. */
  readonly maxLines: number
  /**
   * Values of `Idempotency-Key` that are remembered with what was sent: 200 bytes each, and as much again for each
   * account.
   */
  readonly maxKeys: number
  /** Streams of `/listen` at once. */
  readonly maxStreams: number
  /** The longest wait of a request for the outcomes of its lines, and for any other reply of the chat. */
  readonly patience: Duration.Duration
}

export const defaults: DoorLimits = {
  maxBodyBytes: 2 ** 20,
  maxLines: 10_000,
  maxKeys: 10_000,
  maxStreams: 256,
  // Longer than a server waits for a recipient that does not read.
  patience: Duration.seconds(60)
}

export const shortestPatience = Duration.millis(100)

export const longestPatience = Duration.hours(1)
