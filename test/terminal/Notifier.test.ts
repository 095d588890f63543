import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Notifier from "../../src/terminal/Notifier.js"

const notified = (delay = 0) =>
  Effect.gen(function* () {
    const delivered: Array<string> = []
    const deliver = ({ isMention, message, more }: Notifier.Notification) =>
      Effect.zipRight(
        Effect.sync(() => delivered.push(`${message.text}${isMention ? "!" : ""} +${more}`)),
        Effect.sleep(delay)
      )
    const notifier = yield* Notifier.make(deliver, "2 seconds")
    const offer = (text: string, isMention = false) => notifier.offer({ _tag: "Message", from: "bob", text }, isMention)
    return { ...notifier, offer, delivered, passes: (millis: number) => TestClock.adjust(millis) }
  })

describe("Notifier", () => {
  it.scoped("passes on a message at once, and what comes within the interval as one", () =>
    Effect.gen(function* () {
      const { delivered, offer, passes } = yield* notified()
      offer("one")
      yield* passes(0)
      assert.deepStrictEqual(delivered, ["one +0"])
      offer("two")
      yield* passes(1_999)
      offer("three")
      assert.deepStrictEqual(delivered, ["one +0"])
      yield* passes(1)
      assert.deepStrictEqual(delivered, ["one +0", "three +1"])
      yield* passes(10_000)
      offer("four")
      yield* passes(0)
      assert.deepStrictEqual(delivered.slice(2), ["four +0"])
    })
  )

  it.scoped("prefers the last message that mentions the user", () =>
    Effect.gen(function* () {
      const { delivered, offer, passes } = yield* notified()
      offer("one")
      offer("two", true)
      offer("three", true)
      offer("four")
      yield* passes(0)
      assert.deepStrictEqual(delivered, ["three! +3"])
    })
  )

  it.scoped("passes on one at a time", () =>
    Effect.gen(function* () {
      const { delivered, offer, passes } = yield* notified(60_000)
      offer("one")
      yield* passes(0)
      for (let count = 0; count < 100; count++) offer("more")
      yield* passes(61_999)
      assert.deepStrictEqual(delivered, ["one +0"])
      yield* passes(1)
      assert.deepStrictEqual(delivered, ["one +0", "more +99"])
    })
  )

  it.scoped("forgets what the user has seen meanwhile", () =>
    Effect.gen(function* () {
      const { clear, delivered, offer, passes } = yield* notified()
      offer("one")
      yield* passes(0)
      offer("two")
      clear()
      yield* passes(10_000)
      assert.deepStrictEqual(delivered, ["one +0"])
      offer("three")
      yield* passes(0)
      assert.deepStrictEqual(delivered, ["one +0", "three +0"])
    })
  )
})
