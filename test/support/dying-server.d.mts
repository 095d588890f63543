import type * as Net from "node:net"

/** What the server was about to answer when it died. */
export type Stage =
  "accept" | "login" | "hello" | "hello proof" | "first ping" | "later ping" | "who" | "message" | "delivery" | "quit"

/**
 * `fin` and `reset` end the connection. `torn` writes the answer without its line feed, and ends the connection in
 * order.
 * `kill` ends the process as `kill -9` does, and the kernel its connections.
 */
export type Death = "fin" | "reset" | "torn" | "kill"

export declare const serve: (stage: Stage, death: Death) => (socket: Net.Socket) => void
