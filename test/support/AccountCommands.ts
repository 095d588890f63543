import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ask, heads, startAccounts } from "./Accounts.js"
import { startMemoryServer, type MemoryClient } from "./MemoryServer.js"

export const password = "correct horse"
export const next = "battery staple"

export const start = (...[passwords = { alice: password }, options]: Parameters<typeof startAccounts>) =>
  Effect.gen(function* () {
    const accounts = yield* startAccounts(passwords, options)
    return { ...accounts, ...(yield* startMemoryServer(accounts)) }
  })

/** Asks for a token, and returns it. */
export const makeToken = (client: MemoryClient, device: string) =>
  Effect.map(ask(client, `/token ${device}`), ([line = ""]) => {
    const [, token = ""] = new RegExp(`^\\* token ${device} (achat_[0-9a-f]{32}): `, "u").exec(line) ?? []
    assert.notStrictEqual(token, "", line)
    return token
  })

export const last = ({ received }: MemoryClient) => heads(received).at(-1)
