import { describe, it } from "@effect/vitest"
import type { Clock } from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { assert } from "vitest"
import * as AddressRange from "../../src/chat/AddressRange.js"
import type { LoginDecision } from "../../src/chat/Admission.js"
import * as BanSubject from "../../src/chat/BanSubject.js"
import { from, pass, startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { flood, range } from "../support/NumberedLines.js"
import { noTimeouts } from "../support/SmallSettings.js"
import { settle } from "../support/Turns.js"

const subject = (text: string): BanSubject.BanSubject => Either.getOrThrowWith(BanSubject.parse(text), Error)

const farewell = ({ received }: MemoryClient) => received.at(-1)?.replace(/:.*/u, "")

const shown = (text: string) => Either.map(BanSubject.parse(text), (found) => [found._tag, BanSubject.show(found)])

describe("a ban", () => {
  it.scoped("of an address disconnects its clients, and refuses it until the ban is over", () =>
    Effect.gen(function* () {
      const hosts = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"]
      const { connect, join, server } = yield* startMemoryServer({ wrap: from(...hosts) })
      const [alice, bob, silent] = [yield* join("alice"), yield* join("bob"), yield* connect]
      yield* settle
      assert.strictEqual(yield* server.ban(subject("192.0.2.1"), "10 seconds"), 2)
      for (const client of [alice, silent]) {
        yield* client.ended
        assert.strictEqual(farewell(client), "! banned retry=10000 fatal")
      }
      yield* bob.barrier
      yield* pass(9_999)
      const early = yield* connect
      yield* early.ended
      assert.strictEqual(farewell(early), "! banned retry=1 fatal")
      assert.lengthOf(yield* server.bans, 1)
      yield* pass(1)
      assert.lengthOf(yield* server.bans, 0)
      yield* join("alice")
      assert.isFalse(yield* server.unban(subject("192.0.2.1")))
    })
  )

  it.scoped("of a name refuses every name that looks the same, from anywhere, without an end unless it has one", () =>
    Effect.gen(function* () {
      const { connect, join, server } = yield* startMemoryServer()
      yield* join("alice")
      assert.strictEqual(yield* server.ban(subject("ALICE")), 1)
      assert.strictEqual(yield* server.ban(subject("name=10.0.0.1"), "1 minute"), 0)
      for (const [name, refusal] of [
        ["alice", "! banned fatal"],
        ["\u{ff21}lice", "! banned fatal"],
        ["10.0.0.1", "! banned retry=60000 fatal"]
      ] as const) {
        const client = yield* connect
        client.say(name)
        yield* client.ended
        assert.strictEqual(farewell(client), refusal)
      }
      yield* server.configure({ maxRecipients: 5 })
      const still = yield* connect
      still.say("alice")
      yield* still.ended
      assert.strictEqual(farewell(still), "! banned fatal")
      assert.isTrue(yield* server.unban(subject("Alice")))
      yield* join("alice")
    })
  )

  it.scoped("does not break off a client that an earlier ban concerns, and that gets its last line", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ ...noTimeouts, outboxBytes: 100_000 })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      bob.socket.pause()
      alice.say(...flood(100))
      yield* alice.barrier
      assert.strictEqual(yield* server.ban(subject("bob")), 1)
      assert.strictEqual(yield* server.ban(subject("carol")), 0)
      bob.socket.resume()
      yield* bob.ended
      assert.strictEqual(farewell(bob), "! banned fatal")
      assert.isTrue(bob.end().inOrder)
    })
  )

  it.scoped("that begins while a login is being decided refuses it", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<LoginDecision>()
      const { connect, server } = yield* startMemoryServer({ admission: { decide: () => Deferred.await(answer) } })
      const alice = yield* connect
      alice.say("alice")
      yield* settle
      yield* server.ban(subject("alice"))
      yield* Deferred.succeed(answer, undefined)
      yield* alice.ended
      assert.strictEqual(farewell(alice), "! banned fatal")
    })
  )

  it.scoped("is over when all bans of the address are over, and replaces an earlier one of the same subject", () =>
    Effect.gen(function* () {
      const { connect, join, server } = yield* startMemoryServer({ wrap: (socket) => from("192.0.2.1")(socket) })
      const refused = Effect.gen(function* () {
        const client = yield* connect
        yield* client.ended
        return farewell(client)
      })
      yield* server.ban(subject("192.0.2.0/24"), "1 minute")
      yield* server.ban(subject("192.0.2.1"), "10 seconds")
      assert.strictEqual(yield* refused, "! banned retry=60000 fatal")
      yield* server.ban(subject("192.0.0.0/16"))
      assert.strictEqual(yield* refused, "! banned fatal")
      yield* server.ban(subject("192.0.0.0/16"), "5 seconds")
      assert.strictEqual(yield* refused, "! banned retry=60000 fatal")
      assert.lengthOf(yield* server.bans, 3)
      assert.isTrue(yield* server.unban(subject("192.0.2.77/24")))
      assert.strictEqual(yield* refused, "! banned retry=10000 fatal")
      yield* pass(10_000)
      yield* join("alice")
    })
  )

  it.scoped("lasts as long as it should, however the wall clock is set", () =>
    Effect.gen(function* () {
      let ahead = 0
      const clock = yield* Effect.clock
      const twoClocks = {
        unsafeCurrentTimeMillis: { value: () => clock.unsafeCurrentTimeMillis() + ahead },
        unsafeCurrentTimeNanos: { value: () => clock.unsafeCurrentTimeNanos() }
      }
      const { connect, server } = yield* Effect.withClock(startMemoryServer(), Object.create(clock, twoClocks) as Clock)
      yield* server.ban(subject("alice"), "1 minute")
      for (ahead of [3_600_000, -3_600_000]) {
        const client = yield* connect
        client.say("alice")
        yield* client.ended
        assert.strictEqual(farewell(client), "! banned retry=60000 fatal")
      }
    })
  )

  it.scoped("comes before the limits, and uses no allowance", () =>
    Effect.gen(function* () {
      const { connect, join, server } = yield* startMemoryServer({
        wrap: (socket) => from("192.0.2.1")(socket),
        connectsPerAddress: 1,
        maxConnections: 16
      })
      yield* server.ban(subject("192.0.2.1"))
      for (const _ of range(0, 5)) {
        const client = yield* connect
        yield* client.ended
        assert.strictEqual(farewell(client), "! banned fatal")
        client.socket.destroy()
      }
      yield* server.unban(subject("192.0.2.1"))
      yield* join("alice")
    })
  )

  it.scoped("lists what was banned, and the time that is left", () =>
    Effect.gen(function* () {
      const { server } = yield* startMemoryServer()
      for (const text of ["2001:db8::5", "10.0.0.0/8", "bob"]) yield* server.ban(subject(text), "1 minute")
      yield* server.ban(subject("Zoë"))
      yield* pass(1_000)
      const shown = (yield* server.bans).map(({ leftMillis, subject }) => [BanSubject.show(subject), leftMillis])
      assert.sameDeepMembers(shown, [
        ["2001:db8::/64", 59_000],
        ["10.0.0.0/8", 59_000],
        ["bob", 59_000],
        ["Zoë", Infinity]
      ])
    })
  )
})

describe("a range of addresses", () => {
  const table: ReadonlyArray<readonly [text: string, range: string, inside: string, outside: string]> = [
    ["192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"],
    ["::FFFF:192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6"],
    ["10.1.2.3/8", "10.0.0.0/8", "10.255.255.255", "11.0.0.0"],
    ["10.0.0.0/31", "10.0.0.0/31", "10.0.0.1", "10.0.0.2"],
    ["0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", "::1"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8", "10.9.9.9", "11.0.0.0"],
    ["::/0", "::/0", "10.0.0.1", "not an address"],
    ["2001:DB8:0:1::5", "2001:db8:0:1::/64", "2001:db8:0:1:ffff::1", "2001:db8:0:2::5"],
    ["2001:db8::/32", "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"],
    ["2001:db8::1/128", "2001:db8::1/128", "2001:db8::1", "2001:db8::2"],
    ["::1", "::/64", "::1", "0:0:0:1::"],
    ["fe80::/10", "fe80::/10", "fe80::1%eth0", "fec0::1"]
  ]
  for (const [text, expected, inside, outside] of table) {
    it(`${text} is ${expected}, which has ${inside} and not ${outside}`, () => {
      const range = AddressRange.parse(text)
      assert.isDefined(range)
      if (range === undefined) return
      assert.strictEqual(range.text, expected)
      assert.strictEqual(AddressRange.parse(range.text)?.text, expected)
      const has = (host: string) => {
        const address = AddressRange.valueOf(host)
        return address !== undefined && AddressRange.prefixOf(address, range.bits) === range.prefix
      }
      assert.deepStrictEqual([has(inside), has(outside)], [true, false])
    })
  }

  for (const text of ["", "bob", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.0/33", "::/129", "10.0.0.0/", ":::1"]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.isUndefined(AddressRange.parse(text)))
  }
  for (const text of ["fe80::1%eth0", "10.0.0.0/8/8", "1:2:3:4:5:6:7", "[::1]", "::1]:80", "10.0.0.0/-1"]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.isUndefined(AddressRange.parse(text)))
  }
})

describe("the subject of a ban", () => {
  it("is an address, a range or a name, and either if the text says so", () => {
    for (const [text, tag, expected] of [
      ["10.0.0.1", "Addresses", "10.0.0.1"],
      ["address=10.0.0.1", "Addresses", "10.0.0.1"],
      ["name=10.0.0.1", "Name", "10.0.0.1"],
      ["bob", "Name", "bob"],
      ["address", "Name", "address"],
      ["7up", "Name", "7up"],
      ["Zoe\u0308", "Name", "Zoë"]
    ] as const) {
      assert.deepStrictEqual(shown(text), Either.right([tag, expected]))
    }
  })

  it("is not a mistyped address, nor what cannot be a name", () => {
    for (const text of ["10.0.0.256", "10.0.0.0/33", "1.2.3", "::g", "", "a b", "name=", "name=a/b", "address=bob"]) {
      assert.isTrue(Either.isLeft(BanSubject.parse(text)), text)
    }
  })
})
