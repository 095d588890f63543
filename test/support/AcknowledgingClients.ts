import * as Effect from "effect/Effect"
import { startMemoryServer, type MemoryClient, type MemoryServerOptions } from "./MemoryServer.js"
import { flood } from "./NumberedLines.js"

/** Clients that acknowledge, or do not, for the tests of what their senders get to know. */

/** Bob acknowledges, and alice labels her lines. */
export const pair = (options: MemoryServerOptions) =>
  Effect.gen(function* () {
    const chat = yield* startMemoryServer(options)
    const bob = yield* chat.join("bob")
    bob.say("/hello ack")
    yield* bob.barrier
    const alice = yield* chat.join("alice")
    alice.say("/hello")
    yield* alice.barrier
    return { ...chat, alice, bob }
  })

/** The lines of a client that are not notices, nor replies to `/ping` or `/hello`. */
export const told = ({ received }: MemoryClient) =>
  received.filter((line) => !/^\* (?:joined|left|pong|hello)/.test(line)).map((line) => line.replace(/:.*/, ""))

export const isOver = ({ end }: MemoryClient) => end().inOrder || end().closed

export const floodTo = (name: string, count: number) => flood(count).map((line) => line.replace("bob", name))

export const badAcks = ({ received }: MemoryClient) => received.filter((line) => line.startsWith("! bad-line")).length
