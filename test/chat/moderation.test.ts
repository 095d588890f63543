import { describe, it } from "@effect/vitest"
import type { Clock } from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { assert } from "vitest"
import { seededRandom } from "../../scripts/random.mjs"
import * as AddressRange from "../../src/chat/AddressRange.js"
import type { Decision } from "../../src/chat/Admission.js"
import * as BanSubject from "../../src/chat/BanSubject.js"
import { from, pass, startMemoryBroker, startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { flood, numbersFrom, range, returnedCount } from "../support/NumberedLines.js"
import { noTimeouts, shortTimeouts } from "../support/SmallSettings.js"
import { settle } from "../support/Turns.js"

const subject = (text: string): BanSubject.BanSubject => Either.getOrThrowWith(BanSubject.parse(text), Error)

const farewell = ({ received }: MemoryClient) => received.at(-1)?.replace(/:.*/u, "")

describe("a client that is kicked", () => {
  it.scoped("gets a last line, has left for the others, and may come back", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(shortTimeouts)
      const alice = yield* join("alice")
      alice.say("/hello")
      yield* alice.barrier
      const bob = yield* join("Bob")
      assert.isFalse(yield* server.kick("carol"))
      assert.isTrue(yield* server.kick("bob"), "a name that looks the same")
      yield* bob.ended
      assert.strictEqual(farewell(bob), "! kicked fatal")
      assert.isTrue(bob.end().inOrder)
      alice.say("Bob: hi")
      yield* alice.barrier
      yield* pass(250) // notices are collected
      assert.includeMembers(
        alice.received.map((line) => line.replace(/:.*/u, "")),
        ["* left Bob", "! undelivered Bob reason=offline"]
      )
      bob.socket.destroy()
      yield* settle
      yield* join("bob")
    })
  )

  it.scoped("gets what is on its way; the rest of its queue returns at once, with the outcomes of labelled lines", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ ...shortTimeouts, outboxBytes: 100_000 })
      const [bob, carol] = [yield* join("bob"), yield* join("carol")]
      const alice = yield* join("alice")
      bob.socket.pause()
      carol.say("/hello")
      yield* carol.barrier
      alice.say(...flood(50))
      yield* alice.barrier // the first batch is in the writer's hands
      alice.say(...flood(50, 50))
      carol.say("@k1 bob: labelled")
      yield* alice.barrier
      yield* carol.barrier
      assert.strictEqual(returnedCount("disconnected", alice.received), 0)
      assert.isTrue(yield* server.kick("bob"))
      yield* settle
      const returned = returnedCount("disconnected", alice.received)
      assert.isAbove(returned, 0)
      assert.include(carol.received.join("\n"), "! undelivered @k1 bob reason=disconnected: ")
      bob.socket.resume()
      yield* bob.ended
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 100 - returned))
      assert.strictEqual(farewell(bob), "! kicked fatal")
      assert.strictEqual(returnedCount("disconnected", alice.received), returned, "each line is written or returned")
    })
  )

  it.scoped("is gone after the linger time if it takes nothing, and everything that it has not taken returns", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker({ ...noTimeouts, outboxBytes: 100_000 })
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(100))
      yield* alice.barrier
      assert.isTrue(yield* broker.moderate((moderation) => moderation.kick("bob")))
      yield* pass(4_000)
      assert.deepStrictEqual(reasons, [])
      yield* pass(1_500)
      assert.deepStrictEqual(reasons, ["kicked"])
      bob.socket.resume()
      yield* settle
      const arrived = numbersFrom("alice", bob.received)
      assert.deepStrictEqual(arrived, range(0, arrived.length))
      assert.strictEqual(arrived.length + returnedCount("disconnected", alice.received), 100)
      assert.strictEqual(broker.ledger.inFlight, 0)
    })
  )

  it.scoped("does not wait for the outcomes of its own lines, which still arrive", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(noTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(30))
      yield* alice.barrier
      assert.isTrue(yield* server.kick("alice"))
      yield* alice.ended
      assert.strictEqual(farewell(alice), "! kicked fatal")
      bob.socket.resume()
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 30))
    })
  )

  it.scoped("has its lines refused that the server has not handled yet, such as those of a held sender", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(noTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(200))
      yield* settle
      assert.isTrue(yield* server.kick("alice"))
      yield* settle
      assert.strictEqual(farewell(alice), "! kicked fatal")
      bob.socket.resume()
      yield* bob.barrier
      const arrived = numbersFrom("alice", bob.received)
      assert.isBelow(arrived.length, 200)
      const { accepted, written } = yield* server.ledger
      assert.deepStrictEqual([arrived, accepted, written], [range(0, accepted), arrived.length, arrived.length])
    })
  )

  it.scoped("releases the senders that wait for it", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(noTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(200), "/ping after")
      yield* settle
      assert.notInclude(alice.received, "* pong: after")
      assert.isTrue(yield* server.kick("bob"))
      yield* settle
      assert.include(alice.received, "* pong: after")
      bob.socket.resume()
      yield* bob.ended
      const arrived = numbersFrom("alice", bob.received).length
      const [offline, returned] = ["offline", "disconnected"].map((reason) => returnedCount(reason, alice.received))
      assert.strictEqual(arrived + (offline ?? 0) + (returned ?? 0), 200)
    })
  )

  it.scoped("that acknowledges gets no more time: what it has not acknowledged returns", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(shortTimeouts)
      const bob = yield* join("bob")
      bob.say("/hello ack")
      yield* bob.barrier
      const alice = yield* join("alice")
      alice.say("bob: 1", "bob: 2", "bob: 3")
      yield* alice.barrier
      bob.say("/ack 1")
      yield* bob.barrier
      assert.isTrue(yield* server.kick("bob"))
      yield* bob.ended
      yield* alice.barrier
      assert.strictEqual(returnedCount("disconnected", alice.received), 2)
      const { received, returned } = yield* server.ledger
      assert.deepStrictEqual({ received, returned }, { received: 1, returned: 2 })
    })
  )

  it.scoped("gets nothing after its last line, not even what returns to itself", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ ...noTimeouts, outboxBytes: 100_000 })
      const bob = yield* join("bob")
      bob.socket.pause()
      bob.say(...flood(50))
      yield* settle
      bob.say(...flood(50, 50))
      yield* settle
      assert.isTrue(yield* server.kick("bob"))
      yield* settle
      bob.socket.resume()
      yield* bob.ended
      assert.strictEqual(farewell(bob), "! kicked fatal")
      assert.strictEqual(returnedCount("disconnected", bob.received), 0)
      const { dead, written } = yield* server.ledger
      assert.deepStrictEqual([numbersFrom("bob", bob.received).length, dead], [written, 100 - written])
      assert.isAbove(dead, 0)
    })
  )

  it.scoped("is each client with the name if they only send", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* startMemoryServer(shortTimeouts)
      const scripts = [yield* connect, yield* connect]
      for (const script of scripts) {
        script.say("/hello send-only", "script")
        yield* script.barrier
      }
      assert.isTrue(yield* server.kick("Script"))
      for (const script of scripts) {
        yield* script.ended
        assert.strictEqual(farewell(script), "! kicked fatal")
      }
      yield* settle
      assert.isFalse(yield* server.kick("script"))
    })
  )

  it.scoped("and banned in the same turn still gets the first last line", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(noTimeouts)
      const bob = yield* join("bob")
      yield* broker.moderate((moderation) => {
        assert.isTrue(moderation.kick("bob"))
        assert.strictEqual(moderation.ban(subject("name=bob"), undefined), 1)
      })
      yield* bob.ended
      assert.strictEqual(farewell(bob), "! kicked fatal")
      assert.isTrue(bob.end().inOrder)
      bob.socket.destroy()
      yield* settle
      assert.deepStrictEqual(reasons, ["kicked"])
    })
  )

  it.scoped("while it leaves already is broken off", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(noTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(30))
      yield* alice.barrier
      bob.say("/quit")
      yield* settle
      assert.isTrue(yield* broker.moderate((moderation) => moderation.kick("bob")))
      yield* settle
      assert.deepStrictEqual(reasons, ["kicked"])
      assert.isAbove(returnedCount("disconnected", alice.received), 0)
    })
  )

  // Every test server checks its ledger, its memory and its queues at the end.
  it.scoped("loses nothing, whoever is kicked in whatever state", () =>
    Effect.gen(function* () {
      for (const seed of range(0, 12)) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const random = seededRandom(seed)
            const { join, server } = yield* startMemoryServer({ ...shortTimeouts, outboxBytes: 2_048 })
            const names = ["alice", "bob", "carol", "dave"]
            const clients = new Map<string, MemoryClient>()
            for (const _ of range(0, 60)) {
              const name = random.pick(names)
              const client = clients.get(name) ?? (yield* join(name))
              clients.set(name, client)
              if (random.chance(0.2)) client.say(random.pick(["/hello ack", "/hello", "/ack 1", "/quit"]))
              if (random.chance(0.3)) client.socket[random.pick(["pause", "resume"] as const)]()
              for (const number of range(0, random.below(20))) {
                const label = random.chance(0.2) ? "@k " : ""
                client.say(`${label}${random.pick(names)}, ${random.pick(names)}: ${String(number).padEnd(50, ".")}`)
              }
              if (random.chance(0.5)) yield* settle
              if (random.chance(0.3)) yield* pass(random.below(3_000))
              if (!random.chance(0.15)) continue
              const kicked = random.pick(names)
              yield* server.kick(kicked)
              assert.strictEqual((yield* server.measure).pairsUnaccounted, 0, "before it is gone")
              yield* pass(6_000)
              clients.get(kicked)?.socket.destroy()
              clients.delete(kicked)
              yield* settle
              assert.strictEqual((yield* server.measure).pairsUnaccounted, 0)
              assert.strictEqual((yield* server.measure).memoryUnaccountedBytes, 0)
            }
            for (const { socket } of clients.values()) socket.resume()
          })
        )
      }
    })
  )
})

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
      const answer = yield* Deferred.make<Decision>()
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

const shown = (text: string) => Either.map(BanSubject.parse(text), (found) => [found._tag, BanSubject.show(found)])

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
