import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { Appended, ConversationKey, NewLine, PageRequest } from "../../src/ports/StoreLines.js"
import type { StoreLimits } from "../../src/ports/StoreUpkeep.js"

/** Opens a new, empty store, until the scope closes. */
export type OpenStore = (limits: StoreLimits) => Effect.Effect<StoreService, unknown, Scope.Scope>

export const defaults: StoreLimits = {
  keep: "30 days",
  keepBytes: 1024 ** 3,
  keepLines: 10_000,
  unreadLines: 1000,
  unreadBytes: 16 * 1024 ** 2
}

/** Creates an account with this name. */
export const register = (store: StoreService, name: string) =>
  Effect.map(
    store.accounts.create({ name, likeness: name.toUpperCase(), credential: `hash of ${name}` }),
    (account) => {
      assert.isDefined(account, `the name ${name} is free`)
      return account.id
    }
  )

export const device = (store: StoreService, account: AccountId, name = "main") =>
  store.accounts.openDevice(account, name, { maxDevices: 20, present: [] })

/** A line of an account, or of the guest "guest". */
export const line = (
  conversation: ConversationKey,
  account: AccountId | undefined,
  text: string,
  more: Partial<NewLine> = {}
): NewLine => ({
  conversation,
  account,
  author: account === undefined ? "guest" : `author${account}`,
  text,
  isAuto: false,
  to: "",
  isLive: false,
  ...more
})

/** The same line with a text so long that it counts this many bytes. */
export const sized = (one: NewLine, size: number): NewLine => ({
  ...one,
  text: "x".repeat(size - Keys.sizeOf(0, one))
})

export const stored = (result: Appended | undefined) => {
  assert.isDefined(result)
  assert(result._tag === "Stored")
  return result
}

/** Appends one line, and returns what became of it. */
export const append = (store: StoreService, one: NewLine) =>
  Effect.map(store.append([one]), ([result]) => result as Appended)

export const texts = (store: StoreService, request: PageRequest) =>
  Effect.map(store.page(request), ({ lines }) => lines.map(({ text }) => text))

export const numbered = (
  key: ConversationKey,
  account: AccountId | undefined,
  count: number,
  more: Partial<NewLine> = {}
) => Array.from({ length: count }, (_, index) => line(key, account, `line ${index + 1}`, more))

/** Every direct line is given, waiting or expired. */
export const balanced = (store: StoreService) =>
  Effect.map(store.statistics, (statistics) => {
    const { expired, given, stored, waiting } = statistics
    assert.strictEqual(stored, given + waiting + expired, JSON.stringify(statistics))
    return statistics
  })

/** Everything that was stored with a `keep` of an hour expires. */
export const expire = (store: StoreService) => Effect.zipRight(TestClock.adjust("2 hours"), store.retain([]))
