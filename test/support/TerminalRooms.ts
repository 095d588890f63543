import * as Effect from "effect/Effect"
import { openTerminal, type TerminalOptions } from "./MemoryTerminal.js"
import * as RoomsServer from "./RoomsServer.js"

export const alt = (key: string) => `\x1b${key}`
export const altLeft = "\x1b[1;3D"
export const altRight = "\x1b[1;3C"
export const pageUp = "\x1b[5~"

/** Lines 1 to `count` of a conversation, by bob. */
export const numbered = (count: number) => Array.from({ length: count }, (_, at) => `bob: line ${at + 1}`)

/** Alice's terminal on a server with rooms. */
export const start = ({
  terminal = {},
  ...options
}: RoomsServer.RoomsServerOptions & { readonly terminal?: TerminalOptions }) =>
  Effect.gen(function* () {
    const server = yield* RoomsServer.make(options)
    const { keyring } = RoomsServer
    const alice = yield* openTerminal(
      server.socket,
      options.isOfAccount === false ? terminal : { keyring, ...terminal }
    )
    yield* alice.sees(/connected to\s+memory\s+as\s+alice/u)
    return { alice, server }
  })

/** The rows of a terminal, without their times. */
export const plain = ({ rows }: { readonly rows: () => ReadonlyArray<string> }) =>
  rows().map((row) => row.replace(/^(?:(?:\d{4}-\d\d-\d\d )?\d\d:\d\d| {5}) /u, ""))
